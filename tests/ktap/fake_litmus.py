# SPDX-License-Identifier: GPL-2.0-only
"""Stands in for nvh-litmus beside the real nvh-bundle: it plays recorded lines of cases back.

``replay.json`` beside it: ``lines`` of cases by name, their ``ends`` (verdict, reason, evidence, the name's
hash), ``features`` of the machine, and ``mode``, how it behaves: ``whole``, ``no-el2``, ``dies``, ``hangs``,
``chatty``, ``another``, ``torn``.
"""

import fnmatch
import json
import os
import signal
import sys
import time
from pathlib import Path

REPLAY = json.loads(Path(sys.argv[0]).with_name("replay.json").read_text())
LINES = REPLAY["lines"]
COUNTED = {
    "pass": "passed",
    "vacuous": "vacuous",
    "unable-to-fail": "unable_to_fail",
    "not-applicable": "not_applicable",
}


def names(words: list[str]) -> list[str]:
    globs = [words[i + 1] for i, word in enumerate(words) if word == "--case"]
    skip = [words[i + 1] for i, word in enumerate(words) if word == "--skip"]
    found = [
        name
        for name in LINES
        if (not globs or any(fnmatch.fnmatchcase(name, glob) for glob in globs))
        and not any(fnmatch.fnmatchcase(name, glob) for glob in skip)
    ]
    if "--cases" in words:
        wanted = sys.stdin.read().split()
        found = [name for name in wanted if name in found]
    return found


def population(ran: list[str], selected: list[str]) -> str:
    count = dict.fromkeys(("passed", "failed", "vacuous", "unable_to_fail", "not_applicable"), 0)
    evidence = dict.fromkeys(("seen", "direct", "unobservable", "free"), 0)
    reasons: dict[str, int] = {}
    for verdict, why, shown, _ in (REPLAY["ends"][name] for name in ran):
        count[COUNTED.get(verdict, "failed")] += 1
        if verdict == "not-applicable":
            reasons[why] = reasons.get(why, 0) + 1
        if shown:
            evidence[shown] += 1
    names_hash = sum(int(REPLAY["ends"][name][3], 16) for name in selected) & (1 << 64) - 1
    words = {
        "selected": len(selected),
        "run": len(ran),
        "cut": len(selected) - len(ran),
        "judged": sum(evidence.values()),
        **count,
        **evidence,
        "lost": 0,
        "worst": 1,
        "worst_case": "none",
        "names": f"{names_hash:016x}",
        "features": REPLAY["features"],
        "reasons": ",".join(f"{why}:{n}" for why, n in reasons.items()) or "none",
    }
    return "population=nvh-litmus " + " ".join(f"{key}={value}" for key, value in words.items())


def main(words: list[str]) -> int:
    mode = REPLAY["mode"]
    if "--features" in words:
        if mode == "no-el2":
            print("nvh-litmus: KVM offers no EL2 to guests", file=sys.stderr)
            return 3
        return 0
    chosen = names(words)
    if not chosen:
        print("nvh-litmus: no case is selected; see --list", file=sys.stderr)
        return 2
    if "--list" in words:
        print("\n".join(chosen))
        return 0
    ran = chosen[: len(chosen) // 2] if "--seconds" in words else chosen
    for number, name in enumerate(ran):
        if mode == "chatty":
            print(f"a warning\x1b[7m before {name}", file=sys.stderr, flush=True)
            time.sleep(0.02)
        if number == len(ran) // 2 and mode == "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        if number == len(ran) // 2 and mode == "hangs":
            time.sleep(60)
        if number == 1 and mode == "another":
            print(LINES[name].replace(name, "s1-own/of/another"), flush=True)
            continue
        if number == 1 and mode == "torn":
            print(LINES[name][:40], flush=True)
            continue
        print(LINES[name], flush=True)
    print(population(ran, chosen))
    print(f"cases={len(ran)} passed=0 failed=0 vacuous=0 not_applicable=0 unable_to_fail=0 seconds=1.00")
    return 0


sys.exit(main(sys.argv[1:]))
