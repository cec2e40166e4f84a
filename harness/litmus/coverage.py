# SPDX-License-Identifier: GPL-2.0-only
"""Operation × regime × granule × scope: what the litmus runs exercised, what passed, what does not apply.

Every place of the table says something: a count, or the reason why there is none.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.arch.table import Operation, Regime, load
from harness.errors import UserError
from harness.litmus.case_lines import GRANULES, REGIMES, CaseLine, parse
from harness.litmus.observed import EXIT_KEPT, LEFT_OUT, Observed

RESULT = "result.json"
STAGE_2 = ("ipas2e1", "vmalls12e1", "alle1")
OTHER_REGIME = "the operation is not for this regime"
NOT_RUN = "no run has this case"
SELF_TEST = "self-test"
"""The fact of a cell that is ``LEFT_OUT`` or ``EXIT_KEPT`` where the operations under test were left out."""


@dataclass(slots=True)
class CoveragePlace:
    """One operation in one regime with one granule.

    ``exercised`` counts the invalidations seen to be needed, ``passed`` those of them that passed;
    ``unobservable`` passed where this machine hides a missing TLBI: by its self-test, or where it has none by
    nvh-litmus's own account; ``direct`` are traps and UNDEFINED
    operations that passed. ``reason`` is set exactly when no case says anything about an invalidation.
    """

    operation: Operation
    regime: str
    granule: str
    cases: int = 0
    exercised: int = 0
    passed: int = 0
    failed: int = 0
    unobservable: int = 0
    direct: int = 0
    not_applicable: int = 0
    other: int = 0
    refaults: int = 0
    reason: str = ""
    failing: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """``passed``, ``failed``, ``unobservable``, ``undecided``, ``not-applicable`` or ``not-run``."""
        if self.failed:
            return "failed"
        if self.other:
            return "undecided"
        if self.exercised:
            return "passed"
        if self.unobservable:
            return "unobservable"
        return "not-run" if self.reason == NOT_RUN else "not-applicable"

    @property
    def word(self) -> str:
        """What the table shows; never empty."""
        return {
            "failed": f"{self.failed}!",
            "undecided": f"{self.other}?",
            "passed": str(self.passed),
            "unobservable": f"~{self.unobservable}",
            "not-applicable": "n/a",
            "not-run": "none",
        }[self.state]


@dataclass(frozen=True, slots=True)
class OperationCoverage:
    """The places, in the order of the operation table, and how many lines they came from.

    ``machine`` is the QEMU that they ran on (``QEMU 11.1.3``), ``models`` the names of its models; both are
    empty for lines of no cell. ``observed``: the machine's self-tests.
    """

    places: tuple[CoveragePlace, ...]
    lines: int
    machine: str = ""
    models: tuple[str, ...] = ()
    observed: Observed = field(default_factory=Observed)

    def count(self) -> Mapping[str, int]:
        """How many places are in each state."""
        return Counter(place.state for place in self.places)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready: ``machine``, ``models``, ``lines``, ``states``, ``self_test`` and, for each place, an
        object.
        """
        return {
            "machine": self.machine,
            "models": list(self.models),
            "lines": self.lines,
            "states": dict(sorted(self.count().items())),
            "self_test": dict(self.observed.to_json()),
            "places": [
                {
                    "operation": place.operation.name,
                    "regime": place.regime,
                    "granule": place.granule,
                    "scope": place.operation.scope.value,
                    "state": place.state,
                    "cases": place.cases,
                    "exercised": place.exercised,
                    "passed": place.passed,
                    "failed": place.failed,
                    "unobservable": place.unobservable,
                    "direct": place.direct,
                    "not_applicable": place.not_applicable,
                    "undecided": place.other,
                    "refaults": place.refaults,
                    "reason": place.reason,
                    "failing": place.failing,
                }
                for place in self.places
            ],
        }


def regimes(operation: Operation) -> tuple[str, ...]:
    """Regimes that ``operation`` can be for at vEL2: E1 forms also EL2&0, with {E2H,TGE} = {1,1} (C5.5)."""
    if operation.family in STAGE_2:
        return ("el1&0-stage2",)
    return ("el2&0", "el2") if operation.regime is Regime.EL2 else ("el1&0", "el2&0")


def coverage(directories: Iterable[Path], models: Sequence[str] = ()) -> tuple[OperationCoverage, ...]:
    """Return a table for each QEMU that cells below ``directories`` ran on, the newest first.

    Models that are the same QEMU with other flags share one: what a CPU model lacks, or makes slow, another
    one shows. Every ``*.stdout`` is read, with ``models`` only those of cells on one of them (globs).
    A self-test's lines are no results: they tell what the machine can see. ``UserError`` when none of them
    holds a litmus case.
    """
    lines: dict[str, list[CaseLine]] = defaultdict(list)
    names: dict[str, set[str]] = defaultdict(set)
    observed: dict[str, Observed] = defaultdict(Observed)
    asked = list(directories)
    if absent := [str(each) for each in asked if not each.is_dir()]:
        raise UserError(f"no such directory: {', '.join(absent)}; name directories of runs (./nvh run)")
    for directory in asked:
        for path in sorted(directory.rglob("*.stdout")):
            model, machine, self_test = _machine(path)
            if models and not any(fnmatch.fnmatchcase(model, glob) for glob in models):
                continue
            found = list(parse(path.read_text(encoding="utf-8", errors="replace"), str(path)))
            if self_test:
                observed[machine].add(found, self_test)
            else:
                lines[machine] += found
            if found and model:
                names[machine].add(model)
    tables = tuple(
        tabulate(lines[machine], machine, sorted(names[machine]), observed=observed[machine])
        for machine in sorted({*lines, *observed}, key=_version, reverse=True)
        if lines[machine] or observed[machine].cases
    )
    if not tables:
        raise UserError("no litmus results there; run `./nvh run scenarios/litmus` and name its directory")
    return tables


def _version(machine: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", machine))


def _machine(output: Path) -> tuple[str, str, str]:
    """Model and QEMU of the cell which wrote ``output``, by its result.json, and which self-test it is.

    Empty when there is none; the last, too, when it is no self-test.
    """
    for directory in output.parents:
        if (directory / RESULT).is_file():
            try:
                result = json.loads((directory / RESULT).read_text(encoding="utf-8"))
                version = str(result["versions"].get("model", {}).get("version", ""))
                kind = str(result.get("facts", {}).get(SELF_TEST, ""))
                return str(result["model"]), version, kind if kind in (LEFT_OUT, EXIT_KEPT) else ""
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise UserError(f"{directory / RESULT} is not the result of a cell: {error!r}") from None
    return "", "", ""


def tabulate(
    lines: Iterable[CaseLine],
    machine: str = "",
    models: Iterable[str] = (),
    *,
    operations: Sequence[Operation] | None = None,
    observed: Observed | None = None,
) -> OperationCoverage:
    """Return the coverage of ``lines``, with a place for every operation, regime and granule.

    Cases without an operation (events at L0) are counted in ``lines`` only.
    """
    seen = Observed() if observed is None else observed
    by_place: dict[tuple[str, str, str], list[CaseLine]] = defaultdict(list)
    total = 0
    for line in lines:
        total += 1
        if line.operation is None:
            continue
        by_place[line.operation.name, line.regime, line.granule].append(line)
    places = tuple(
        _place(operation, regime, granule, by_place[operation.name, regime, granule], seen)
        for operation in operations or load()
        for regime in REGIMES
        for granule in GRANULES
    )
    return OperationCoverage(places, total, machine, tuple(models), seen)


def _place(
    operation: Operation, regime: str, granule: str, lines: list[CaseLine], observed: Observed
) -> CoveragePlace:
    place = CoveragePlace(operation, regime, granule, cases=len(lines))
    reasons: Counter[str] = Counter()
    for line in lines:
        place.refaults += line.refaults
        if line.verdict == "not-applicable":
            place.not_applicable += 1
            reasons[line.why.removeprefix("why=")] += 1
        elif line.verdict == "fail":
            place.failed += 1
            place.exercised += line.exercised
            place.failing.append(line.case)
        elif line.verdict != "pass":
            place.other += 1
        elif line.obliged and observed.sees(line.case) is False:
            place.unobservable += 1
        elif line.exercised or (line.control == "not-observable" and observed.sees(line.case)):
            place.exercised += 1
            place.passed += 1
        elif line.direct:
            place.direct += 1
        elif line.obliged and line.control == "not-observable":
            place.unobservable += 1
    if not place.exercised and not place.failed and not place.unobservable and not place.other:
        place.reason = _reason(operation, regime, reasons)
    return place


def _reason(operation: Operation, regime: str, given: Counter[str]) -> str:
    if given:
        return ", ".join(sorted(given))
    if regime not in regimes(operation):
        return OTHER_REGIME
    return NOT_RUN
