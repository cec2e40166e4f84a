# SPDX-License-Identifier: GPL-2.0-only
"""A shadow stage 2 held against what it must be: L1's stage 2 composed with L0's stage 2 of L1.

Every mapping of a shadow tree was copied from such a composition. One that differs at a moment when L1 has
finished its TLB maintenance is stale. The stopped machine may be in the middle of it, so a disagreement is a
lead for a person, not a verdict. Missing mappings are no disagreement: shadow trees fill on demand.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence

from harness.machine.ram.level_report import Disagreement
from harness.machine.ram.stage2 import Leaf

MAX_DISAGREEMENTS = 64
Extent = Callable[[int], tuple[int, int] | None]
"""Host physical address behind a guest physical one, and how many bytes go on there; ``None``: unknown."""


def compose(
    shadow: Sequence[Leaf], guest: Sequence[Leaf], extent: Extent, start: int = 0, end: int | None = None
) -> tuple[int, int, list[Disagreement]]:
    """Return the bytes of ``shadow`` that agree, those that cannot be judged, and the disagreements.

    Both sequences are in ascending order of IPA; only IPAs from ``start`` up to ``end`` count. Neighbouring
    disagreements that say the same are merged; at most ``MAX_DISAGREEMENTS`` are returned.
    """
    agreeing = unknown = 0
    found: list[Disagreement] = []
    for piece in _pieces(shadow, guest, extent, start, end):
        ipa, pa, size, text = piece
        if text is None:
            unknown += size
        elif not text:
            agreeing += size
        else:
            _add(found, Disagreement(ipa, pa, size, text))
    return agreeing, unknown, found


def _pieces(
    shadow: Sequence[Leaf], guest: Sequence[Leaf], extent: Extent, start: int, end: int | None
) -> Iterator[tuple[int, int, int, str | None]]:
    """Yield IPA, shadow's output, size and what is wrong: nothing, or ``None`` when that is unknown."""
    starts = [leaf.ipa for leaf in guest]
    for leaf in shadow:
        ipa = max(leaf.ipa, start)
        stop = leaf.ipa + leaf.size if end is None else min(leaf.ipa + leaf.size, end)
        while ipa < stop:
            pa = leaf.pa + ipa - leaf.ipa
            index = bisect.bisect_right(starts, ipa) - 1
            source = guest[index] if index >= 0 and ipa < guest[index].ipa + guest[index].size else None
            if source is None:
                following = starts[index + 1] if index + 1 < len(starts) else stop
                size = min(stop, following) - ipa
                yield ipa, pa, size, "L1's tables do not map it"
            else:
                address = source.pa + ipa - source.ipa
                behind = extent(address)
                size = min(stop, source.ipa + source.size) - ipa
                if behind is None:
                    size = min(size, 4096 - ipa % 4096)
                    yield ipa, pa, size, None
                else:
                    size = min(size, behind[1])
                    yield ipa, pa, size, _difference(leaf, source, pa, behind[0])
            ipa += size


def _difference(shadow: Leaf, guest: Leaf, pa: int, expected: int) -> str:
    if pa != expected:
        return f"L1's tables and L0's give another page ({pa - expected:+#x})"
    ours, theirs = shadow.attributes, guest.attributes
    more = [
        name
        for name, has, may in (("r", ours.read, theirs.read), ("w", ours.write, theirs.write))
        if has > may
    ]
    if ours.execute != "-" and theirs.execute not in ("x", ours.execute):
        more.append("x")
    return f"it permits {''.join(more)}, L1's tables only {theirs.permissions}" if more else ""


def _add(found: list[Disagreement], new: Disagreement) -> None:
    last = found[-1] if found else None
    if last and last.text == new.text and (last.ipa + last.size, last.pa + last.size) == (new.ipa, new.pa):
        found[-1] = Disagreement(last.ipa, last.pa, last.size + new.size, last.text)
    elif len(found) < MAX_DISAGREEMENTS:
        found.append(new)
