# SPDX-License-Identifier: GPL-2.0-only
"""A program in words: what L1 and L2 do, what the architecture requires, what happened."""

from __future__ import annotations

import textwrap

from harness.arch.operand import decode
from harness.arch.table import Operand, Shareability
from harness.program.addresses import level_size
from harness.program.program import (
    CONTIGUOUS,
    OLD,
    VNCR_WRITES,
    WRITES,
    Access,
    Action,
    At,
    Cpu,
    DescriptorLook,
    Host,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    World,
)
from harness.reproduce.hunt.program_findings import SPLAT, ProgramFinding, outcome_class

SCOPES = {
    Shareability.LOCAL: "this PE",
    Shareability.IS: "the Inner Shareable domain",
    Shareability.OS: "the Outer Shareable domain",
}
SIZES = {12: "4 KiB", 14: "16 KiB", 16: "64 KiB", 21: "2 MiB", 25: "32 MiB", 29: "512 MiB", 30: "1 GiB"}
OUTCOMES = {
    "v": "the value behind an old translation",
    "at": "a write that went through",
    "s2-translation": "a stage-2 translation fault, taken to vEL2",
    "s2-permission": "a stage-2 permission fault, taken to vEL2",
    "s1-translation": "a stage-1 translation fault",
    "s1-permission": "a stage-1 permission fault",
    "el2-translation": "a translation fault of vEL2's own",
    "vncr-translation": "a translation fault on the VNCR page",
    "s2-address-size": "a stage-2 address size fault, taken to vEL2",
    "s1-address-size": "a stage-1 address size fault",
    "old": "a descriptor whose access flag is 0",
    "young": "a descriptor whose access flag is 1",
    "s2-access-flag": "a stage-2 access flag fault, taken to vEL2",
    "s1-access-flag": "a stage-1 access flag fault",
    "pa": "the address of a translation",
    "par-s1-translation": "a stage-1 translation fault in PAR_EL1",
    "par-s2-translation": "a stage-2 translation fault in PAR_EL1",
    "done": "that the operation executed",
    "undefined": "that the operation is UNDEFINED",
    "trap": "a trap to vEL2",
    "hang": "nothing: the machine does not answer",
    "broken": "that the VM broke",
}


def sentence(world: World, action: Action) -> str:
    """What one action is, in a clause."""
    match action:
        case Map():
            return _map(world, action)
        case DescriptorLook():
            table = f"level {action.level} of stage {action.stage[1]} of context {action.ctx}"
            return f"L1 reads the descriptor of {action.at:#x} at {table}"
        case Access(kind="peek"):
            return f"vEL2 reads its own VA {action.at:#x}"
        case Access(kind="vncr"):
            return f"L2, a hypervisor itself (context {action.ctx}), reads TPIDR_EL2, a word of its VNCR page"
        case Access():
            who = f"L2 under context {action.ctx}, EL{0 if action.el0 else 1},"
            what = {"read": "reads", "write": "writes", "execute": "calls the code at"}[action.kind]
            return f"{who} {what} VA {action.at:#x}"
        case Tlbi():
            return _tlbi(world, action)
        case At():
            what = f"AT {action.op.upper()} of VA {action.at:#x}"
            return f"L1 executes {what} under context {action.ctx} and reads PAR_EL1"
        case Spin():
            what = "write" if action.where in (WRITES, VNCR_WRITES) else "read"
            return f"CPU {action.cpu} begins to {what} VA {action.at:#x} again and again ({action.where})"
        case Sample():
            return f"what CPU {action.cpu} reads now is looked at"
        case Stop():
            return f"CPU {action.cpu} ends its reading"
        case Cpu():
            return f"CPU {action.cpu} goes on"
        case Host(action="kick"):
            return "the VMM makes the other vCPUs leave KVM_RUN and come back"
        case Host(action="online"):
            return "the VMM initialises the vCPU that never runs, and so gives the VM two more shadows"
        case Host(action="other-vm"):
            return "another VM is made, runs an L2, and ends"
        case Host(action="other-vm-begins"):
            return "another VM is made, and runs an L2"
        case Host(action="other-vm-ends"):
            return "that VM ends"
        case Host(action="preempt"):
            return "the other vCPUs' threads lose their CPU and get it back, again and again"
        case Host(action="hop"):
            return "the other vCPUs' threads go from one CPU of L0 to the next, again and again"
        case Host(action="share"):
            return "the other vCPUs are on one CPU of L0, and take turns on it"
        case Host():
            return f"L0's VMM does {action.action} to the memory at offset {action.offset:#x}"


def _map(world: World, action: Map) -> str:
    shift = 12 if action.stage == "e2" else world.shift
    size = SIZES.get(level_size(shift, action.level).bit_length() - 1, "")
    where = {
        "s2": f"IPA {action.at:#x} in stage 2 of context {action.ctx}",
        "s1": f"VA {action.at:#x} in stage 1 of context {action.ctx}",
        "e2": f"VA {action.at:#x} of vEL2 itself",
    }[action.stage]
    if CONTIGUOUS in action.perms:
        size = f"16 contiguous ones of {size}"
    if action.to is None:
        return f"L1 makes the descriptor of {where} invalid ({size})"
    perms = action.perms.replace(CONTIGUOUS, "").replace(OLD, "") or "no permission"
    old = ", access flag 0" if OLD in action.perms else ""
    return f"L1 maps {where} to {action.to:#x} ({size}, {perms}{old})"


def _tlbi(world: World, action: Tlbi) -> str:
    op, c = action.operation, world.contexts[action.ctx]
    who = "L2 itself" if action.by_l2 else "L1"
    under = f"VMID {c.vmid}" + (", TGE 1" if c.tge else "")
    fields = decode(op, action.xt)
    words = []
    at = fields.va if fields.va is not None else fields.ipa
    if op.operand is not Operand.NONE and at is not None:
        words.append(f"{'VA' if fields.va is not None else 'IPA'} {at:#x}")
        if fields.size and op.operand.is_range:
            words.append(f"to {at + fields.size - 1:#x}")
    if fields.asid is not None:
        words.append(f"ASID {fields.asid}")
    if fields.ttl:
        words.append(f"TTL level {fields.ttl & 3}")
    detail = f" for {', '.join(words)}" if words else ""
    return f"{who} executes TLBI {op.name.upper()}{detail} ({under}, {SCOPES[op.scope]}), then DSB and ISB"


def paragraph(program: Program, finding: ProgramFinding) -> str:
    """What L1 did, what the architecture requires, what happened; wrapped, no line longer than 108."""
    steps = "; ".join(sentence(program.world, each) for each in program.actions[: finding.action + 1])
    if finding.report:
        text = (
            f"What was done: {steps}. What the architecture allows: where no line says `loose`, no TLB may "
            "hold anything else than the tables say of what is used: it was invalidated or never changed. "
            f"What happened: {finding.saw}, a translation that a PE may still hold (below)."
        )
        return textwrap.fill(text, 108, break_long_words=False, break_on_hyphens=False)
    if not finding.allowed:
        text = f"What was done: {steps}. What happened: {_end(finding.saw)}."
        return textwrap.fill(text, 108, break_long_words=False, break_on_hyphens=False)
    allowed = " or ".join(sorted(OUTCOMES.get(outcome_class(t), t) for t in finding.allowed))
    tokens = ", ".join(sorted(finding.allowed))
    saw = OUTCOMES.get(outcome_class(finding.saw), finding.saw)
    text = (
        f"What was done: {steps}. "
        f"What the architecture allows of the last: {allowed.replace('an old', 'the present')} ({tokens}): "
        f"{_why(program, finding)} "
        f"What happened: {saw} ({finding.saw})."
    )
    return textwrap.fill(text, 108, break_long_words=False, break_on_hyphens=False)


def _end(saw: str) -> str:
    """What happened to a program without an observation that is to blame."""
    if saw.startswith(SPLAT):
        return f"L0's kernel complained, {saw.removeprefix(SPLAT)}"
    return f"the program did not come to its end ({saw})"


def _why(program: Program, finding: ProgramFinding) -> str:
    last = program.actions[finding.action]
    if isinstance(last, Tlbi):
        return (
            "whether an operation traps, is UNDEFINED or executes follows from HCR_EL2 and L1's ID registers."
        )
    if isinstance(last, Host) or any(isinstance(a, Host) for a in program.actions):
        return "what L0 does to L1's memory holds for L2 at once."
    operations = [a for a in program.actions[: finding.action] if isinstance(a, Tlbi)]
    if not operations:
        return "no TLB can have held anything else."
    return (
        "no TLB may hold anything else of it, since every entry that was valid before is covered by the "
        "operations executed after the change (Arm ARM D8.17)."
    )
