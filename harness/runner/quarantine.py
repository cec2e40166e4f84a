# SPDX-License-Identifier: GPL-2.0-only
"""Known defects: which findings are expected to be red, of which cells, and where (docs/verdicts.md).

An entry hides nothing but what it names. Every other finding of the cell counts, an infrastructure error
counts, and where an entry says that its defect shows always, a cell in which it does not is red: it can go.
After its review date an entry has no effect, so that nothing is forgotten in it.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness.check.finding import Finding
from harness.document.data_files import load_document
from harness.document.yaml_reader import read
from harness.errors import InputError, Location, Problem, closest
from harness.host.paths import QUARANTINE as FILE
from harness.level import Level
from harness.report.results import BOOT, LEVEL, MODEL_CRASH, QUARANTINE, RESTORE, SPLAT, CellResult
from harness.scenario.language import Cell
from harness.verdict import Verdict, of_cell

ALWAYS, SOMETIMES = "always", "sometimes"
BUILT_IN = (
    "step",
    "tlb",
    "model",
    "population",
    MODEL_CRASH,
    RESTORE,
    *(f"{name}{level}" for name in (SPLAT, f"{BOOT}-", f"{LEVEL}-") for level in Level),
)
"""Findings that no expectation of a scenario is the source of; those of runs have the runs' names."""
_BOUND = re.compile(r"(>=|<=|<|>|==)\s*([0-9]+(?:\.[0-9]+)*)")
_RELEASE = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["quarantine"],
    "additionalProperties": False,
    "properties": {
        "quarantine": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["scenario", "findings", "kernel", "seen", "reason", "review"],
                "additionalProperties": False,
                "properties": {
                    "scenario": _TEXT,
                    "params": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
                    "findings": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["name"],
                            "additionalProperties": False,
                            "properties": {"name": _TEXT, "message": _TEXT},
                        },
                    },
                    "kernel": _TEXT,
                    "model": _TEXT,
                    "seen": {"enum": [ALWAYS, SOMETIMES]},
                    "reason": _TEXT,
                    "review": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
                },
            },
        }
    },
}


@dataclass(frozen=True, slots=True)
class Kernels:
    """Which L0 kernels: a glob over names, a range of versions (``>= 7.2, < 7.5``), or both in that order.

    ``!GLOB`` is every name but those of the glob: kernels that have the fix though their version is in range.
    """

    name: str
    bounds: tuple[tuple[str, tuple[int, ...]], ...]
    but: bool = False

    @classmethod
    def parse(cls, text: str) -> Kernels:
        """Return what ``[[!]GLOB] [BOUND, ...]`` means; ``ValueError`` for what is neither."""
        first = _BOUND.search(text)
        name = (text[: first.start()] if first else text).strip()
        but, name = name.startswith("!"), name.removeprefix("!")
        bounds = []
        for word in filter(None, (text[first.start() :] if first else "").split(",")):
            bound = _BOUND.fullmatch(word.strip())
            if bound is None:
                raise ValueError(f"{word.strip()!r} in {text!r}")
            bounds.append((bound[1], _numbers(bound[2])))
        if re.search(r"[\s<>=!]", name) or (but and not name):
            raise ValueError(f"{name!r} in {text!r}")
        return cls(name, tuple(bounds), but)

    def include(self, name: str, release: str) -> bool:
        """Whether a kernel of that name and release (``7.3.4-nvh``) is one; an unknown release is in no
        range.
        """
        if self.name and fnmatchcase(Path(name).stem if "/" in name else name, self.name) is self.but:
            return False
        found = _RELEASE.match(release)
        return not self.bounds or (
            found is not None and all(_holds(_numbers(found[0]), *bound) for bound in self.bounds)
        )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def _holds(release: tuple[int, ...], operator: str, bound: tuple[int, ...]) -> bool:
    """7.3.4 is ``== 7.3`` and ``<= 7.3``: a bound is as exact as it is written."""
    here = (*release, *[0] * len(bound))[: len(bound)]
    return {
        "==": here == bound,
        ">=": here >= bound,
        "<=": here <= bound,
        "<": here < bound,
        ">": here > bound,
    }[operator]


@dataclass(frozen=True, slots=True)
class ExpectedFinding:
    """A finding that is expected to be ``fail``: its name, and what its whole message must match, if said."""

    name: str
    message: re.Pattern[str] | None = None

    def is_it(self, finding: Finding) -> bool:
        """Whether ``finding`` is the defect."""
        if finding.name != self.name or finding.verdict is not Verdict.FAIL:
            return False
        return self.message is None or self.message.fullmatch(finding.message) is not None


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """One known defect. ``scenario``, ``model`` and the values of ``params`` are names or globs."""

    where: Location
    scenario: str
    params: Mapping[str, str]
    findings: tuple[ExpectedFinding, ...]
    kernels: Kernels
    model: str
    always: bool
    reason: str
    review: datetime.date

    @property
    def why(self) -> str:
        """The reason with the date."""
        return f"{self.reason} (review by {self.review})"

    def is_for(self, cell: Cell) -> bool:
        """Whether it names the cell, on whatever it runs."""
        return fnmatchcase(cell.scenario, self.scenario) and all(
            name in cell.params and fnmatchcase(str(cell.params[name]), wanted)
            for name, wanted in self.params.items()
        )

    def holds_on(self, result: CellResult) -> bool:
        """Whether it is about the kernel at L0 and the model that ran."""
        version = result.versions.get("kernel l0")
        model = Path(result.model).stem if "/" in result.model else result.model
        return fnmatchcase(model, self.model) and self.kernels.include(
            result.kernels.get("l0", ""), version.version if version else ""
        )


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The entries that are in force."""

    entries: tuple[QuarantineEntry, ...] = ()

    def knows(self, scenario: str, kernel: str, release: str) -> bool:
        """Whether ``scenario`` is expected to be red on the L0 kernel of that name and release."""
        return any(
            fnmatchcase(scenario, entry.scenario) and entry.kernels.include(kernel, release)
            for entry in self.entries
        )

    def check(self, cells: Iterable[Cell]) -> None:
        """Raise ``InputError`` where an entry names a finding or a parameter that its cells do not have."""
        problems = {}
        for cell in cells:
            runs = [str(getattr(step, "name", "")) for step in cell.steps]
            known = [*(each.name for each in cell.expectations), *runs, *BUILT_IN]
            for entry in self.entries:
                if not fnmatchcase(cell.scenario, entry.scenario):
                    continue
                for name in entry.params.keys() - cell.params.keys():
                    what = f"{cell.scenario} has no parameter {name!r}"
                    problems[what] = Problem(entry.where, what, "", closest(name, list(cell.params)))
                for name in {each.name for each in entry.findings} - set(known):
                    what = f"{cell.scenario} has no finding {name!r}"
                    problems[what] = Problem(entry.where, what, "", closest(name, known))
        if problems:
            raise InputError(list(problems.values()))

    def judged(self, cell: Cell, result: CellResult) -> CellResult:
        """Return ``result`` with what was expected of it taken into account.

        Expected findings are marked. If nothing else is wrong ``quarantine`` says why the verdict does not
        count; else the verdict is that of the rest. An entry whose defect should show always and does not
        adds a finding that fails, unless something else kept the cell from showing it.
        """
        entries = [each for each in self.entries if each.is_for(cell) and each.holds_on(result)]
        if (
            not entries or cell.mutant or cell.l1_mutant
        ):  # a kernel that is wrong on purpose shows what it shows
            return result
        expected = {
            number: entry.why
            for number, finding in enumerate(result.findings)
            for entry in entries
            if any(each.is_it(finding) for each in entry.findings)
        }
        findings = tuple(
            dataclasses.replace(finding, expected=expected[number]) if number in expected else finding
            for number, finding in enumerate(result.findings)
        )
        rest = of_cell(
            (each.verdict for each in findings if not each.expected),
            infra=bool(result.reason) or result.verdict is Verdict.INFRA,
            allow_vacuous=cell.allow_vacuous,
        )
        gone = tuple(_gone(entry, findings, rest) for entry in entries)
        missing = tuple(each for each in gone if each is not None)
        if missing:
            return dataclasses.replace(result, verdict=Verdict.FAIL, findings=(*findings, *missing))
        if not expected:
            return result
        if rest is Verdict.PASS:
            why = "; ".join(dict.fromkeys(expected.values()))
            return dataclasses.replace(result, verdict=Verdict.FAIL, findings=findings, quarantine=why)
        return dataclasses.replace(result, verdict=rest, findings=findings)


NO_QUARANTINE = Quarantine()


def _gone(entry: QuarantineEntry, findings: Sequence[Finding], rest: Verdict) -> Finding | None:
    """The finding that a defect did not show; None where it did, may stay away, or could not show."""
    if not entry.always:
        return None
    for each in entry.findings:
        if any(each.is_it(finding) for finding in findings):
            continue
        named = [finding for finding in findings if finding.name == each.name]
        if any(finding.verdict is Verdict.PASS for finding in named):
            what = f"{each.name} passes"
        elif not named and rest is Verdict.PASS:
            what = f"the cell passes without a finding {each.name}"
        else:  # red in another way, or never judged: that counts by itself
            continue
        message = f"the defect is gone, {what}: this entry of {FILE.name} can go: {entry.why}"
        return Finding(QUARANTINE, QUARANTINE, Verdict.FAIL, message, str(entry.where))
    return None


def load_quarantine(path: Path = FILE, today: datetime.date | None = None) -> Quarantine:
    """Return the entries of ``path`` whose review date has not passed.

    Raises ``InputError`` for a file that is not as it should be, also for a date that is none, a range of
    kernels or an expression that cannot be read.
    """
    rows = load_document(path, SCHEMA)["quarantine"]
    now = today or datetime.datetime.now(datetime.UTC).date()
    root = read(path)
    problems: list[Problem] = []
    entries = [_entry(row, root.at(["quarantine", number]), problems) for number, row in enumerate(rows)]
    if problems:
        raise InputError(problems)
    return Quarantine(tuple(entry for entry in entries if entry and entry.review >= now))


def _entry(row: Mapping[str, Any], node: Any, problems: list[Problem]) -> QuarantineEntry | None:
    def tried(key: str, expected: str, read_it: Any) -> Any:
        try:
            return read_it()
        except (ValueError, re.error) as error:
            at = node.map[key].where if key in node.map else node.where
            problems.append(Problem(at, str(error), expected))
            return None

    review = tried("review", "a date", lambda: datetime.date.fromisoformat(row["review"]))
    kernels = tried(
        "kernel", "a name, a range such as '>= 7.2, < 7.5', or both", lambda: Kernels.parse(row["kernel"])
    )
    findings = tried(
        "findings",
        "regular expressions",
        lambda: tuple(
            ExpectedFinding(
                each["name"], re.compile(each["message"], re.DOTALL) if "message" in each else None
            )
            for each in row["findings"]
        ),
    )
    if review is None or kernels is None or findings is None:
        return None
    return QuarantineEntry(
        node.where,
        row["scenario"],
        {name: str(value) for name, value in row.get("params", {}).items()},
        findings,
        kernels,
        row.get("model", "*"),
        row["seen"] == ALWAYS,
        row["reason"],
        review,
    )
