# SPDX-License-Identifier: GPL-2.0-only
"""The model's trace: what it costs while the machine boots, and how fast ten million events are checked.

``.venv/bin/python -m bench.model_trace [--rounds 1] [--model qemu] [--timing icount] [--events 10000000]``
boots the default stack with the trace off and on, alternating, and prints the ratio, what was recorded and
what was lost. Then it writes a trace of that many events, reads it and judges expectations on it: events per
second and core, and the most memory that took. ``--no-boot`` leaves out the first part.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from harness.attempt.watch import ModelWatch, only_of, wants_spans
from harness.check.evaluate import evaluate, event_names
from harness.errors import Location
from harness.host.cache import Store
from harness.level import Level
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.scenario.language import (
    Absence,
    EventPattern,
    Existence,
    Expectation,
    Limit,
    OracleCheck,
    Response,
    Scalar,
    Scope,
    StackSpec,
    Universality,
)
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages
from harness.stack.stack import Stack
from harness.trace.model import layout
from harness.trace.model import recording_plan as model_plan
from harness.trace.model.add_to_timeline import ModelTrace, add_model
from harness.trace.model.layout import UnitKind
from harness.trace.timeline import Timeline
from harness.trace.tracing_plan import make_plan

ANSWER_DEADLINE_S = 60.0
HERE = Location("bench", 1)
EVENTS = (
    "model.tlbi",
    "model.dsb",
    "model.isb",
    "model.at",
    "model.eret",
    "model.exception",
    "model.msr",
    "model.call",
)
VMID = 1 << 48
GUEST, HOST = 0x2743C827D263F, 0x488000038


def _of(event: str, **fields: Scalar) -> EventPattern:
    return EventPattern(HERE, event, fields)


NARROW: tuple[Expectation, ...] = (
    Absence(HERE, "no-local", _of("model.tlbi", el=2, scope="local"), Scope(), None),
    Existence(HERE, "asids", _of("model.tlbi", op="aside1is", el=2), Scope(), ">= 1"),
    Absence(HERE, "none-at-el0", _of("model.dsb", el=0), Scope(), None),
)
"""What few events may match."""
WIDE: tuple[Expectation, ...] = (
    Universality(HERE, "ish", _of("model.dsb"), _of("model.dsb", domain="ish"), Scope()),
    Absence(HERE, "no-other-vmid", _of("model.isb", vttbr="!= 0x1000000000000"), Scope(), None),
    Response(HERE, "finished", _of("model.tlbi", el=2), _of("model.dsb", domain="ish"), Scope(), Limit()),
    Response(
        HERE, "answered", _of("model.tlbi", el=1, vmid="$v"), _of("model.eret", vmid="$v"), Scope(), Limit()
    ),
    Existence(HERE, "host", _of("model.msr", value=HOST), Scope(), "> 0"),
    Universality(HERE, "traps", _of("model.exception"), _of("model.exception", ec=24), Scope()),
)
"""What looks at every event of the trace and at all of most."""
BARRIERS: tuple[Expectation, ...] = (OracleCheck(HERE, "barrier-discipline", "barrier-discipline", Scope()),)
"""An oracle that goes through everything once."""
SPANS: tuple[Expectation, ...] = (OracleCheck(HERE, "inner-shareable", "inner-shareable", Scope()),)
"""An oracle on spans, in a trace that is nothing but spans: one for ten events."""
CASES = {"narrow": NARROW, "wide": WIDE, "barriers": BARRIERS, "spans": SPANS}


def boot(
    images: StackImages, spec: StackSpec, place: Path, traced: bool
) -> tuple[float, layout.TraceHeader | None]:
    """Boot all three levels; returns the seconds until L2 answered, and the header of the trace."""
    watch = ModelWatch(images, spec.timing, make_plan(EVENTS), (), place) if traced else None
    with Stack(images, spec, place, plugins=(watch.plugin,) if watch else ()) as stack:
        started = time.monotonic()
        stack.boot(Level.L0)
        if watch:
            watch.start()
        stack.boot(Level.L2)
        assert stack.run(Level.L2, "echo answer", ANSWER_DEADLINE_S).text == "answer\n"
        seconds = time.monotonic() - started
    return seconds, layout.read_header(place / "model.trace") if watch else None


def boots(console: Console, overrides: Overrides, rounds: int) -> None:
    """Boot with and without the trace, and print the ratio and the loss."""
    spec = default_stack(overrides)
    with Progress(console) as progress:
        images = Builder(Store(), progress).images(spec, watched=True)
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for traced in (False, True):  # alternating, so that a change of the machine's load meets both
            with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
                seconds, header = boot(images, spec, Path(name), traced)
            times[traced].append(seconds)
            if header:
                console.print(f"{header.next} units of {header.limit}, {header.lost} records lost")
    off, on = statistics.median(times[False]), statistics.median(times[True])
    console.print(f"L2 answers after {off:.1f} s without and {on:.1f} s with the trace: {on / off:.2f}x")


def write_trace(path: Path, events: int) -> int:
    """Write a trace of at least ``events`` events as a boot has them; returns how many."""
    record = [
        (UnitKind.TLBI, 2, 1 << 14 | 0 << 11 | 8 << 7 | 3 << 3 | 1, GUEST, (0x54321, 0, 0)),
        (UnitKind.EXCEPTION, 2, 2 << 14 | 8, GUEST, (0x1000, 5, 0x60000000, 0, 0)),
        (UnitKind.TLBI, 2, 2 << 14 | 0 << 11 | 8 << 7 | 3 << 3 | 1, GUEST, (0x54321, 0, 0)),
        (UnitKind.DSB, 2, 2 << 14 | 0b1011, GUEST, ()),
        (UnitKind.ISB, 2, 2 << 14 | 15, GUEST, ()),
        (UnitKind.MSR, 2, 2 << 14 | 4 << 11 | 1 << 7 | 1 << 3, GUEST, (HOST,)),
        (UnitKind.ISB, 2, 2 << 14 | 15, HOST, ()),
        (UnitKind.ERET, 2, 2 << 14, GUEST, (0x1004, 5)),
        (UnitKind.DSB, 1, 1 << 14 | 0b1011, GUEST, ()),
        (UnitKind.ISB, 1, 1 << 14 | 15, GUEST, ()),
    ]
    units: list[tuple[int, int, int, int, int, int, int]] = []
    for kind, _, info, hcr, values in record:
        units.append((kind, 0, info, 0, 0x1000, VMID, hcr))
        padded = [*values, *[0] * 9]
        for step in range(layout.MORE_UNITS[kind]):
            part = padded[3 * step : 3 * step + 3]
            units.append((UnitKind.MORE, 0, kind << 8 | step + 1, 0, part[0], part[1], part[2]))
    block = np.array(units, dtype=layout.UNIT)
    once = block.copy()
    once["info"][5] = 2 << 14 | 8 << 7 | 3 << 3 | 2  # one ASIDE1IS, in the last block
    repeat = 1 << 15
    blocks = -(-events // len(record) // repeat) * repeat
    many = np.tile(block, repeat)
    total = blocks * len(block)
    with path.open("wb") as stream:
        head = layout.TraceHeader(7, 1, total, 0, total, 0, ())
        stream.write(layout.pack_header(head))
        for at in range(0, blocks, repeat):
            if at + repeat == blocks:
                many[-len(block) :] = once
            many["check"] = layout.checks(many, at * len(block))
            stream.write(many.tobytes())
    return blocks * len(record)


def rate(events: int) -> None:
    """Judge a trace of so many events, each case in a process of its own, which prints rate and memory."""
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
        path = Path(name) / "model.trace"
        count = write_trace(path, events)
        for case in CASES:
            command = [sys.executable, "-m", "bench.model_trace", "--judge", case, str(path), str(count)]
            subprocess.run(command, check=True)


def judge(case: str, path: Path, count: int) -> None:
    """Read the trace and judge a case on it; prints how long that took and what it needed."""
    expectations = CASES[case]
    wanted = tuple(name for name in event_names(expectations) if name.startswith("model."))
    plan = dataclasses.replace(
        model_plan.make(wanted, (), ()),
        only=only_of(expectations, wanted),
        spans=any(map(wants_spans, expectations)),
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    seen = add_model(Timeline(), (), ModelTrace(path, plan))
    read = time.process_time() - started
    findings = evaluate(expectations, seen, {}, {})
    seconds = time.process_time() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{case}: {count} events, {len(seen.events)} of them looked at, read in {read:.1f} s and judged in "
        f"{seconds - read:.1f} s of one core: {count / seconds:,.0f} a second; {(after - before) >> 10} MiB"
    )
    for each in findings:
        print(f"  {each.name}: {each.verdict}, {each.message.splitlines()[0]}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--model", default="qemu")
    parser.add_argument("--timing", default="icount")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--no-boot", action="store_true")
    parser.add_argument("--no-rate", action="store_true")
    parser.add_argument("--judge", nargs=3, metavar=("CASE", "TRACE", "EVENTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.judge:
        judge(options.judge[0], Path(options.judge[1]), int(options.judge[2]))
        return
    console = Console()
    if not options.no_rate:
        rate(options.events)
    if not options.no_boot:
        boots(console, Overrides(model=options.model, timing=options.timing), options.rounds)


if __name__ == "__main__":
    main()
