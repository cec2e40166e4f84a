# SPDX-License-Identifier: GPL-2.0-only
"""A bundle's log as data, and back: ``render`` gives exactly the lines that a whole log has.

The reader takes the diagnostics that carry a checksum, renders the log that they belong to, and compares: a
line that is missing, twice, changed, or at another place is damage. Lines that are not a bundle's (of
firmware, of the kernel) may stand anywhere between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.ktap.tagged import INDENT, VERSION, tag, total, totals
from harness.litmus.case_lines import CaseLine, parse_line
from harness.litmus.population import Population, parse_population

FORMAT = 1
RAN, LOST, CUT = "case", "lost", "cut"
CONTROL_LOST = "vacuous, the control was lost"
UNABLE = "unable to fail on this machine"
NOT_OBSERVABLE = "not-observable"
BEGIN = (
    "format",
    "bundle",
    "run",
    "mode",
    "list",
    "cases",
    "skip",
    "cpus",
    "seconds",
    "self-test",
    "selected",
    "names",
    "families",
    "kernel",
    "machine",
    "midr",
)
"""Words of the first diagnostic, in this order. ``mode`` is ``boot`` or ``tree``."""


@dataclass(frozen=True, slots=True)
class KtapRun:
    """A case of the log: what nvh-litmus printed of it, or why there is nothing (``LOST``, ``CUT``)."""

    name: str
    kind: str
    text: str
    line: CaseLine | None = None

    @classmethod
    def of_line(cls, text: str) -> KtapRun:
        """Return the case of nvh-litmus's line; ``ValueError``, or ``UserError`` for its operation."""
        line = parse_line(text)
        return cls(line.case, RAN, text, line)

    def result(self, number: int) -> str:
        """Return the KTAP result line."""
        if self.kind == LOST:
            return f"not ok {number} {self.name} # did not end"
        if self.kind == CUT:
            return f"ok {number} {self.name} # SKIP not run, the time was up"
        if self.line is None:
            raise ValueError(f"{self.name} ran without a line")
        why = self.line.why.removeprefix("why=")
        match self.line.verdict:
            case "pass":
                note = " # not-observable" if self.line.control == NOT_OBSERVABLE else ""
                return f"ok {number} {self.name}{note}"
            case "not-applicable":
                return f"ok {number} {self.name} # SKIP {why}"
            case "vacuous":
                return f"ok {number} {self.name} # SKIP {CONTROL_LOST}"
            case "unable-to-fail":
                return f"ok {number} {self.name} # SKIP {UNABLE}"
            case verdict:
                return f"not ok {number} {self.name} # {verdict}"

    @property
    def counts_as(self) -> str:
        """``passed``, ``failed`` or ``skipped``, as KTAP has it."""
        result = self.result(1)
        if result.startswith("not ok"):
            return "failed"
        return "skipped" if " # SKIP " in result else "passed"


@dataclass(slots=True)
class Family:
    """A subtest: ``entries`` are its cases as they ran, and as text what was said beside, in order.

    ``cases_told``, ``names``: how many there are to be, and the sum of their names' hashes. ``status``: how
    nvh-litmus ended (0 to 255, or 256 and the number of the signal); None when the log does not say.
    """

    number: int
    name: str
    cases_told: int
    names: str
    entries: list[KtapRun | str] = field(default_factory=list)
    population: Population | None = None
    population_text: str = ""
    status: int | None = None

    @property
    def cases(self) -> list[KtapRun]:
        """The cases in the order in which they ran."""
        return [entry for entry in self.entries if isinstance(entry, KtapRun)]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many passed, failed, were skipped."""
        found = dict.fromkeys(("passed", "failed", "skipped"), 0)
        for case in self.cases:
            found[case.counts_as] += 1
        return found

    @property
    def result(self) -> str:
        """Return the KTAP result line of the family."""
        counts = self.counts
        if counts["failed"] or len(self.cases) != self.cases_told:
            return f"not ok {self.number} {self.name}"
        skip = "" if counts["passed"] else " # SKIP no case passed or failed"
        return f"ok {self.number} {self.name}{skip}"

    @property
    def kernel(self) -> str:
        """What the kernel said meanwhile, a line each."""
        return "\n".join(self._told("kernel "))

    @property
    def said(self) -> list[str]:
        """What nvh-litmus printed beside cases and population, a line each."""
        return self._told("said ")

    def _told(self, tag: str) -> list[str]:
        texts = [entry for entry in self.entries if isinstance(entry, str) and entry.startswith(tag)]
        return [text.removeprefix(tag) for text in texts]


@dataclass(slots=True)
class Log:
    """A whole log. ``refused``: why nothing could run. ``seconds`` and ``status`` are of its last line."""

    begin: Mapping[str, str]
    families: list[Family] = field(default_factory=list)
    refused: str = ""
    seconds: str = ""
    status: int | None = None
    ended: bool = False

    @property
    def bundle(self) -> str:
        """The bundle's id."""
        return self.begin["bundle"]

    @property
    def run(self) -> str:
        """The run's own number, 8 hex digits."""
        return self.begin["run"]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many cases passed, failed, were skipped."""
        found = dict.fromkeys(("passed", "failed", "skipped"), 0)
        for family in self.families:
            for key, count in family.counts.items():
                found[key] += count
        return found


def begin_text(begin: Mapping[str, str]) -> str:
    """Return the first diagnostic without its checksum."""
    return "begin " + " ".join(f"{key}={begin[key]}" for key in BEGIN)


def render(log: Log) -> list[str]:
    """Return the lines of a bundle that this log has, as far as it goes."""
    lines = list(_body(log))
    if log.ended:
        counts = log.counts
        lines.append(totals(counts))
        words = " ".join(f"{key}={count}" for key, count in counts.items())
        text = (
            f"end families={len(log.families)} lines={len(lines)} sum={total(lines)} {words} "
            f"status={log.status} seconds={log.seconds}"
        )
        lines.append(tag(log.bundle, log.run, text))
    return lines


def _body(log: Log) -> Iterator[str]:
    yield VERSION
    yield tag(log.bundle, log.run, begin_text(log.begin))
    if log.refused:
        yield tag(log.bundle, log.run, f"refused {log.refused}")
        yield f"1..0 # SKIP {log.refused}"
        return
    yield f"1..{log.begin['families']}"
    for family in log.families:
        for line in _family(log, family):
            yield INDENT + line
        if family.status is not None:
            yield family.result


def _family(log: Log, family: Family) -> Iterator[str]:
    def own(text: str) -> str:
        return tag(log.bundle, log.run, text)

    yield VERSION
    yield f"# Subtest: {family.name}"
    yield own(f"family {family.number} name={family.name} cases={family.cases_told} names={family.names}")
    yield f"1..{family.cases_told}"
    number = 0
    for entry in family.entries:
        if isinstance(entry, str):
            yield own(entry)
            continue
        number += 1
        yield own(f"{entry.kind} {number} {entry.text}")
        yield entry.result(number)
    if family.population_text:
        yield own(f"population {family.population_text}")
    if family.status is not None:
        yield own(f"family-end {family.number} status={family.status}")


def population_of(text: str) -> Population:
    """Return the population of a line of nvh-litmus; ``ValueError`` when it is none."""
    return parse_population(text)
