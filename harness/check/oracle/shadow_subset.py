# SPDX-License-Identifier: GPL-2.0-only
"""At the cell's end, the shadow stage 2 is contained in L1's stage 2 composed with L0's.

A shadow entry stands for a TLB entry of the translation that L1 has set up (the commit message of v8 42/69):
the architecture lets it be there only while a walk of L1's tables would give it, or until L1 has invalidated
it (Arm ARM D8.17). So once L1 has finished its TLB maintenance each shadow leaf must lead where L1's stage 2
and then L0's lead, with no permission that L1's descriptor lacks. Missing shadow leaves are no violation:
they are made on demand.

The machine is looked into twice, stopped, after the last step (harness/attempt/shadows.py), with time to run
in between. L1 may be between a store and its TLBI at one moment; what is wrong at both has no TLBI coming.
Only contexts of VMs that L1 has now count: of one that is no more, tables may have been given back, and its
VMID awaits invalidation until it is used again.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.check.finding import Finding, Observations, judge
from harness.check.shadow import Look, Shadow, Stray
from harness.errors import UserError
from harness.scenario.language import OracleCheck, Scope
from harness.verdict import Verdict


def verdict(check: OracleCheck, seen: Observations) -> Finding:
    """Hold the looks against each other; one alone decides nothing."""
    if check.scope != Scope():
        raise UserError(f"{check.where}: shadow-subset judges the end of the cell; it takes no scope")
    problems = [look.problem for look in seen.looks if look.problem]
    if problems or len(seen.looks) < 2:
        reason = problems[0] if problems else "nobody looked into the stopped machine"
        return judge(check, Verdict.UNDECIDED, reason)
    strays = list(_lasting(seen.looks[0], seen.looks[-1]))
    if strays:
        shadow, first = strays[0]
        more = f" ({len(strays)} in all)" if len(strays) > 1 else ""
        text = (
            f"shadow context {shadow.index} of VTTBR_EL2 {shadow.vttbr:#x} maps IPA {first.ipa:#x} + "
            f"{first.size:#x}: {first.text}{more}"
        )
        return judge(check, Verdict.FAIL, text)
    shadows = [shadow for shadow in seen.looks[-1].shadows if shadow.alive]
    broken = [f"shadow context {each.index}: {each.problem}" for each in shadows if each.problem]
    if broken:
        return judge(check, Verdict.UNDECIDED, "; ".join(broken))
    agreeing = sum(each.agreeing for each in shadows)
    unknown = sum(each.unknown for each in shadows)
    if unknown:
        return judge(check, Verdict.UNDECIDED, f"of {unknown >> 10} KiB it is not known where L0 has them")
    if not agreeing:
        return judge(check, Verdict.VACUOUS, "no shadow context of a VM of L1 maps anything")
    return judge(check, Verdict.PASS, f"{agreeing >> 10} KiB of shadow mappings are as L1's tables have them")


def _lasting(first: Look, last: Look) -> Iterator[tuple[Shadow, Stray]]:
    """What is wrong in the last look and was so, in the same place, in the first."""
    before = {(each.index, each.vttbr): each for each in first.shadows}
    for shadow in last.shadows:
        was = before.get((shadow.index, shadow.vttbr))
        if shadow.alive and was is not None and was.alive:
            for stray in shadow.strays:
                if any(_overlap(stray, each) and each.text == stray.text for each in was.strays):
                    yield shadow, stray


def _overlap(one: Stray, other: Stray) -> bool:
    return one.ipa < other.ipa + other.size and other.ipa < one.ipa + one.size
