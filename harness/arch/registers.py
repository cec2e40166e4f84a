# SPDX-License-Identifier: GPL-2.0-only
"""Register fields by name, from images/registers.csv: the one list, for C (arch_registers.h) and Python.

``HCR_NV = mask("HCR.NV")``; ``get(vttbr, "VTTBR.VMID")``; ``place("ESR.EC", value("ESR.EC.SYS64"))``. Names
are ``PREFIX.FIELD``, a prefix being the register without its level. Each row names the rule of the Arm ARM
and the manual's issue.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.arch.rows import read_rows
from harness.errors import UserError, closest
from harness.where import IMAGES

TABLE = IMAGES / "registers.csv"
COLUMNS = "prefix,register,field,high,low,values,rule,issue"
TOP_BIT = 63


@dataclass(frozen=True, slots=True)
class Field:
    """Bits ``high`` to ``low`` of ``register``; ``values`` are named values of the field."""

    prefix: str
    register: str
    name: str
    high: int
    low: int
    rule: str
    issue: str
    values: Mapping[str, int] = field(default_factory=dict)

    @property
    def mask(self) -> int:
        """The register with all bits of the field set, and no others."""
        return ((1 << (self.high - self.low + 1)) - 1) << self.low


def read(path: Path) -> tuple[Field, ...]:
    """Parse a table of fields. ``InputError`` lists every bad row with its line."""
    return read_rows(path, COLUMNS, _row, _twice)


def _twice(row: Field, earlier: Sequence[Field]) -> str:
    known = any((each.prefix, each.name) == (row.prefix, row.name) for each in earlier)
    return f"{row.prefix}.{row.name} is given twice" if known else ""


def _row(cells: Mapping[str, str]) -> Field:
    name, high, low = f"{cells['prefix']}.{cells['field']}", int(cells["high"]), int(cells["low"])
    if not 0 <= low <= high <= TOP_BIT:
        raise ValueError(f"{name}: bits {high}:{low} are none of a 64-bit register")
    values = {key: int(text, 0) for key, text in (word.split("=") for word in cells["values"].split())}
    for key, value_ in values.items():
        if not 0 <= value_ < 1 << (high - low + 1):
            raise ValueError(f"{name}: {key} {value_:#x} does not fit into bits {high}:{low}")
    if not (cells["rule"] and cells["issue"]):
        raise ValueError(f"{name}: every field names the rule and the manual's issue")
    register, rule, issue = cells["register"], cells["rule"], cells["issue"]
    return Field(cells["prefix"], register, cells["field"], high, low, rule, issue, values)


@functools.cache
def load() -> tuple[Field, ...]:
    """Every field of the shipped table, in file order."""
    return read(TABLE)


@functools.cache
def _by_name() -> Mapping[str, Field]:
    return {f"{each.prefix}.{each.name}": each for each in load()}


@functools.cache
def named(name: str) -> Field:
    """The field ``PREFIX.FIELD``; ``UserError`` names the closest one."""
    found = _by_name().get(name)
    if found is None:
        near = closest(name, _by_name())
        raise UserError(
            f"{name!r} is not a register field{f'; did you mean {near!r}?' if near else ''}; see {TABLE.name}"
        )
    return found


@functools.cache
def mask(name: str) -> int:
    """The register with all bits of the field set."""
    return named(name).mask


def get(register: int, name: str) -> int:
    """The field's value in ``register``."""
    found = named(name)
    return (register & found.mask) >> found.low


def place(name: str, value_: int) -> int:
    """The register that has ``value_`` in the field and 0 elsewhere; ``UserError`` when it does not fit."""
    found = named(name)
    if not 0 <= value_ < 1 << (found.high - found.low + 1):
        raise UserError(f"{name.lower()} {value_:#x} does not fit into bits {found.high}:{found.low}")
    return value_ << found.low


@functools.cache
def value(name: str) -> int:
    """The value that the table names ``PREFIX.FIELD.VALUE``; ``UserError`` when it names none."""
    stem, _, key = name.rpartition(".")
    values = named(stem).values
    if key not in values:
        raise UserError(f"{stem} has no value {key!r}; it has {', '.join(values) or 'none'}")
    return values[key]


def header(fields: Iterable[Field] | None = None) -> str:
    """``arch_registers.h``: PREFIX_FIELD is the mask, PREFIX_FIELD_SHIFT its lowest bit, and named values."""
    lines = ["#ifndef NVH_ARCH_REGISTERS_H", "#define NVH_ARCH_REGISTERS_H", ""]
    for each in load() if fields is None else fields:
        name = f"{each.prefix}_{each.name}"
        lines.append(f"#define {name}_SHIFT {each.low} /* {each.register}: {each.rule}, {each.issue} */")
        lines.append(f"#define {name} NVH_BITS({each.high}, {each.low})")
        lines += [f"#define {name}_{key} {value_:#x}" for key, value_ in each.values.items()]
    return "\n".join([*lines, "", "#endif", ""])
