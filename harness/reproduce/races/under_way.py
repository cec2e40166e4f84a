# SPDX-License-Identifier: GPL-2.0-only
"""Whether a fault was under way on one CPU while another one executed an operation of stage 2.

Then alone a known defect of Linux brings back what the operation took (``conflicts.FAULT_AGAINST_TLBI``): a
translation that is stale without it has another cause.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.reproduce.races.schedule import RaceArrival

FAULT = re.compile(r"kvm_handle_guest_abort")
OPERATION = re.compile(r"handle_(?:ripas2|ipas2|vmalls12|alle1)")


def fault_under_way(log: Sequence[RaceArrival]) -> bool:
    """Whether one met an operation of another CPU.

    A side whose return did not come on its CPU, for its thread went to another one, lasts until the next
    return there.
    """
    faults, operations = _sides(log, FAULT), _sides(log, OPERATION)
    return any(
        cpu != other and begin < last and first < end
        for cpu, begin, end in faults
        for other, first, last in operations
    )


def _sides(log: Sequence[RaceArrival], function: re.Pattern[str]) -> list[tuple[int, int, int]]:
    """CPU, number of the entry, number of the return."""
    found: list[tuple[int, int, int]] = []
    open_at: dict[tuple[int, str], int] = {}
    for each in log:
        place = each.place
        if not function.match(place.function):
            continue
        key = each.cpu, place.function
        if not place.kind:
            open_at.setdefault(key, each.number)
        elif place.kind == "return" and key in open_at:
            found.append((each.cpu, open_at.pop(key), each.number))
    end = len(log)
    return found + [(cpu, begin, end) for (cpu, _), begin in open_at.items()]
