# SPDX-License-Identifier: GPL-2.0-only
"""A program as nvh-litmus gets it: what may be observed, and where L1 still owes an invalidation.

While L1 owes one, an old translation may be used: that is no mistake of L0's, and an observer of the machine
such as the TLB sanitizer must not take it for one. The payload says so to whoever watches (docs/sanitizer.md,
"marks").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from harness.program.allowed import ReferenceModel, allowed_of
from harness.program.program import VNCR_WRITES, Access, At, Cpu, Loose, Map, Program, Spin, Stop, Tlbi
from harness.program.render import render

KINDS = ("read", "write", "execute")


def script(program: Program, name: str, fresh: bool = False) -> str:
    """The text of ``program``, with all that follows from the reference model."""
    return render(program, name, allowed_of(program), fresh, loose_of(program))


def loose_of(program: Program) -> Loose:
    """Where a TLB may hold something else than the tables say, of what is used, after all operations so far.

    Permissions that the access does not need count, too. A CPU that reads all the time is looked at whenever
    no change or operation comes next, and at the end; where it uses something loose the whole program is.
    """
    model = ReferenceModel.of(program)
    spins: dict[int, Access] = {}
    found: set[int] = set()
    whole = False
    for number, action in enumerate(program.actions):
        look = Access("read", action.ctx, action.at) if isinstance(action, At) else action
        if isinstance(look, Access) and not _settled(model, look):
            found.add(number)
        if not isinstance(action, Map | Tlbi):
            whole |= not _all_settled(model, spins)
        model.step(action)
        if isinstance(action, Spin):
            spins[action.cpu] = _look_of(action)
        elif isinstance(action, Stop):
            spins.pop(action.cpu, None)
    whole |= not _all_settled(model, spins)
    return Loose(whole, frozenset() if whole else frozenset(found))


def _look_of(spin: Spin) -> Access:
    if spin.seen in ("vncr", VNCR_WRITES):
        return Access("vncr", spin.ctx)
    return Access("peek" if spin.seen == "vel2" else "read", spin.ctx, spin.at, el0=spin.seen == "el0")


def _all_settled(model: ReferenceModel, spins: dict[int, Access]) -> bool:
    before, settled = model.cpu, True
    for cpu, look in spins.items():
        model.step(Cpu(cpu))
        settled &= _settled(model, look)
    model.step(Cpu(before))
    return settled


def _settled(model: ReferenceModel, access: Access) -> bool:
    return all(len(model.may(each)) == 1 for each in _variants(access))


def _variants(access: Access) -> Iterator[Access]:
    """All that a translation of the page may permit, by kind and exception level."""
    if access.kind not in KINDS:
        yield access
        return
    for kind in KINDS:
        for el0 in (False, True):
            yield dataclasses.replace(access, kind=kind, el0=el0)
