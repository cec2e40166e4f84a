# SPDX-License-Identifier: GPL-2.0-only
"""A hunt: workers side by side, what they bring added up, and a record from which it goes on."""

from __future__ import annotations

import collections
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.document.as_json import from_data, to_data
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, InputError, Location, Problem, UserError
from harness.host.cache import Store, write_atomic
from harness.level import Level
from harness.program.kernel_defects import DEFECTS, KernelDefect
from harness.program.lanes import Lane, lanes
from harness.report.progress import Progress
from harness.report.publish import make_directory
from harness.reproduce.hunt import worker
from harness.reproduce.hunt.bare import PROGRAM, build_bare
from harness.reproduce.hunt.keep import NO_KERNEL
from harness.reproduce.hunt.program_findings import Sharpness
from harness.reproduce.hunt.worker import BatchDone, FindingKept, Note, WorkerOrder
from harness.reproduce.workers import events
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.runner.quarantine import Quarantine, load_quarantine
from harness.scenario.defaults import MUTANT_KERNEL
from harness.scenario.language import StackSpec
from harness.scenario.mutants import choose, load
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages

RECORD = "hunt.json"
FORMAT = 3
SLOWEST_END_S = 600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line: ``seconds`` of hunting, ``jobs`` machines; the rest as in ``worker.WorkerOrder``."""

    seconds: float
    seed: str
    out: Path
    jobs: int = 1
    kernel: str | None = None
    model: str | None = None
    timing: str | None = None
    mutant: str = ""
    kinds: tuple[str, ...] = ()
    with_known: bool = False
    one: bool = False
    bare: bool = False
    as_new: tuple[str, ...] = ()
    sanitize: bool = True

    @property
    def watched(self) -> bool:
        """Whether the TLB sanitizer is on: no plugin watches the bare machine."""
        return self.sanitize and not self.bare

    def same(self) -> dict[str, Any]:
        """What a hunt that goes on has to agree about."""
        return {
            "seed": self.seed,
            "kernel": self.kernel,
            "model": self.model,
            "timing": self.timing,
            "mutant": self.mutant,
            "kinds": list(self.kinds),
            "with_known": self.with_known,
            "bare": self.bare,
            "as_new": list(self.as_new),
            "sanitize": self.watched,
        }


@dataclass
class Totals:
    """What was done so far, over all sessions of a hunt. ``seconds``: wall clock.

    ``errors``: of nvh or its host; ``broken``: a kernel that does not boot, a model that crashes by itself.
    ``reached``: those of KVM's ``functions`` that L0 executed.
    """

    batches: int = 0
    programs: int = 0
    seconds: float = 0.0
    sharp: Sharpness = field(default_factory=Sharpness)
    points: set[tuple[str, str, str, int]] = field(default_factory=set)
    last_point: float = 0.0
    reached: set[str] = field(default_factory=set)
    functions: int = 0
    last_function: float = 0.0
    verdicts: collections.Counter[str] = field(default_factory=collections.Counter)
    kinds: collections.Counter[str] = field(default_factory=collections.Counter)
    known: collections.Counter[str] = field(default_factory=collections.Counter)
    causes: collections.Counter[str] = field(default_factory=collections.Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    next_batch: int = 0

    def add(self, done: BatchDone, at: float) -> None:
        """One batch; ``at``: seconds of the hunt so far."""
        self.batches += 1
        self.programs += done.programs
        self.sharp += done.sharp
        if done.points - self.points:
            self.last_point = at
        self.points |= done.points
        if done.reached - self.reached:
            self.last_function = at
        self.reached |= done.reached
        self.functions = max(self.functions, done.functions)
        self.verdicts += done.verdicts
        self.kinds[done.kind] += done.programs
        self.known += done.known
        self.causes += done.causes
        self.next_batch = max(self.next_batch, done.number + 1)


def begin(wanted: Wanted) -> Totals:
    """The totals so far of the hunt in ``wanted.out``, which may be a new one.

    Raises ``InputError`` when the directory holds a hunt with other options, or something else.
    """
    path = wanted.out / RECORD
    if not path.exists():
        make_directory(wanted.out)
        if any(wanted.out.iterdir()):
            raise InputError(
                [Problem(Location(str(wanted.out)), "holds something that is not a hunt", "a new directory")]
            )
        return Totals()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        totals = replace(from_data(Totals, data["totals"]), errors=[])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError([Problem(Location(str(path)), f"not the record of a hunt: {error}")]) from None
    if data["options"] != wanted.same():
        differ = [key for key, value in wanted.same().items() if data["options"].get(key) != value]
        raise InputError(
            [
                Problem(
                    Location(str(path)),
                    f"this hunt has another {', '.join(differ)}",
                    "the same, or another --out",
                )
            ]
        )
    # A cause whose pursuit was interrupted is free again.
    shutil.rmtree(wanted.out / worker.CAUSES, ignore_errors=True)
    return totals


def save(wanted: Wanted, totals: Totals) -> None:
    """Leave the record."""
    data = {"format": FORMAT, "options": wanted.same(), "totals": to_data(totals)}
    write_atomic(wanted.out / RECORD, json.dumps(data, indent=1, sort_keys=True))


def stack_for(lane: Lane, wanted: Wanted) -> StackSpec:
    """The stack of a lane; with a mutant L0 runs the kernel that has it."""
    spec = default_stack(Overrides(model=lane.model, timing=lane.timing, kernel=wanted.kernel))
    levels = dict(spec.levels)
    if lane.l0_cpus:
        levels[Level.L0] = replace(levels[Level.L0], cpus=lane.l0_cpus)
        spec = replace(spec, levels=levels)
    if not wanted.mutant:
        return spec
    levels[Level.L0] = replace(levels[Level.L0], kernel=wanted.kernel or MUTANT_KERNEL)
    return replace(spec, levels=levels)


def not_expected(
    known: Quarantine, kernel: str, release: str, defects: Sequence[KernelDefect] = DEFECTS
) -> tuple[str, ...]:
    """The scenarios of those defects that the L0 kernel of that name and release is not expected to have."""
    of_linux = [each.scenario for each in defects if not each.of_model]
    return tuple(scenario for scenario in of_linux if not known.knows(scenario, kernel, release))


def new_here(
    wanted: Wanted,
    kernel: str,
    images: StackImages,
    console: Console,
    defects: Sequence[KernelDefect] = DEFECTS,
) -> tuple[str, ...]:
    """The scenarios of known ``defects`` that are findings on ``kernel``: what was asked for, and fixed."""
    release = images.versions()["kernel l0"]["version"]
    fixed = not_expected(load_quarantine(), kernel, release, defects)
    if fixed:
        _say(console, f"findings on {kernel}, where quarantine.yaml does not expect them: {', '.join(fixed)}")
    return tuple(dict.fromkeys((*wanted.as_new, *fixed)))


def hunt(wanted: Wanted, console: Console) -> Totals:
    """Hunt for ``wanted.seconds`` and return the totals, left as ``hunt.json``, too."""
    if wanted.mutant:
        choose(load(), [wanted.mutant])
    if wanted.bare and (wanted.mutant or wanted.kernel):
        raise UserError("no kernel runs on the bare machine: leave --kernel and --mutant out")
    chosen = lanes(wanted.model, wanted.timing, wanted.bare)
    if wanted.kinds:
        chosen = tuple(lane for lane in chosen if set(lane.kinds) & set(wanted.kinds))
    totals = begin(wanted)
    with Progress(console) as progress:
        builder = Builder(Store(), progress)
        specs = {lane.name: stack_for(lane, wanted) for lane in chosen}
        prepare = builder.bare_images if wanted.bare else partial(builder.images, watched=True)
        images = {name: (prepare(spec), spec) for name, spec in specs.items()}
        bare = build_bare(builder.store).path / PROGRAM if wanted.bare else None
    before = totals.seconds
    started = time.monotonic()
    kernel = NO_KERNEL if bare else next(iter(specs.values())).levels[Level.L0].kernel
    as_new = wanted.as_new if bare else new_here(wanted, kernel, next(iter(images.values()))[0], console)
    orders = [
        WorkerOrder(
            seed=wanted.seed,
            first=totals.next_batch + number,
            stride=wanted.jobs,
            lanes=chosen,
            kinds=wanted.kinds,
            images=images,
            out=wanted.out.absolute(),
            deadline=started + wanted.seconds,
            kernel=kernel,
            mutant=wanted.mutant,
            with_known=wanted.with_known,
            one=wanted.one,
            bare=bare,
            as_new=as_new,
            sanitize=wanted.watched,
        )
        for number in range(wanted.jobs)
    ]
    silent = Note("a worker ended without a word", fatal=True)
    found = events(worker.main, orders, started + wanted.seconds + SLOWEST_END_S, silent)
    try:
        with closing(found):
            for event in found:
                totals.seconds = before + time.monotonic() - started
                _take(event, totals, console)
                save(wanted, totals)
                if isinstance(event, FindingKept) and wanted.one:
                    break
    finally:
        shutil.rmtree(wanted.out / "machines", ignore_errors=True)
        totals.seconds = before + time.monotonic() - started
        save(wanted, totals)
    return totals


def _take(event: BatchDone | FindingKept | Note, totals: Totals, console: Console) -> None:
    if isinstance(event, BatchDone):
        totals.add(event, totals.seconds)
        _say(console, _line(totals))
    elif isinstance(event, FindingKept):
        totals.findings.append(
            {
                "cause": event.cause,
                "scenario": event.path,
                "actions": event.actions,
                "confirmed": event.confirmed,
                "seconds": round(totals.seconds, 1),
            }
        )
        _say(
            console,
            f"found after {totals.seconds:.0f} s: {event.cause} ({event.actions} actions) {event.path}",
        )
    else:
        if event.red:
            totals.broken.append(event.text)
        elif event.fatal:
            totals.errors.append(event.text)
        _say(console, event.text)


def _line(totals: Totals) -> str:
    rate = totals.programs / totals.seconds if totals.seconds else 0.0
    known = sum(totals.known.values())
    return (
        f"{totals.seconds:6.0f} s  {totals.programs} programs ({rate:.1f}/s)  {totals.sharp.sharp} sharp, "
        f"{totals.sharp.primed} primed  {len(totals.points)} points, a new one at {totals.last_point:.0f} s  "
        f"{len(totals.reached)} functions, at {totals.last_function:.0f} s  "
        f"{len(totals.findings)} found" + (f"  {known} known" if known else "")
    )


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def exit_status(totals: Totals) -> int:
    """1 when something was found or broke, 3 when a worker gave up or nothing was run, else 0."""
    if totals.findings or totals.broken:
        return EXIT_RED
    return EXIT_INFRA if totals.errors or not totals.programs else EXIT_PASS
