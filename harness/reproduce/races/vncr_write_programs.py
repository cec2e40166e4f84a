# SPDX-License-Identifier: GPL-2.0-only
"""Programs in which L2 writes its VNCR page: whether it may, and whether L0 logs it, is decided in a fault.

KVM maps the page with the permissions that it found in its walk, and marks it dirty then; a write to a page
that it has mapped is a fault no more (docs/races.md).
"""

from __future__ import annotations

import random

from harness.arch.table import by_name
from harness.program.addresses import E2_ASID, EVENT_PA, VNCR_WORD, Layout
from harness.program.program import (
    VNCR_WRITES,
    Access,
    Action,
    Host,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    make_operand,
)
from harness.reproduce.races.conflict_programs import LOGGED, OF_VEL2, SHIFT, begin_of, hypervisor, plain


def vncr_write(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L2 writes its VNCR page on one CPU while L1 takes the permission to write, or the page, on another.

    Sometimes the permission comes back, which needs no operation.
    """
    page, frame = layout.e2(rng.randrange(2)), layout.frame(0)
    letters = rng.choice(("", "g"))
    operation = by_name(rng.choice(plain(OF_VEL2)))
    maps = Map("e2", 0, page, 3, frame, "w" + letters)
    begin = begin_of(rng, Spin(1, 0, page, VNCR_WRITES), maps, Access("vncr", 0), way)
    left = frame if rng.random() < 0.7 else None
    take: list[Action] = [
        Map("e2", 0, page, 3, left, "" if left is None else letters),
        Tlbi(1, operation.name, make_operand(operation, at=page, asid=E2_ASID)),
    ]
    end: list[Action] = [Sample(1), maps] if rng.random() < 0.3 else []
    return Program(hypervisor(page, bits), (*begin, *take, *end, Sample(1), Stop(1)))


def vncr_dirty(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L2 writes its VNCR page in event memory while L0's VMM reads the dirty log, as ``dirty`` has it."""
    page, frame = layout.e2(rng.randrange(2)), rng.randrange(4) << SHIFT
    offset = frame + VNCR_WORD
    maps = Map("e2", 0, page, 3, EVENT_PA + frame, "w")
    log, read = Host("dirty-on", offset), Host("dirty-read", offset)
    early = rng.random() < LOGGED
    begin: list[Action] = [Host("set-up", offset), *([log] if early else [])]
    begin += begin_of(rng, Spin(1, 0, page, VNCR_WRITES), maps, Access("vncr", 0), way)
    take: list[Action] = [*([] if early else [log]), read]
    return Program(hypervisor(page, bits), (*begin, *take, Sample(1), read, Sample(1), read, Stop(1)))
