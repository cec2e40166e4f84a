# SPDX-License-Identifier: GPL-2.0-only
"""How the guest of a selftest ran: at vEL2, which is EL1 under HCR_EL2.NV, or at EL1 and EL0 without NV.

Bits of HCR_EL2: Arm ARM D24.2.53. KVM sets NV while a guest is in its hypervisor's context
(`__compute_hcr()`, arch/arm64/kvm/hyp/vhe/switch.c).
"""

VM, TGE, NV = 1 << 0, 1 << 27, 1 << 42


def guest_ran(seen):
    """Pass if a guest was entered as `options.vel2` says (1: with NV, 0: without), fail if only otherwise.

    A guest of `options.host` l1 is an L2: entries with NV are those of L1, whose own guests have no EL2.
    """
    wanted = bool(seen.options["vel2"])
    entries = [each for each in seen.events("model.eret") if _enters(each.fields)]
    if seen.options["host"] == "l1":
        entries = [each for each in entries if not each.fields["hcr"] & NV]
    if not entries:
        yield seen.vacuous("no guest was entered")
        return
    right = sum(bool(each.fields["hcr"] & NV) is wanted for each in entries)
    said = f"{right} of {len(entries)} entries {'with' if wanted else 'without'} HCR_EL2.NV"
    yield seen.passed(said) if right else seen.fail(said, entries[0], lacking="model.eret")


def _enters(fields):
    """Whether an ERET goes from the host, at EL2, to a guest; one to a process of the host has TGE."""
    hcr = fields["hcr"]
    return fields["el"] == 2 and isinstance(hcr, int) and hcr & VM and not hcr & TGE
