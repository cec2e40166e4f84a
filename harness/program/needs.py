# SPDX-License-Identifier: GPL-2.0-only
"""Which features of L1 a program needs to mean what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.arch.table import Operation
from harness.program.program import Context, Program, Tlbi

FEATURES = {"TLBIOS": "os", "TLBIRANGE": "range", "XS": "xs"}
"""A feature of operations, and the word for it in the language (docs/programs.md)."""
HIDDEN = {"os": frozenset({"os", "range"}), "range": frozenset({"range"}), "xs": frozenset({"xs"})}
"""What L1 lacks when the VMM hides a feature: ID_AA64ISAR0_EL1.TLB ranks FEAT_TLBIRANGE above FEAT_TLBIOS."""


CONTEXTS: Mapping[str, Callable[[Context], bool]] = {
    "ha": lambda c: c.s1_ha or c.s2_ha,
    "hd": lambda c: c.s1_hd or c.s2_hd,
    "s1-ds": lambda c: c.s1_ds,
    "s2-ds": lambda c: c.s2_ds,
    "fwb": lambda c: c.fwb,
}
"""Words for features that a program needs for its contexts: the access flag and the dirty state of
FEAT_HAFDBS, FEAT_LPA2 at either stage, FEAT_S2FWB."""


NOT_NESTED = frozenset({"hd", "s2-ds"})
"""Those that no Linux offers an L1: limit_nv_id_reg() of 7.3 leaves HAFDBS the access flag, and TGRAN4_2 and
TGRAN16_2 without FEAT_LPA2."""


def words_of(operation: Operation) -> frozenset[str]:
    """The features that bring ``operation``, as words of the language."""
    return frozenset(FEATURES[feature] for feature in operation.features if feature in FEATURES)


def needs(program: Program) -> frozenset[str]:
    """The features that L1 must have for it, as words of the language; not those that the VMM hides."""
    used = (words_of(action.operation) for action in program.actions if isinstance(action, Tlbi))
    more = {word for word, has in CONTEXTS.items() if any(map(has, program.world.contexts))}
    return frozenset(more).union(*used) - HIDDEN.get(program.world.hide, frozenset())
