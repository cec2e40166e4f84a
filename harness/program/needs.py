# SPDX-License-Identifier: GPL-2.0-only
"""Which features of L1 a program needs to mean what it says."""

from __future__ import annotations

from harness.arch.table import Operation
from harness.program.program import Program, Tlbi

FEATURES = {"TLBIOS": "os", "TLBIRANGE": "range", "XS": "xs"}
"""A feature of operations, and the word for it in the language (docs/programs.md)."""
HIDDEN = {"os": frozenset({"os", "range"}), "range": frozenset({"range"}), "xs": frozenset({"xs"})}
"""What L1 lacks when the VMM hides a feature: ID_AA64ISAR0_EL1.TLB ranks FEAT_TLBIRANGE above FEAT_TLBIOS."""


ACCESS_FLAG = "ha"
"""The word for FEAT_HAFDBS, which the program needs for its contexts and not for its operations."""


def words_of(operation: Operation) -> frozenset[str]:
    """The features that bring ``operation``, as words of the language."""
    return frozenset(FEATURES[feature] for feature in operation.features if feature in FEATURES)


def needs(program: Program) -> frozenset[str]:
    """The features that L1 must have for it, as words of the language; not those that the VMM hides."""
    used = (words_of(action.operation) for action in program.actions if isinstance(action, Tlbi))
    flags = any(c.s1_ha or c.s2_ha for c in program.world.contexts)
    return frozenset({ACCESS_FLAG} if flags else ()).union(*used) - HIDDEN.get(
        program.world.hide, frozenset()
    )
