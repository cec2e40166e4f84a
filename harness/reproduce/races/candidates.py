# SPDX-License-Identifier: GPL-2.0-only
"""Where a schedule may hold a CPU: in KVM's nested, MMU and notifier code.

Entries, returns and calls; and, of what two CPUs share without a lock around all of it, the tests of what was
just loaded: between the look and the deed there need not be a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.scenario.language import Place
from harness.trace.executed import kvm_functions
from harness.trace.executed.places import Text

FUNCTION = re.compile(
    r"vncr|nested|s2_mmu|hw_mmu|mem_abort|guest_abort|faultin|flush_shadow|mmu_notifier|unmap_gfn|s2_fault"
    r"|stage2_(?:unmap|map|wp|flush|relax|test_clear)|handle_(?:tlbi|ipas2|ripas2|vmalls12|alle1)|s1e[12]_tlbi"
    r"|kvm_at_s1|at_slow|walk_s1|tlb_flush|__kvm_tlbi|s2_unmap|translate_va|vcpu_(?:load|put)|dirty|memslot|memory_region|age_gfn"
    r"|wp_memory|swap_desc|access_fault|tlb_inval|uninit_stage2|free_stage2|destroy_vm|vcpu_init|run_pid_change|access_c(?:csidr|lidr)"
)
"""Functions whose names say that they read or change what another CPU may change or read."""
APART = re.compile(
    r"vgic|gic_|timer|pmu|gmem|hwstate|_fp$|debug|dirty_ring|pkvm|trace_|probestub|traceiter"
    r"|sysregs|_vhe$|_fgt$|mdcr|nv3_ctxt|reg_masks|adjust_pc|inject_el2|get_kvm_ipa_limit|get_pa_bits|get_running"
)
"""Of these, those that are about other things, or never run with this kernel's configuration."""
TESTED = re.compile(
    r"vncr|hw_mmu|s2_mmu|nested_vcpu|vcpu_init_nested|s1e2_tlbi|nested_s2_(?:unmap|wp)|user_mem_abort|s2_fault"
)
"""Functions whose tests are places: those that look at pseudo-TLBs, contexts and counters of others."""
CALLEE = re.compile(r"lock|kvm|vncr|s2_|fixmap|srcu|pin_user|faultin|invalidate|flush|tlbi|page|folio")
"""Calls in them that take or give a lock, or hand on to such code."""


def candidates(text: Text) -> tuple[Place, ...]:
    """The places in a kernel, in the order of its text."""
    found: dict[Place, None] = {}
    for function in kvm_functions.functions(text.symbols):
        if FUNCTION.search(function.name) and not APART.search(function.name):
            found |= dict.fromkeys(_of(text, function.name))
    return tuple(found)


def _of(text: Text, function: str) -> Iterator[Place]:
    yield Place(function)
    if text.addresses(Place(function, "return")):
        yield Place(function, "return")
    for callee in text.calls(function):
        if CALLEE.search(callee) and not APART.search(callee):
            yield Place(function, "after" if "unlock" in callee else "call", callee)
    if TESTED.search(function):
        yield from (Place(function, "test", str(number)) for number in text.tests(function))
