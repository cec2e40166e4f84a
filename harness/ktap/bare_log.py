# SPDX-License-Identifier: GPL-2.0-only
"""The log of a standalone image (images/payloads/standalone): a KTAP result for each group of questions.

Like a bundle's log it carries a checksum over ``BUNDLE RUN TEXT`` in each line of ours, and a sum over all
lines in its last one. ``render_bare`` gives exactly the lines of a whole log; what differs is damage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.check.answers import Answers, parse
from harness.errors import UserError
from harness.ktap.read import GAVE_UP, Captured, Damage, diagnostics, differences, in_order
from harness.ktap.tagged import VERSION, Tagged, tag, total, totals

BARE_FORMAT = 1
BARE, ANSWER, BARE_END = "bare", "answer", "bare-end"
BARE_BEGIN = ("format", "bundle", "run", "board", "midr", "groups")
"""Words of the first diagnostic, in this order."""


@dataclass(slots=True)
class BareLog:
    """``answers``: lines of the questions as they came. ``end``: the words of the last line, if it came."""

    begin: Mapping[str, str]
    answers: list[str] = field(default_factory=list)
    end: Mapping[str, str] | None = None

    @property
    def bundle(self) -> str:
        """The bundle's id."""
        return self.begin["bundle"]

    @property
    def run(self) -> str:
        """The run's own number, 8 hex digits."""
        return self.begin["run"]

    @property
    def asked(self) -> Answers:
        """What the lines say, as of any run of the questions."""
        return parse("\n".join([*self.answers, "done" if self.end else ""]))


@dataclass(frozen=True, slots=True, kw_only=True)
class BareReading(Captured):
    """The log of the questions as its checksums vouch for it.

    ``gave_up``: why the program ended by itself before its end.
    """

    log: BareLog
    gave_up: str = ""


def render_bare(log: BareLog) -> list[str]:
    """Return the lines of a standalone image that this log has, as far as it goes."""
    lines = list(_body(log))
    if log.end is not None:
        answers = log.asked
        failed = sum(each.failed > 0 for each in answers.groups)
        passed, skipped = len(answers.groups) - failed, len(answers.skipped)
        lines.append(totals({"passed": passed, "failed": failed, "skipped": skipped}))
        checks, wrong = answers.checks, sum(each.failed for each in answers.groups)
        text = f"{BARE_END} lines={len(lines)} sum={total(lines)} checks={checks} wrong={wrong}"
        lines.append(tag(log.bundle, log.run, text))
    return lines


def _body(log: BareLog) -> Iterator[str]:
    def own(text: str) -> str:
        return tag(log.bundle, log.run, text)

    yield VERSION
    yield own(f"{BARE} " + " ".join(f"{key}={log.begin[key]}" for key in BARE_BEGIN))
    yield f"1..{log.begin['groups']}"
    number = 0
    for answer in log.answers:
        yield own(f"{ANSWER} {answer}")
        kind, *words = answer.split("|")
        if kind == "group":
            number += 1
            yield f"{'not ok' if int(words[2]) else 'ok'} {number} {words[0]}"
        elif kind == "skip":
            number += 1
            yield f"ok {number} {words[0]} # SKIP {words[1]}"


def read_bare(data: bytes, source: str) -> BareReading:
    """Return the standalone image's log in a captured console; ``UserError`` when there is none."""
    lines, found, items = diagnostics(data, source)
    first = next((item for item in items if is_bare_begin(item)), None)
    gave_up = [line.text.removeprefix(GAVE_UP).strip() for line in found if line.text.startswith(GAVE_UP)]
    if first is None:
        why = f"nothing ran: {gave_up[0][:300]}" if gave_up else "no whole line `# nvh bare …` in it"
        raise UserError(f"{source}: {why}; give the console of a machine that ran a bundle's bare image")
    if first.values["format"] != str(BARE_FORMAT):
        raise UserError(
            f"{source}:{first.line.number}: a log of format {first.values['format']}; "
            f"this nvh reads {BARE_FORMAT}"
        )
    log = BareLog({key: first.values[key] for key in BARE_BEGIN})
    damage = [each for item in items if item is not first and (each := _take(log, item))]
    try:
        damage += differences(render_bare(log), [line for line in found if not line.text.startswith(GAVE_UP)])
    except (ValueError, IndexError) as error:
        damage.append(Damage(0, f"answers that make no sense: {error}"))
    return BareReading(
        log=log,
        damage=in_order(damage, log.end is not None),
        text="\n".join(lines),
        gave_up=gave_up[0][:300] if gave_up else "",
    )


def is_bare(data: bytes) -> bool:
    """Whether a captured console has such a log, whole or not, and not one of cases."""
    return b"# nvh bare " in data and b"# nvh begin " not in data


def is_bare_begin(item: Tagged) -> bool:
    """Whether the line is the first one of a standalone image's log, and came whole."""
    values = item.values
    return (
        item.word == BARE
        and all(key in values for key in BARE_BEGIN)
        and item.fits(values["bundle"], values["run"])
    )


def _take(log: BareLog, item: Tagged) -> Damage | None:
    """Add one diagnostic to the log; returns what is wrong with it."""
    number = item.line.number
    if not item.fits(log.bundle, log.run):
        return Damage(number, f"not of this run, or changed on its way: {item.text[:80]}")
    if log.end is not None:
        return Damage(number, "more of the log after its end")
    match item.word:
        case "answer":
            log.answers.append(item.rest)
        case "bare-end":
            log.end = item.values
        case "bare":
            return Damage(number, "the run begins a second time")
        case word:
            return Damage(number, f"a word that this nvh does not know: {word}")
    return None
