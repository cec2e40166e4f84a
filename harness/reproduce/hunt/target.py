# SPDX-License-Identifier: GPL-2.0-only
"""A machine that runs programs: L0 restored from its snapshot, nvh-litmus in it, one batch after another."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.attempt.prefix import Prefix
from harness.attempt.steps import MUTANT
from harness.check.splat import SplatKey, fatal, find_splats
from harness.errors import Broken, InfraError
from harness.level import Level
from harness.machine.process import CpuTime
from harness.machine.qemu import Plugin
from harness.reproduce.hunt.observers import BatchReport, Reach, Watch
from harness.reproduce.hunt.program_findings import ProgramOutcome, parse_results, totals
from harness.runner.snapshots import Snapshots
from harness.scenario.language import StackSpec
from harness.stack import saved
from harness.stack.images import StackImages
from harness.stack.stack import Stack

SEED = b"nvh hunt"
BATCH_DEADLINE_S = 240.0
COMMAND_DEADLINE_S = 60.0
USAGE = 2
HUNGRY = 0.5
"""Part of the CPU time that QEMU wanted, below which the host is at fault for its slowness."""
FAILURES = 4
"""After so many programs that failed the rest of a batch is left out: each costs a VM, and they are alike."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call of nvh-litmus left: an outcome for each program, and the splats of L0 meanwhile.

    ``seen``: what the sanitizer said of the programs, by their place among the outcomes. ``reached``: of the
    ``functions`` of L0's KVM that this machine had not executed before.
    """

    outcomes: tuple[ProgramOutcome, ...]
    splats: tuple[SplatKey, ...] = ()
    seen: tuple[BatchReport, ...] = ()
    reached: frozenset[str] = frozenset()
    functions: int = 0


class Target:
    """One machine in a directory of its own below ``directory``.

    ``mutant``: the injected fault that is on in L0's kernel, or an empty string. ``sanitize``: the TLB
    sanitizer watches. What watches are plugins: without those in ``images`` nothing does.
    """

    def __init__(
        self,
        images: StackImages,
        spec: StackSpec,
        snapshots: Snapshots,
        directory: Path,
        mutant: str = "",
        sanitize: bool = False,
    ) -> None:
        self._images = images
        self._spec = spec
        self._snapshots = snapshots
        self._directory = directory
        self._mutant = mutant
        self._sanitize = sanitize
        self._watch: Watch | None = None
        self._reach: Reach | None = None
        self._stack: Stack | None = None
        self._place: Path | None = None
        self._splats = 0
        self.restores = 0

    deadline_s = BATCH_DEADLINE_S
    """For a batch."""

    @property
    def directory(self) -> Path:
        """Where its machines are."""
        return self._directory

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the machine. The next batch gets a new one."""
        if self._stack is not None:
            self._stack.close()
        self._stack = None
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)
        self._place = None

    def begin(self) -> Stack:
        """A machine with L0 up and the mutant on; the same one as long as nothing goes wrong with it."""
        if self._stack is not None:
            return self._stack
        self._directory.mkdir(parents=True, exist_ok=True)
        self._place = Path(tempfile.mkdtemp(prefix="machine-", dir=self._directory))
        stack = Stack(self._images, self._spec, self._place, plugins=self.plugins(), alarm=fatal)
        self._stack = stack
        self._splats = 0
        self.restores += 1
        try:
            made = self._snapshots.get(self._images, Prefix(self._spec, Level.L0))
            if made is None:
                stack.boot(Level.L0)
            else:
                saved.restore(stack, made.path, SEED)
            self._switch(stack)
        except BaseException:
            self.close()
            raise
        return stack

    def plugins(self) -> tuple[Plugin, ...]:
        """What watches a machine that is about to begin in ``_place``."""
        assert self._place is not None
        self._watch = Watch(self._images, self._spec, self._place) if self._sanitize else None
        self._reach = Reach(self._images, self._place) if self._images.plugins else None
        return tuple(each.plugin for each in (self._watch, self._reach) if each)

    def _switch(self, stack: Stack) -> None:
        if not self._mutant:
            return
        done = stack.run(Level.L0, f"echo {self._mutant} >{MUTANT} && cat {MUTANT}", COMMAND_DEADLINE_S)
        if done.status != 0 or done.text.strip().replace("_", "-") != self._mutant:
            raise InfraError(f"L0's kernel has no fault {self._mutant!r}: build it with series/mutants")

    def features(self) -> frozenset[str]:
        """Which of FEAT_TLBIOS, FEAT_TLBIRANGE and FEAT_XS L1 has on this model."""
        done = self.begin().run(Level.L0, "nvh-litmus --features", COMMAND_DEADLINE_S)
        if done.status != 0:
            words = done.stderr.decode(errors="replace").strip()
            raise InfraError(f"nvh-litmus cannot run a VM with EL2: {words}")
        pairs = (word.split("=") for word in done.text.split())
        return frozenset(name for name, value in pairs if value == "1")

    def run(self, text: str) -> Batch:
        """Run the programs of ``text``.

        A program that hangs, or a machine that goes away under it, is an outcome with the verdict ``hang``,
        and the machine is begun anew. Raises ``InfraError`` where the fault is not the programs': QEMU was
        killed, or the host gave it no time.
        """
        stack = self.begin()
        work = stack.machine.work
        process = stack.start(Level.L0, f"nvh-litmus --failures {FAILURES} --program -")
        process.send(text.encode())
        process.close_stdin()
        try:
            left = stack.wait(process, self.deadline_s)
        except InfraError:
            self.close()
            raise
        except (TimeoutError, Broken) as error:
            if isinstance(error, TimeoutError) and was_starved(stack.machine.work - work):
                self.close()
                raise InfraError(f"the host gave QEMU less than half of what it wanted: {error}") from error
            outcomes = _until_cut(process.snapshot().text)
            splats = self._new_splats(stack)
            self.close()
            hung = ProgramOutcome(_first_without(text, outcomes), {}, "hang", str(error))
            return Batch((*outcomes, hung), splats)
        if left.status == USAGE:
            raise InfraError(f"nvh-litmus refused a program: {left.stderr.decode(errors='replace').strip()}")
        try:
            totals(left.text)
            outcomes = tuple(parse_results(left.text))
        except ValueError as error:
            self.close()
            raise InfraError(f"nvh-litmus ended with status {left.status}: {error}") from error
        splats = self._new_splats(stack)
        broken = any(outcome.verdict == "broken" for outcome in outcomes)  # before it began, or after
        seen = self._seen(stack, None if broken else len(outcomes))
        reached = self._reach.new() if self._reach else frozenset()
        functions = len(self._reach.functions) if self._reach else 0
        if splats or seen or (self._watch and self._watch.worn):
            self.close()
        return Batch(outcomes, splats, seen, reached, functions)

    def _seen(self, stack: Stack, programs: int | None) -> tuple[BatchReport, ...]:
        """What the sanitizer says of the programs that ran just now; ``InfraError`` where it is in doubt."""
        if self._watch is None:
            return ()
        stack.run(Level.L0, self._watch.settle, COMMAND_DEADLINE_S)
        try:
            return self._watch.look(programs)
        except InfraError:
            self.close()
            raise

    def _new_splats(self, stack: Stack) -> tuple[SplatKey, ...]:
        console = stack.consoles().get(Level.L0, "")
        found = find_splats(console)
        fresh = found[self._splats :]
        self._splats = len(found)
        return tuple(splat.key for splat in fresh)


def was_starved(work: CpuTime) -> bool:
    """Whether a deadline that passed meanwhile says more of the host than of what was run."""
    return work.got < HUNGRY * work.wanted


def _until_cut(text: str) -> tuple[ProgramOutcome, ...]:
    """The outcomes before a run was cut off; the last line may be half a one."""
    whole = text[: text.rfind("\n") + 1]
    with contextlib.suppress(ValueError):
        return tuple(parse_results(whole))
    return ()


def _first_without(text: str, outcomes: Sequence[ProgramOutcome]) -> str:
    done = {outcome.name for outcome in outcomes}
    names = [line.split()[1] for line in text.splitlines() if line.startswith("program ")]
    return next((name for name in names if name not in done), names[-1])
