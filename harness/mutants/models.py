# SPDX-License-Identifier: GPL-2.0-only
"""Runs ``nvh model check --bare`` on deliberately wrong models: which step notices which fault, how soon.

Each fault is a model file, checked by a process of its own up to the first red step: the program with the
patch and a variable that names the fault, or the newest QEMU as it is with a plugin. The right model of each
kind, fault ``none``, comes first: unless it is green nothing is proved.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.artefacts.model_source import VARIABLE
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, InfraError
from harness.host import command
from harness.host.cache import write_atomic
from harness.host.paths import IMAGES
from harness.mutants.faults import PATCH, PLUGIN, ModelFault
from harness.mutants.outcome import MutantFate
from harness.scenario.mutants import NONE
from harness.where import IMPORTS, PROGRAM

RESULT = "model-mutants.json"
TEMPLATES = {PATCH: IMAGES / "models" / "qemu-10.0.yaml", PLUGIN: IMAGES / "models" / "qemu.yaml"}
"""The model that is made wrong."""
FAULT = "nvh-fault"
BARE_S = 180.0
"""What the steps may take beside the hunt; a right model takes 15 s of an idle CPU."""
GREEN, RED = ("pass",), ("fail",)


@dataclass(frozen=True, slots=True)
class Check:
    """What ``nvh model check`` said of one model: the last step that ran, its verdict, first cause and time.

    ``verdict`` is one of harness/verdict.py, of the worst step; ``seconds`` are those of all steps.
    """

    verdict: str
    step: str
    line: str
    seconds: float
    command: str


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """A fault and what became of it."""

    fault: ModelFault
    check: Check
    control: Check

    @property
    def fate(self) -> MutantFate:
        """Killed when a step is red with the fault and none is without."""
        if self.control.verdict not in GREEN or self.check.verdict not in (*GREEN, *RED):
            return MutantFate.UNDECIDED
        return MutantFate.KILLED if self.check.verdict in RED else MutantFate.SURVIVED

    @property
    def expected(self) -> MutantFate:
        """What the table says."""
        return MutantFate.SURVIVED if self.fault.survives else MutantFate.KILLED

    @property
    def as_expected(self) -> bool:
        """Whether table and run agree, on the step too."""
        by = self.fate is MutantFate.KILLED and self.check.step != self.fault.seen_by
        return self.fate is self.expected and not by


@dataclass(frozen=True, slots=True)
class FaultReport:
    """All outcomes, the control, and how long everything took (``seconds``, wall clock)."""

    outcomes: tuple[FaultOutcome, ...]
    control: Check
    version: str
    seconds: float

    @property
    def exit_status(self) -> int:
        """0 when the control is green and each fault met its fate; 3 when all that is wrong is no verdict."""
        if self.control.verdict in RED or not self.outcomes:
            return EXIT_RED
        odd = [each for each in self.outcomes if not each.as_expected]
        if any(each.fate is not MutantFate.UNDECIDED for each in odd):
            return EXIT_RED
        return EXIT_INFRA if odd or self.control.verdict not in GREEN else EXIT_PASS

    def count(self, fate: MutantFate) -> int:
        """How many faults met ``fate``."""
        return sum(each.fate is fate for each in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready (docs/model-check.md)."""
        return {
            "version": self.version,
            "seconds": round(self.seconds, 1),
            "exit_status": self.exit_status,
            "counts": {fate.value: self.count(fate) for fate in MutantFate},
            "control": _told(self.control),
            "faults": [
                {
                    "fault": each.fault.name,
                    "wrong": each.fault.wrong,
                    "at": each.fault.at,
                    "outcome": each.fate.value,
                    "expected": each.expected.value,
                    "as_expected": each.as_expected,
                    "seen_by": each.fault.seen_by,
                    "survives": each.fault.survives,
                    **_told(each.check),
                }
                for each in self.outcomes
            ],
        }


def _told(check: Check) -> dict[str, Any]:
    return {
        "verdict": check.verdict,
        "step": check.step,
        "line": check.line,
        "check_seconds": check.seconds,
        "command": check.command,
    }


def run(
    faults: Sequence[ModelFault],
    built: Mapping[str, Path],
    version: str,
    out: Path,
    *,
    jobs: int = 1,
    hunting_s: int = 30,
    say: Callable[[str], None] = lambda _: None,
) -> FaultReport:
    """Check the right models, then each fault, ``jobs`` at once; leaves ``RESULT`` in the new ``out``.

    ``built`` has the patched program and the plugin, as far as faults need them. ``hunting_s`` bounds the
    hunt of each. When a right model is not green no fault is checked.
    """
    begun = time.monotonic()
    out.mkdir(parents=True)
    controls = {
        by: check_one(by, built[by], NONE, "", out, hunting_s)
        for by in sorted({fault.by for fault in faults})
    }
    for by, check in controls.items():
        say(line_of(f"{NONE} ({by})", check))
    control = next((each for each in controls.values() if each.verdict not in GREEN), controls[faults[0].by])
    outcomes: list[FaultOutcome] = []
    if control.verdict in GREEN:
        with ThreadPoolExecutor(jobs) as pool:
            checks = pool.map(
                lambda each: check_one(each.by, built[each.by], each.name, each.options, out, hunting_s),
                faults,
            )
            for number, (fault, check) in enumerate(zip(faults, checks, strict=True), 1):
                outcomes.append(FaultOutcome(fault, check, controls[fault.by]))
                say(f"{number} of {len(faults)}: {line_of(fault.name, check)}")
    report = FaultReport(tuple(outcomes), control, version, time.monotonic() - begun)
    write_atomic(out / RESULT, json.dumps(report.to_json(), indent=1))
    return report


def line_of(name: str, check: Check) -> str:
    """One line on a check."""
    said = check.line or "nothing wrong"
    return f"{name}: {check.verdict} by {check.step} after {check.seconds:.0f} s: {said}"


def model_file(by: str, made: Path, fault: str, options: str, out: Path) -> Path:
    """Write the file of the model with one fault below ``out``.

    ``made``: the program, or the plugin, whose ``options`` say what it does.
    """
    data = yaml.safe_load(TEMPLATES[by].read_text(encoding="utf-8"))
    data |= {"model": f"fault-{fault}", "summary": f"QEMU with the fault {fault}."}
    if by == PLUGIN:
        data["devices"] = [] if fault == NONE else ["-plugin", f"{made.absolute()},{options}"]
    else:
        data["source"] = {"path": str(made.absolute())}
        data["environment"] = {VARIABLE: fault}
        data["sandbox"] = False  # this build leaves seccomp out
    path = out / f"{fault}{'.newest' if by == PLUGIN else ''}.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path.absolute()


def check_one(by: str, made: Path, fault: str, options: str, out: Path, hunting_s: int) -> Check:
    """Check one model in a process of its own; what keeps it from a verdict makes the verdict ``infra``."""
    file = model_file(by, made, fault, options, out)
    words = ["model", "check", str(file), "--bare", "--stop-at-first-red", "--seconds", str(hunting_s)]
    shown = " ".join([PROGRAM, *words])
    path = os.pathsep.join(filter(None, [str(IMPORTS), os.environ.get("PYTHONPATH", "")]))
    begun = time.monotonic()
    try:
        done = command.run(
            [sys.executable, "-m", "harness", *words, "--json", "--out", out.absolute() / file.stem],
            timeout_s=BARE_S + 2 * hunting_s,
            env={"PYTHONPATH": path},
            cwd=out,
            log=out / f"{file.stem}.log",
            check=False,
        )
    except InfraError as error:
        return Check("infra", "none", str(error), round(time.monotonic() - begun, 1), shown)
    return read_check(done.stdout, shown, round(time.monotonic() - begun, 1))


def read_check(said: str, shown: str, seconds: float) -> Check:
    """Read what ``nvh model check --json`` printed on both streams; ``infra`` when it is no report."""
    match = re.search(r"^\{$.*^\}$", said, re.M | re.S)
    try:
        data = json.loads(match[0] if match else "")
        last = data["steps"][-1]
        causes = last["causes"] or [last["summary"]]
        line = causes[0] if data["verdict"] != "pass" else ""
        return Check(
            data["verdict"],
            last["name"],
            line,
            round(sum(each["seconds"] for each in data["steps"]), 1),
            shown,
        )
    except (ValueError, KeyError, IndexError, TypeError):
        return Check("infra", "none", command.tail(said, 1).strip() or "it printed nothing", seconds, shown)
