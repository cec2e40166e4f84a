# SPDX-License-Identifier: GPL-2.0-only
"""The translation tables of a program as they are now, descriptor by descriptor, for the reference model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from harness.program.addresses import PHYSICAL_BITS, level_size
from harness.program.entries import TableLeaf
from harness.program.program import CONTIGUOUS, DBM, OLD, DescriptorLook, Map, World

VEL2_SHIFT = 12
"""vEL2's own tables have 4K pages."""
LAST_LEVEL = 3
DESCRIPTOR_OLD, DESCRIPTOR_YOUNG = "old", "young"
CLEAN, DIRTY = "clean", "dirty"


def usable(held: Iterable[TableLeaf]) -> set[TableLeaf]:
    """With what table pointers lead to in place of the pointers; less what an access cannot use."""
    found: set[TableLeaf] = set()
    for leaf in held:
        found |= {leaf} if leaf.children is None else leaf.children
    return {leaf for leaf in found if not leaf.fault}


class ProgramTables:
    """All tables of a program in ``world``, by stage and number; vEL2's is number 0 of stage ``e2``."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._now: dict[tuple[str, int], set[TableLeaf]] = {}
        self._pointers = 0
        self._flags: dict[int, frozenset[str]] = {}
        self._dirty: dict[int, frozenset[str]] = {}

    def current(self, stage: str, table: int) -> set[TableLeaf]:
        """The valid descriptors of a table now; table pointers too."""
        return self._now.setdefault((stage, table), set())

    def fault(self, stage: str, table: int, at: int) -> str:
        """What a walk of the tables as they are ends with at ``at``: a kind of fault, or an empty string."""
        for leaf in self.current(stage, table):
            if leaf.children is None and leaf.covers(at):
                return leaf.fault
        return "translation"

    def shift(self, stage: str) -> int:
        """Log2 of the granule."""
        return VEL2_SHIFT if stage == "e2" else self.world.shift

    def leaf_of(self, action: Map) -> TableLeaf:
        """The leaf that ``action`` writes."""
        size = level_size(self.shift(action.stage), action.level)
        to = action.to or 0
        beyond = bool(to >> self._output_bits(action))
        table = self._table_of(action)
        return TableLeaf(action.stage, table, action.at, size, action.level, to, action.perms, beyond=beyond)

    def _output_bits(self, action: Map) -> int:
        """Of an output address of the tables that ``action`` writes: those who use them agree."""
        c = self.world.contexts[action.ctx]
        own = {"s2": c.ps, "s1": c.ips}.get(action.stage)
        return PHYSICAL_BITS if own is None else min(own, PHYSICAL_BITS)

    def _table_of(self, action: Map | DescriptorLook) -> int:
        if action.stage == "e2":
            return 0
        return self.world.s2_table(action.ctx) if action.stage == "s2" else self.world.s1_table(action.ctx)

    def write(self, action: Map) -> list[tuple[TableLeaf, frozenset[TableLeaf]]]:
        """Write one descriptor; returns table pointers that this cuts off, with what their tables held."""
        new = self.leaf_of(action)
        leaves = self.current(new.stage, new.table)
        inside = {leaf for leaf in leaves if new.start <= leaf.start and leaf.end <= new.end}
        children = frozenset(leaf for leaf in inside if leaf.children is None)
        cut_off = [(leaf, children) for leaf in inside if leaf.children is not None]
        leaves -= inside
        if action.to is None:
            return cut_off
        if new.level == LAST_LEVEL and not any(
            p.children is not None and p.covers(new.start) for p in leaves
        ):
            size = level_size(self.shift(new.stage), LAST_LEVEL - 1)
            self._pointers += 1
            at = new.start & ~(size - 1)
            leaves.add(
                TableLeaf(new.stage, new.table, at, size, LAST_LEVEL - 1, self._pointers, "", frozenset())
            )
        if OLD in new.perms and self._sets_flags(action):
            new = dataclasses.replace(new, flag=len(self._flags) + 1)
            self._flags[new.flag] = frozenset({DESCRIPTOR_OLD, DESCRIPTOR_YOUNG})  # or soon, by speculation
        if DBM in new.perms and "w" not in new.perms and self._sets_dirty(action):
            new = dataclasses.replace(new, dirty=len(self._dirty) + 1)
            self._dirty[new.dirty] = frozenset({CLEAN})
        leaves.add(new)
        return cut_off

    def _sets_flags(self, action: Map) -> bool:
        """Whether hardware manages the access flag of these tables: those who use them agree."""
        c = self.world.contexts[action.ctx]
        return {"s2": c.s2_ha, "s1": c.s1_ha}.get(action.stage, False)

    def _sets_dirty(self, action: Map) -> bool:
        """The same of the dirty state."""
        c = self.world.contexts[action.ctx]
        return {"s2": c.s2_hd, "s1": c.s1_hd}.get(action.stage, False)

    def write_through(self, leaves: Iterable[TableLeaf], sure: bool) -> None:
        """A write has used one of ``leaves``, ``sure``: and has come to an end. No read or speculative write
        sets the dirty state (Arm ARM D8.5): until then it is clean.
        """
        used = set(leaves)
        alone = sure and len(used) == 1 and not any(CONTIGUOUS in leaf.perms for leaf in used)
        for leaf in used:
            if leaf.dirty:
                self._dirty[leaf.dirty] |= {DIRTY}
                if alone:
                    self._dirty[leaf.dirty] = frozenset({DIRTY})

    def use(self, leaves: Iterable[TableLeaf]) -> None:
        """An access has used one of ``leaves``: where there is one alone, its access flag is set."""
        used = set(leaves)
        flags = {leaf.flag for leaf in used}
        if len(flags) == 1 and 0 not in flags and not any(CONTIGUOUS in leaf.perms for leaf in used):
            self._flags[flags.pop()] = frozenset({DESCRIPTOR_YOUNG})

    def descriptor(self, look: DescriptorLook) -> frozenset[str]:
        """What L1 finds in its table: as it wrote it, and the flag as hardware may have left it."""
        for leaf in self.current(look.stage, self._table_of(look)):
            if (leaf.start, leaf.level) != (look.at, look.level):
                continue
            if leaf.children is not None:
                return frozenset({"table"})
            ages = self._flags.get(
                leaf.flag, frozenset({DESCRIPTOR_OLD if leaf.is_old else DESCRIPTOR_YOUNG})
            )
            if DBM not in leaf.perms:
                return ages
            states = self._dirty.get(leaf.dirty, frozenset({DIRTY if "w" in leaf.perms else CLEAN}))
            return frozenset(f"{age}-{state}" for age in ages for state in states)
        return frozenset({"invalid"})
