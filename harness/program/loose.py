# SPDX-License-Identifier: GPL-2.0-only
"""Where L1 owes an invalidation: the programs' lines that say ``loose`` (docs/sanitizer.md, "marks").

While L1 owes one, an old translation may be used: that is no mistake of L0's, and an observer of the machine
such as the TLB sanitizer must not take it for one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Protocol

from harness.program.program import VNCR_WRITES, Access, Action, At, Loose, Map, Spin, Stop, Tlbi

KINDS = ("read", "write", "execute")


class _Model(Protocol):
    """What is asked of the reference model, between two of its steps."""

    cpu: int

    def may(self, action: Access) -> frozenset[str]: ...


class LooseWatch:
    """Looks at a reference model while a program passes through it: ``before`` and ``after`` each action.

    An access is loose while a TLB may hold something else than the tables say of what it uses. Permissions
    that the access does not need count, too. A CPU that reads all the time is looked at whenever no change or
    operation comes next, and at the end; where it uses something loose the whole program is.
    """

    def __init__(self, model: _Model) -> None:
        self._model = model
        self._spins: dict[int, Access] = {}
        self._found: set[int] = set()
        self._whole = False

    def before(self, number: int, action: Action) -> None:
        """Action ``number``, counted from 0, comes next."""
        look = Access("read", action.ctx, action.at) if isinstance(action, At) else action
        if isinstance(look, Access) and not self._settled(look):
            self._found.add(number)
        if not isinstance(action, Map | Tlbi):
            self._look_at_spins()

    def after(self, action: Action) -> None:
        """The model has done ``action``."""
        if isinstance(action, Spin):
            self._spins[action.cpu] = _look_of(action)
        elif isinstance(action, Stop):
            self._spins.pop(action.cpu, None)

    def end(self) -> Loose:
        """What was loose, after the last action."""
        self._look_at_spins()
        return Loose(self._whole, frozenset() if self._whole else frozenset(self._found))

    def _look_at_spins(self) -> None:
        if self._whole:
            return
        here = self._model.cpu
        for cpu, look in self._spins.items():
            self._model.cpu = cpu
            self._whole |= not self._settled(look)
        self._model.cpu = here

    def _settled(self, access: Access) -> bool:
        return all(len(self._model.may(each)) == 1 for each in _variants(access))


def _look_of(spin: Spin) -> Access:
    if spin.seen in ("vncr", VNCR_WRITES):
        return Access("vncr", spin.ctx)
    return Access("peek" if spin.seen == "vel2" else "read", spin.ctx, spin.at, el0=spin.seen == "el0")


def _variants(access: Access) -> Iterator[Access]:
    """All that a translation of the page may permit, by kind and exception level."""
    if access.kind not in KINDS:
        yield access
        return
    for kind in KINDS:
        for el0 in (False, True):
            yield dataclasses.replace(access, kind=kind, el0=el0)
