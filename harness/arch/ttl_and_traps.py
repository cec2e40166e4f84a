# SPDX-License-Identifier: GPL-2.0-only
"""What the rules are about besides the operations: TTL codes (images/tlbi-ttl.csv) and traps
(images/tlbi-traps.csv).

Both tables are beside images/tlbi.csv, and each row names the rule of the Arm ARM and the manual's issue.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.arch.rows import read_rows
from harness.arch.table import Operation, load
from harness.errors import InputError, Location, Problem
from harness.where import IMAGES

TTLS = IMAGES / "tlbi-ttl.csv"
TRAPS = IMAGES / "tlbi-traps.csv"
SHIFTS = {"4k": 12, "16k": 14, "64k": 16}
"""Granules to log2 of their bytes."""
FORMS = {"address": 16, "range": 4}
"""How many TTL values each form has."""
LAST_LEVEL = 3
HFGITR_BITS = range(18, 48)
"""Bits of HFGITR_EL2 that are about TLBIs (D24.2.71, M.a.a)."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Ttl:
    """One TTL value. ``shift`` 0: no hint for a single address; ``level`` None: no level is named.

    ``lpa2``: it names something only where FEAT_LPA2 is implemented; elsewhere it is as if there were no
    hint.
    """

    form: str
    ttl: int
    shift: int
    level: int | None
    lpa2: bool
    rule: str
    issue: str


def _table(path: Path, columns: str, parse: Callable[[Mapping[str, str]], _Row]) -> tuple[_Row, ...]:
    def row(cells: Mapping[str, str]) -> _Row:
        if not (cells["rule"] and cells["issue"]):
            raise ValueError(f"expected all of the columns {columns}")
        return parse(cells)

    return read_rows(path, columns, row)


def read_ttls(path: Path) -> tuple[Ttl, ...]:
    """Parse a table of TTL values. ``InputError`` lists bad rows, and values that are missing or twice."""
    rows = _table(path, "form,ttl,granule,level,feature,rule,issue", _ttl)
    wanted = {("address", ttl, 0) for ttl in range(FORMS["address"])}
    wanted |= {("range", ttl, shift) for ttl in range(FORMS["range"]) for shift in SHIFTS.values()}
    given = [(each.form, each.ttl, each.shift if each.form == "range" else 0) for each in rows]
    if sorted(given) != sorted(wanted):
        raise InputError(
            [Problem(Location(str(path)), "a TTL value is missing or given twice", "one row for each value")]
        )
    return rows


def _ttl(cells: Mapping[str, str]) -> Ttl:
    form, ttl = cells["form"], int(cells["ttl"], 0)
    if not 0 <= ttl < FORMS[form]:
        raise ValueError(f"{cells['ttl']} is no TTL of the form {form}")
    shift = 0 if cells["granule"] == "none" else SHIFTS[cells["granule"]]
    level = None if cells["level"] == "none" else int(cells["level"])
    if level is not None and not (0 <= level <= LAST_LEVEL and shift):
        raise ValueError(f"level {level} is none of granule {cells['granule']}")
    if cells["feature"] not in ("none", "LPA2"):
        raise ValueError(f"unknown feature {cells['feature']!r}")
    return Ttl(form, ttl, shift, level, cells["feature"] == "LPA2", cells["rule"], cells["issue"])


def read_traps(path: Path, operations: Iterable[Operation]) -> Mapping[str, int]:
    """Parse a table of HFGITR_EL2 bits by operation. ``InputError`` lists bad rows and what is missing.

    The row of the plain form is for the nXS form, too, which HCRX_EL2.FGTnXS can lift (D24.2.63, M.a.a).
    """
    names = {op.name for op in operations if not op.nxs and op.op1 == 0}

    def row(cells: Mapping[str, str]) -> tuple[str, int]:
        name, bit = cells["operation"], int(cells["hfgitr_bit"])
        if name not in names or bit not in HFGITR_BITS:
            raise ValueError(f"{name}, {bit}: expected a TLBI of EL1 without nXS, and a bit of 18 to 47")
        return name, bit

    rows = _table(path, "operation,hfgitr_bit,rule,issue", row)
    found = dict(rows)
    if len(found) != len(rows) or len(set(found.values())) != len(rows) or set(found) != names:
        raise InputError(
            [Problem(Location(str(path)), "an operation is missing, or one or its bit given twice", "")]
        )
    return found


@functools.cache
def ttls() -> tuple[Ttl, ...]:
    """Every TTL value of the shipped table."""
    return read_ttls(TTLS)


@functools.cache
def traps() -> Mapping[str, int]:
    """HFGITR_EL2 bits by plain form, of the shipped table."""
    return read_traps(TRAPS, load())


def hfgitr_bit(operation: Operation) -> int | None:
    """The bit of HFGITR_EL2 that traps ``operation`` at EL1, None where there is none."""
    return traps().get(operation.name.removesuffix("nxs"))
