# SPDX-License-Identifier: GPL-2.0-only
"""What a run consisted of: the line ``population=…`` of nvh-litmus and nvh-kvm (docs/populations.md)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from harness.errors import InputError
from harness.litmus.case_lines import CaseLine, parse

LITMUS = "nvh-litmus"
KVM = "nvh-kvm"
PROGRAMS = (LITMUS, KVM)
MARK = "population="
ATTEMPTS = 16
"""Of nvh-litmus, after which a case whose control is lost each time is vacuous (litmus/host/main.c)."""

STATUS_LOST = 4
"""Exit status of nvh-litmus when no case failed and some lost their control (litmus/host/exits.h)."""

EVIDENCE = ("seen", "direct", "unobservable", "free")
_COUNTS = ("selected", "run", "cut", "judged", "passed", "failed", "vacuous")
_LITMUS = ("unable_to_fail", "not_applicable", *EVIDENCE, "lost", "worst")
_KVM = ("iterations", "asked")
_NAMES = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Population:
    """One run's line. Numbers are cases, but ``lost``, ``worst``, ``iterations`` and ``asked``.

    ``cut``         selected and not run: ``--seconds`` ended the run, or it broke off
    ``judged``      ended in pass or fail: ``seen``, ``direct``, ``unobservable`` and ``free``, by evidence
    ``reasons``     why cases were not applicable → how many
    ``lost``        attempts that a case had to make again, all cases together; ``worst`` the most of one
                    case, the good one included, which is ``worst_case``
    ``iterations``  of nvh-kvm's cases together, made and asked for
    ``names``       the sum of the FNV-1a hashes of the selected cases' names
    ``features``    what L1 had, of nvh-litmus; of nvh-kvm its settings
    """

    program: str
    selected: int
    run: int
    cut: int
    judged: int
    passed: int
    failed: int
    vacuous: int
    names: str
    features: str
    unable_to_fail: int = 0
    not_applicable: int = 0
    seen: int = 0
    direct: int = 0
    unobservable: int = 0
    free: int = 0
    lost: int = 0
    worst: int = 0
    worst_case: str = "none"
    iterations: int = 0
    asked: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


def parse_population(line: str) -> Population:
    """Parse one line; ``ValueError`` says what is wrong with it."""
    words = dict(word.split("=", 1) for word in line.split() if "=" in word)
    program = words.get("population", "")
    if program not in PROGRAMS:
        raise ValueError(f"population={program} is of no program known here")
    wanted = (*_COUNTS, *(_LITMUS if program == LITMUS else _KVM))
    lacking = [key for key in (*wanted, "names") if key not in words]
    if lacking:
        raise ValueError(f"it does not say {', '.join(lacking)}")
    if not _NAMES.fullmatch(words["names"]):
        raise ValueError(f"names={words['names']} is no hash")
    return Population(
        program=program,
        names=words["names"],
        features=words.get("features", words.get("settings", "")),
        worst_case=words.get("worst_case", "none"),
        reasons=_reasons(words.get("reasons", "none")),
        **{key: int(words[key]) for key in wanted},
    )


def _reasons(text: str) -> Mapping[str, int]:
    if text == "none":
        return {}
    pairs = (item.rpartition(":") for item in text.split(","))
    return {why: int(count) for why, _, count in pairs}


def populations(text: str) -> list[Population]:
    """Return the populations that an output tells of, in order; ``ValueError`` for a line that is none."""
    return [parse_population(line) for line in text.splitlines() if line.startswith(MARK)]


def case_hash(names: Iterable[str]) -> str:
    """Return the word ``names`` of these cases: the sum of 64-bit FNV-1a hashes (RFC 9923), in any order."""
    total = 0
    for name in names:
        value = 0xCBF29CE484222325
        for byte in name.encode():
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        total = (total + value) & 0xFFFFFFFFFFFFFFFF
    return f"{total:016x}"


def contradictions(said: Population, text: str) -> Iterator[str]:
    """What the line says of itself, and of the cases printed above it, that cannot be so.

    The cases are looked at only where all of them are printed (not with ``--quiet``), and only of one run.
    """
    if said.run + said.cut != said.selected:
        yield f"{said.run} run and {said.cut} cut do not make {said.selected} selected"
    ended = said.passed + said.failed + said.vacuous + said.unable_to_fail + said.not_applicable
    if ended != said.run:
        yield f"{said.run} cases ran, but it gives {ended} outcomes"
    if sum(said.reasons.values()) != said.not_applicable:
        yield f"{said.not_applicable} not applicable, with reasons for {sum(said.reasons.values())}"
    if said.program != LITMUS:
        return
    evidence = sum(getattr(said, name) for name in EVIDENCE)
    if evidence != said.judged:
        yield f"{said.judged} judged, with evidence for {evidence}"
    try:
        lines = list(parse(text, "stdout"))
    except InputError as error:
        yield str(error)
        return
    if len(lines) == said.run:
        yield from _against(said, lines)


def _against(said: Population, lines: list[CaseLine]) -> Iterator[str]:
    found = Counter(evidence for line in lines if (evidence := evidence_of(line)))
    for name in EVIDENCE:
        if found[name] != getattr(said, name):
            yield f"{name}={getattr(said, name)}, but the cases printed make {found[name]}"
    names = case_hash(line.case for line in lines)
    if not said.cut and names != said.names:
        yield f"names={said.names}, but those printed make {names}"


def evidence_of(line: CaseLine) -> str:
    """Return what a case's judgement rests on, one of ``EVIDENCE``; empty for a case without a judgement.

    ``seen``: the stale translation was in use before; ``direct``: no cache is involved; ``unobservable``:
    this model would hide a missing TLBI; ``free``: the architecture obliges nothing that the case looks at.
    """
    if line.verdict not in ("pass", "fail"):
        return ""
    if not line.obliged:
        return "free"
    return {"stale-seen": "seen", "not-observable": "unobservable"}.get(line.control, "direct")
