# SPDX-License-Identifier: GPL-2.0-only
"""Traces of the model as L0's KVM makes them, one instruction after the other, to be bent in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.check.finding import Finding, Observations
from harness.check.oracle import ORACLES
from harness.level import Level
from harness.scenario.language import OracleCheck, Scalar, Scope
from harness.trace.event import Event, Value
from harness.trace.source import Source
from harness.trace.span import Span
from harness.trace.timeline import Loss, Realised, Timeline
from tests.check.build import HERE

L1_VTTBR = 0x0002_0000_4A00_0000
SHADOW = 0x0007_0000_4B00_0000
OTHER = 0x0009_0000_4C00_0000
GUEST_HCR = 0x0000_0200_8000_0001
HOST_HCR = 0x0000_0004_8800_0000  # E2H and TGE
NAMES = ("tlbi", "dsb", "isb", "eret", "exception", "call")
KERNEL = ("l0.tlbi", "l0.shadow_unmap", "l0.tlbi_forward")
PC = 0xFFFF_8000_8020_0000


class Model:
    """Records events of one or more vCPUs; ``begin`` and ``end`` make a span of those between."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.spans: list[Span] = []
        self.losses: list[Loss] = []
        self._seqs: dict[Source, int] = {}
        self._begun: int | None = None

    def add(self, name: str, level: Level = Level.L0, cpu: int = 0, task: str = "", **fields: Value) -> Event:
        source = Source(name.partition(".")[0])
        seq = self._seqs.get(source, 0)
        self._seqs[source] = seq + 1
        event = Event(name, level, seq, len(self.events) * 1000, cpu, task, fields)
        self.events.append(event)
        return event

    def tlbi(self, op: str, vttbr: int, level: Level = Level.L0, cpu: int = 0, **fields: Value) -> Event:
        el = 2 if level is Level.L0 else 1
        common: dict[str, Value] = {
            "op": op, "family": op.removesuffix("is").removesuffix("os"), "el": el, "pc": PC, "vttbr": vttbr,
            "vmid": vttbr >> 48, "hcr": GUEST_HCR, "regime": "el1&0" if el == 2 else "?",
            "trapped": "no" if el == 2 else "yes",
        }  # fmt: skip
        common |= fields
        return self.add("model.tlbi", level, cpu, "", **common)

    def dsb(self, domain: str = "ish", access: str = "all", cpu: int = 0) -> Event:
        return self.add("model.dsb", cpu=cpu, domain=domain, access=access, el=2, pc=PC)

    def isb(self, cpu: int = 0) -> Event:
        return self.add("model.isb", cpu=cpu, el=2, pc=PC)

    def call(self, function: str, cpu: int = 0) -> Event:
        return self.add("model.call", cpu=cpu, function=function, el=2, pc=PC)

    def trap(self, cpu: int = 0, ec: int = 0x18) -> Event:
        return self.add("model.exception", cpu=cpu, from_el=1, to_el=2, vector="sync", ec=ec)

    def eret(self, vttbr: int, cpu: int = 0, hcr: int = GUEST_HCR, to_el: int = 1) -> Event:
        return self.add(
            "model.eret",
            cpu=cpu,
            to_el=to_el,
            el=2,
            pc=PC,
            vttbr=vttbr,
            vmid=vttbr >> 48,
            hcr=hcr,
            trapped="no",
        )

    def begin(self) -> None:
        self._begun = len(self.events)

    def end(self, why_open: str = "") -> None:
        assert self._begun is not None
        events = tuple(self.events[self._begun :])
        self.spans.append(Span(len(self.spans), "tlbi", str(events[0].fields["op"]), events, why_open))
        self._begun = None

    def stage2(self, op: str = "ipas2e1is", shadow: int = SHADOW, answer: str = "vmalls12e1is") -> None:
        """L1's stage-2 operation as kvm_stage2_unmap_range() and __kvm_tlb_flush_vmid() answer it.

        L1's module announces it with the VMID that it loads for it, which L0 keeps from the hardware.
        """
        self.begin()
        self.add("l1.tlbi", Level.L1, task="nvh-tlbi-65", op=op, vmid=1)
        self.tlbi(op, L1_VTTBR, Level.L1)
        self.trap()
        self.call("handle_ipas2e1is")
        self.call("kvm_stage2_unmap_range")
        self.dsb("ish", "st")
        self.isb()
        self.tlbi(answer, shadow)
        self.dsb()
        self.isb()
        self.eret(L1_VTTBR)
        self.end()

    def stage1(self, op: str = "vae1", shadow: int = SHADOW, answer: str = "vae1is") -> None:
        """L1's stage-1 operation on an L2, as __kvm_tlbi_s1e2() answers it: with no DSB before."""
        self.begin()
        self.tlbi(op, L1_VTTBR, Level.L1)
        self.trap()
        self.call("handle_tlbi_el1")
        self.isb()
        self.tlbi(answer, shadow)
        self.dsb()
        self.isb()
        self.eret(L1_VTTBR)
        self.end()

    def runs_l2(self, vttbr: int = SHADOW) -> None:
        """L0 enters L2, which traps again."""
        self.eret(vttbr)
        self.trap(ec=0x24)

    def timeline(self, missing: Mapping[str, str] | None = None) -> Timeline:
        names = [*(f"model.{name}" for name in NAMES), *KERNEL]
        return Timeline(
            events=tuple(self.events),
            losses=tuple(self.losses),
            realised={name: Realised("plugin") for name in names if name not in (missing or {})},
            missing=missing or {},
            spans=tuple(self.spans),
        )


def judged(
    name: str,
    model: Model,
    options: Mapping[str, Scalar] | None = None,
    scope: Scope | None = None,
    missing: Mapping[str, str] | None = None,
) -> Finding:
    check = OracleCheck(HERE, name, name, scope or Scope(), dict(options or {}))
    return ORACLES[name](check, Observations(timeline=model.timeline(missing)))


def without(model: Model, *unwanted: Event) -> Model:
    """The same trace without some events, as a kernel with an injected fault would leave it."""
    bent = Model()
    bent.losses = model.losses
    bent.events = [event for event in model.events if event not in unwanted]
    bent.spans = [
        Span(s.id, s.kind, s.op, tuple(e for e in s.events if e not in unwanted), s.open) for s in model.spans
    ]
    return bent


def named(model: Model, name: str) -> Sequence[Event]:
    return [event for event in model.events if event.name == name]
