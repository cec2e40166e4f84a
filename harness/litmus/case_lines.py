# SPDX-License-Identifier: GPL-2.0-only
"""The lines that nvh-litmus prints: one per case, in ``key=value`` words (docs/litmus.md)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from harness.arch.table import Operation, by_name
from harness.errors import InputError, Location, Problem

KEYS = ("case", "op", "regime", "granule", "scope", "l1", "obliged", "control", "verdict", "refaults", "ns")
VERDICTS = frozenset(
    {"pass", "fail", "setup", "vacuous", "hang", "broken", "not-applicable", "unable-to-fail"}
)
CONTROLS = frozenset({"stale-seen", "direct", "not-observable", "lost", "none"})
REGIMES = ("el1&0-stage2", "el1&0", "el2&0", "el2")
GRANULES = ("4k", "16k", "64k")


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case. ``why`` is the rest of the line: what was seen, or why it does not apply.

    ``operation`` is None where the event comes from L0 and no operation of L1 is involved.
    """

    case: str
    operation: Operation | None
    regime: str
    granule: str
    l1: str
    obliged: bool
    control: str
    verdict: str
    refaults: int
    ns: int
    why: str

    @property
    def exercised(self) -> bool:
        """Whether the operation had an entry to take away, and a stale one had been seen in use before."""
        return self.obliged and self.control == "stale-seen" and self.verdict in ("pass", "fail")

    @property
    def direct(self) -> bool:
        """Whether this case is about a trap or an UNDEFINED operation, where no cache can hide anything."""
        return self.obliged and self.control == "direct" and self.verdict in ("pass", "fail")


def parse_line(line: str) -> CaseLine:
    """Parse one ``case=`` line; ``ValueError`` says what is wrong with it."""
    words = line.split(" ")
    found: dict[str, str] = {}
    for word in words[: len(KEYS)]:
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise ValueError(f"{word!r} is not key=value")
        found[key] = value
    if tuple(found) != KEYS:
        raise ValueError(f"the words are {', '.join(found)}, not {', '.join(KEYS)}")
    for key, allowed in (
        ("verdict", VERDICTS),
        ("control", CONTROLS),
        ("regime", REGIMES),
        ("granule", GRANULES),
        ("l1", ("vhe", "nvhe")),
        ("obliged", ("yes", "no")),
    ):
        if found[key] not in allowed:
            raise ValueError(f"{key}={found[key]} is unknown")
    operation = None if found["op"] == "none" else by_name(found["op"])
    if (operation.scope.value if operation else "none") != found["scope"]:
        raise ValueError(f"{found['op']} is not of scope {found['scope']}")
    return CaseLine(
        case=found["case"],
        operation=operation,
        regime=found["regime"],
        granule=found["granule"],
        l1=found["l1"],
        obliged=found["obliged"] == "yes",
        control=found["control"],
        verdict=found["verdict"],
        refaults=int(found["refaults"]),
        ns=int(found["ns"]),
        why=" ".join(words[len(KEYS) :]),
    )


def parse(text: str, source: str) -> Iterator[CaseLine]:
    """Yield the cases of one output. ``InputError`` at a line that begins as a case and is none."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("case="):
            try:
                yield parse_line(line)
            except Exception as error:
                raise InputError([Problem(Location(source, number), f"not a litmus case: {error}")]) from None


def summary(text: str) -> dict[str, str]:
    """Return the words of the last line, ``cases=…``; ``ValueError`` when the run did not reach it."""
    last = text.rstrip("\n").rsplit("\n", 1)[-1]
    words = dict(word.split("=", 1) for word in shlex.split(last) if "=" in word)
    if "cases" not in words or "seconds" not in words:
        raise ValueError("the run was cut off: it has no last line cases=… seconds=…")
    return words
