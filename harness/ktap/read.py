# SPDX-License-Identifier: GPL-2.0-only
"""From a captured console to a log and what is damaged in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import NvhError, UserError
from harness.ktap.log import BEGIN, CUT, FORMAT, LOST, RAN, Family, KtapRun, Log, population_of, render
from harness.ktap.tagged import Tagged, TaggedLine, lines_of, ours, tagged

LOG_MOST = 256 * 2**20
"""Bytes of a log that is read: 25000 cases print about 8 MB."""
DAMAGES_MOST = 20
GAVE_UP = "Bail out! "


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong with the log; ``number`` is the line, 0 for the log as a whole."""

    number: int
    what: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.what}" if self.number else self.what


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What a captured console has of a log: every damage, and the whole text."""

    damage: tuple[Damage, ...]
    text: str

    @property
    def damage_text(self) -> str:
        """Every damage in words, the first ``DAMAGES_MOST`` of them."""
        told = "; ".join(map(str, self.damage[:DAMAGES_MOST]))
        more = len(self.damage) - DAMAGES_MOST
        return f"{told}; and {more} more" if more > 0 else told


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Captured):
    """The log of cases as its checksums vouch for it."""

    log: Log


def diagnostics(data: bytes, source: str) -> tuple[list[str], list[TaggedLine], list[Tagged]]:
    """Return the lines of a console, those that look like a log's, and of these the ones with a checksum.

    ``UserError`` for more than ``LOG_MOST`` bytes.
    """
    if len(data) > LOG_MOST:
        raise UserError(f"{source}: {len(data)} bytes; a log has at most {LOG_MOST}")
    lines = lines_of(data)
    found = list(ours(lines))
    return lines, found, [item for line in found if (item := tagged(line))]


def in_order(damage: Iterable[Damage], ended: bool) -> tuple[Damage, ...]:
    """Return the damage by line; a log without its end is damaged as a whole."""
    cut = "the log has no end: it was cut, or the machine did not get there"
    return tuple(sorted([*damage, *([] if ended else [Damage(0, cut)])], key=lambda each: each.number))


class _Reader:
    def __init__(self, log: Log) -> None:
        self.log = log
        self.damage: list[Damage] = []
        self.family: Family | None = None
        self.seen: set[str] = set()
        self.cases = 0  # of the family

    def wrong(self, line: TaggedLine, what: str) -> None:
        self.damage.append(Damage(line.number, what))

    def take(self, item: Tagged) -> None:
        """Add one diagnostic whose checksum fits."""
        if self.log.ended:
            self.wrong(item.line, "more of the log after its end")
            return
        if item.word in ("begin", "family", RAN, LOST, CUT, "population", "family-end", "end"):
            if item.text in self.seen:
                self.wrong(item.line, f"twice in the log: {item.text[:80]}")
                return
            self.seen.add(item.text)
        match item.word:
            case "begin":
                self.wrong(item.line, "the run begins a second time")
            case "refused":
                self.log.refused = item.rest
            case "family":
                self._family(item)
            case "end":
                self._end(item)
            case _ if self.family is None or self.family.status is not None:
                self.wrong(item.line, f"{item.word} outside of a family")
            case "case" | "lost" | "cut":
                self._case(item, self.family)
            case "kernel" | "said":
                self.family.entries.append(item.text.removeprefix("nvh "))
            case "population":
                self._population(item, self.family)
            case "family-end":
                self.family.status = int(item.values["status"])
            case word:
                self.wrong(item.line, f"a word that this nvh does not know: {word}")

    def _family(self, item: Tagged) -> None:
        values = item.values
        if self.family is not None and self.family.status is None:
            self.wrong(item.line, f"{values['name']} begins, {self.family.name} has not ended")
        number = int(item.rest.split()[0])
        if number != len(self.log.families) + 1:
            self.wrong(item.line, f"family {number} after {len(self.log.families)} families")
        self.family = Family(number, values["name"], int(values["cases"]), values["names"])
        self.log.families.append(self.family)
        self.cases = 0

    def _case(self, item: Tagged, family: Family) -> None:
        number, _, rest = item.rest.partition(" ")
        if number != str(self.cases + 1):
            self.wrong(item.line, f"case {number} of {family.name} after {self.cases} cases")
        self.cases += 1
        name = rest.split()[0].removeprefix("case=")
        case = KtapRun.of_line(rest) if item.word == RAN else KtapRun(name, item.word, rest)
        if case.name.partition("/")[0] != family.name:
            self.wrong(item.line, f"{case.name} in family {family.name}")
        family.entries.append(case)

    def _population(self, item: Tagged, family: Family) -> None:
        family.population = population_of(item.rest)
        family.population_text = item.rest

    def _end(self, item: Tagged) -> None:
        values = item.values
        self.log.status, self.log.seconds = int(values["status"]), values["seconds"]
        self.log.ended = True


def read(data: bytes, source: str) -> Reading:
    """Return the log in a captured console; ``UserError`` when there is none, or of a format not known."""
    lines, found, items = diagnostics(data, source)
    first = next((item for item in items if item.word == "begin" and _vouched(item)), None)
    if first is None:
        raise UserError(_no_log(found, items, source))
    values = first.values
    if values["format"] != str(FORMAT):
        raise UserError(
            f"{source}:{first.line.number}: a log of format {values['format']}; this nvh reads {FORMAT}"
        )
    reader = _Reader(Log({key: values[key] for key in BEGIN}))
    for item in items:
        if item is first:
            continue
        if not item.fits(values["bundle"], values["run"]):
            reader.wrong(item.line, f"not of this run, or changed on its way: {item.text[:80]}")
            continue
        try:
            reader.take(item)
        except (ValueError, KeyError, IndexError, NvhError) as error:
            reader.wrong(item.line, f"cannot be understood ({error}): {item.text[:80]}")
    damage = [*reader.damage, *differences(render(reader.log), found)]
    return Reading(log=reader.log, damage=in_order(damage, reader.log.ended), text="\n".join(lines))


def _vouched(item: Tagged) -> bool:
    values = item.values
    return all(key in values for key in BEGIN) and item.fits(values["bundle"], values["run"])


def _no_log(found: Sequence[TaggedLine], items: Sequence[Tagged], source: str) -> str:
    for line in found:
        if line.text.startswith(GAVE_UP):
            return f"{source}:{line.number}: nothing ran: {line.text.removeprefix(GAVE_UP)[:300]}"
    begun = [item.line.number for item in items if item.word == "begin"]
    if begun:
        return f"{source}:{begun[0]}: the first line of a bundle's log, changed on its way; capture it again"
    if found:
        return (
            f"{source}:{found[0].number}: lines of KTAP, but no whole line `# nvh begin …`: the log's "
            "beginning is lost, or it is no bundle's"
        )
    return f"{source}: no line of a bundle's log in it; give the console of a machine that ran one"


def differences(wanted: Sequence[str], found: Sequence[TaggedLine]) -> list[Damage]:
    """Compare in order: what is not where it has to be. After the first difference only that is told."""
    for text, line in zip(wanted, found, strict=False):
        if text != line.text.rstrip():
            return [
                Damage(line.number, f"found {line.text.strip()[:100]!r}, expected {text.strip()[:100]!r}")
            ]
    if len(found) > len(wanted):
        line = found[len(wanted)]
        return [Damage(line.number, f"found {line.text.strip()[:100]!r}, where nothing more is expected")]
    if len(found) < len(wanted):
        return [Damage(0, f"the log ends before {wanted[len(found)].strip()[:100]!r}")]
    return []
