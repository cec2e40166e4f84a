# SPDX-License-Identifier: GPL-2.0-only
"""The page of counters that the sanitizer keeps mapped, so that they are right however QEMU ended.

The layout is ``struct state`` of images/payloads/sanitizer/output.c: little-endian 64-bit numbers.
"""

from __future__ import annotations

import dataclasses
import struct
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InfraError

ALL = (1 << 64) - 1
MAGIC = 0x345A494E41534E56  # "VNSANIZ4"
LOOK = 64
"""Steps between two looks at what is open (``LOOK`` of images/payloads/sanitizer/judge.h)."""
USES, FILLS, TLBIS, INVALIDATED = 100, 10, 1, 1
"""Floors of a machine that ran a guest (docs/sanitizer.md): below one of them too little was checked."""
WORDS = {
    "uses": "uses were checked",
    "fills": "entries were filled",
    "tlbis": "operations were executed",
    "invalidated": "entries were invalidated",
}
RECENT, SHARE = 20_000, 10
"""An open disagreement is recent for so many steps, and one in ``SHARE`` of all (docs/sanitizer.md)."""


@dataclass(frozen=True, slots=True)
class SanitizerCounters:
    """Counters of one run of the model. Fields are in the order of the file, behind the magic number.

    ``ready``: the model's RAM was found. ``written`` and ``lost`` count reports. ``trapped`` operations were
    attempted below EL2 and not executed; ``left_out`` ones were dropped on purpose (self-test). ``uses`` were
    compared with a walk of the tables, ``unknown`` ones could not be walked. ``stale``: the model itself used
    a translation that its tables no longer give; ``disagreed``: it used one that neither they nor any entry
    give, so the sanitizer does not understand this machine. ``pending`` disagreements had to wait for a TLBI;
    ``waiting`` ones were open when the sanitizer looked last: not told, no TLBI had come, the tables still
    another. ``steps`` uses, operations and entries had been then, and ``oldest`` (0: none) when the first
    of the open ones was seen; a look is at most ``LOOK`` steps old. ``programs`` were begun by a guest that
    says so, which took ``excused`` disagreements upon itself. ``odd_va``, ``odd_pc``, ``odd_used``,
    ``odd_walk``: page, code, output page and what the tables gave, all ones for nothing, of the last use
    that ``disagreed``.
    ``broken_l0`` to ``broken_l2`` count entries whose translation was invalid, as break-before-make wants,
    when an operation by address took them, by who keeps the tables (harness/check/breaks.py).
    ``raced``: where vCPUs run in parallel, the model used what another PE had taken out of the tables before
    they were walked here; the TLBI for it came, or is on its way, or the use counts as ``disagreed``.
    With ``--sanitize model``: ``model_uses``, ``model_faults`` (aborts), ``model_traps`` (TLBIs below EL2),
    ``model_returns`` (ERETs) and ``model_ats`` of the model itself were judged, ``model_wrong`` were wrong.
    """

    ready: int
    vcpus: int
    written: int
    lost: int
    trapped: int
    uses: int
    fills: int
    tlbis: int
    left_out: int
    invalidated: int
    pending: int
    waiting: int
    reports: int
    overflowed: int
    unknown: int
    stale: int
    disagreed: int
    programs: int
    excused: int
    odd_va: int
    odd_pc: int
    odd_used: int
    odd_walk: int
    broken_l0: int
    broken_l1: int
    broken_l2: int
    steps: int
    oldest: int
    raced: int
    model_uses: int
    model_faults: int
    model_traps: int
    model_returns: int
    model_ats: int
    model_wrong: int

    @property
    def age(self) -> int:
        """For how many steps the oldest open disagreement had waited; 0 without one."""
        return self.steps - self.oldest if self.waiting else 0

    @property
    def recent(self) -> int:
        """From this age in steps on an open disagreement is no longer one whose TLBI may be on its way."""
        return min(RECENT, max(LOOK, self.steps // SHARE))

    def too_little(self) -> list[str]:
        """What of the floors was not reached: without it the sanitizer had next to nothing to judge."""
        floors = {"uses": USES, "fills": FILLS, "tlbis": TLBIS, "invalidated": INVALIDATED}
        return [
            f"{getattr(self, name)} {WORDS[name]}, at least {least} wanted"
            for name, least in floors.items()
            if getattr(self, name) < least
        ]

    def unresolved(self) -> list[str]:
        """Disagreements that no TLBI being on its way explains any more; empty when there are none."""
        if self.age < self.recent:
            return []
        return [
            f"{self.waiting} disagreements were neither told nor resolved, the oldest for {self.age} uses, "
            f"operations and entries of {self.steps}: too many for a TLBI on its way"
        ]

    def doubts(self) -> list[str]:
        """Why these counters are no ground for a verdict; empty when they are."""
        found = []
        if self.lost:
            found.append(f"{self.lost} reports were lost")
        if self.overflowed:
            found.append(f"{self.overflowed} entries had no room")
        if self.disagreed:
            gave = "nothing" if self.odd_walk == ALL else f"PA {self.odd_walk:#x}"
            found.append(
                f"{self.disagreed} uses went where neither the tables nor any entry lead, the last one of VA "
                f"{self.odd_va:#x} by {self.odd_pc:#x} to PA {self.odd_used:#x}, while the tables gave {gave}"
            )
        if self.unknown:
            found.append(f"{self.unknown} walks left the model's RAM")
        return [*found, *self.unresolved()]


NAMES = tuple(field.name for field in dataclasses.fields(SanitizerCounters))
SIZE = 8 * (1 + len(NAMES))


def read_state(path: Path) -> SanitizerCounters:
    """Read the counters; ``InfraError`` when the plugin did not load or did not find the model's RAM."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InfraError(f"the sanitizer did not load: {error}; see qemu.log") from error
    if len(data) != SIZE:
        raise InfraError(
            f"{path} has {len(data)} bytes instead of {SIZE}: another version of the plugin wrote it"
        )
    magic, *values = struct.unpack(f"<{1 + len(NAMES)}Q", data)
    if magic != MAGIC:
        raise InfraError(f"{path} does not begin with the sanitizer's magic number")
    state = SanitizerCounters(*values)
    if not state.ready:
        raise InfraError("the sanitizer did not find the model's RAM in QEMU's memory, so it checked nothing")
    return state
