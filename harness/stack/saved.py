# SPDX-License-Identifier: GPL-2.0-only
"""A running stack as files: saved once, restored as often as wanted.

A directory holds ``ram`` (L0's memory, sparse), ``state`` (the devices), ``stack.json`` (what the harness
knew) and what each level had printed. ``ram`` is mapped privately: machines restored from it share pages.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.document.as_json import from_data, to_data
from harness.errors import Broken, InfraError
from harness.host import disk
from harness.level import Level
from harness.machine.migration import load_state, move, pend_sgi, save_state
from harness.machine.qemu import Machine, RamBacking
from harness.stack.stack import Stack

FORMAT = 1
BLOCK = 1 << 16
RAM = "ram"
STATE = "state"
RECORD = "stack.json"
KICK_DEADLINE_S = 15.0
INTERRUPTS_DEADLINE_S = 20.0
BROADCAST = re.compile(r"^IPI(\d+):.*\bTimer broadcast interrupts", re.M)


class RestoreFailed(InfraError):
    """A saved stack could not be brought back to life."""


class NotRestored(RestoreFailed):
    """The model did not bring it back: it refused, crashed, or does not go on although it was kicked."""


@dataclass(frozen=True, slots=True)
class SavedStack:
    """What the harness must know of a saved stack.

    ``channels``: the channel on which the VMM of each level runs. ``kick``: the SGI that makes L0's kernel
    program its timers anew, or None when that kernel has none.
    """

    booted: Level
    channels: dict[Level, int]
    kick: int | None


def broadcast_sgi(interrupts: str) -> int | None:
    """Return the SGI of the timer broadcast in the text of L0's /proc/interrupts.

    Linux numbers its IPIs in this table as the SGIs that carry them (arch/arm64/kernel/smp.c).
    """
    found = BROADCAST.search(interrupts)
    return int(found[1]) if found else None


def save(stack: Stack, directory: Path, look: Callable[[Machine], None] = lambda _: None) -> SavedStack:
    """Save a stack with memory in an open file and end it; ``InfraError`` when that fails.

    No command may run at any level but the VMMs. ``look`` is called while the saved machine stands still.
    """
    if stack.booted is None or stack.ram is None:
        raise InfraError("only a booted stack whose memory is a file can be saved")
    done = stack.run(Level.L0, "cat /proc/interrupts", INTERRUPTS_DEADLINE_S)
    with stack.agent.running_freely():
        save_state(stack.machine, directory / STATE)
        look(stack.machine)
    copy_sparse(stack.ram, directory / RAM)
    return _record(stack, directory, stack.booted, broadcast_sgi(done.text))


def save_as_it_is(stack: Stack, directory: Path, kick: int | None) -> SavedStack:
    """Save any stack, in whatever state its levels are, and end it; takes some seconds.

    Its private memory becomes a file by moving the machine into another one. ``kick`` is that of the snapshot
    that it came from; None makes what is saved fit for looking at only.
    """
    if stack.booted is None:
        raise InfraError("nothing is up that could be saved")
    with open_memory() as memory, tempfile.TemporaryDirectory(dir=directory) as place:
        spec = dataclasses.replace(stack.machine.spec, memory=RamBacking(memory), incoming=True)
        with Machine(spec, Path(place)) as target, stack.agent.running_freely():
            move(stack.machine, target)
            save_state(target, directory / STATE)
        copy_sparse(memory, directory / RAM)
    return _record(stack, directory, stack.booted, kick)


def _record(stack: Stack, directory: Path, booted: Level, kick: int | None) -> SavedStack:
    channels = {level: process.channel for level, process in stack.vmms.items()}
    record = SavedStack(booted, channels, kick)
    stack.close()  # every byte that the machine has sent is in the consoles' logs then
    for level in Level:
        if level <= record.booted:
            shutil.copyfile(stack.directory / console_log(level), directory / console_log(level))
    data = {"format": FORMAT, **to_data(record)}
    (directory / RECORD).write_text(json.dumps(data, indent=1, sort_keys=True))
    return record


def read_record(directory: Path) -> SavedStack:
    """Read what ``save`` recorded; ``RestoreFailed`` for anything else."""
    try:
        data = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        found = data.pop("format")
        if found != FORMAT:
            raise RestoreFailed(f"{directory}: format {found}, this nvh reads {FORMAT}")
        return from_data(SavedStack, data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RestoreFailed(f"{directory} is no saved stack: {error}") from error


@dataclass(frozen=True, slots=True)
class Way:
    """How a machine gets its state back: a function of it and the state's file, and whether RAM is mapped.

    ``incoming``: QEMU is started to wait for a migration; else it is started stopped, with ``extra`` options.
    """

    load: Callable[[Machine, Path], None] = load_state
    mapped: bool = True
    incoming: bool = True
    extra: tuple[str, ...] = ()


MAPPED = Way()


def load(stack: Stack, directory: Path, *, kick: bool = True, way: Way = MAPPED) -> SavedStack:
    """Load the stack saved in ``directory`` into the unused ``stack``, where it stands still.

    With ``stack.ram`` the machine works in that file, which is filled from the saved one; else its memory is
    private. QEMU restores no EL2 timer, so an idle CPU of L0 would sleep for ever: the ``kick`` will wake it.
    Raises ``InfraError`` when QEMU does not take it.
    """
    record = read_record(directory)
    for level in Level:
        if level <= record.booted:
            shutil.copyfile(directory / console_log(level), stack.directory / console_log(level))
    if stack.ram is not None:
        fill(stack.ram, directory / RAM)
    memory = RamBacking(directory / RAM if stack.ram is None else stack.ram) if way.mapped else None
    stack.start_machine(
        dataclasses.replace(stack.machine_spec, memory=memory, incoming=way.incoming, extra=way.extra)
    )
    way.load(stack.machine, directory / STATE)
    for level, channel in record.channels.items():
        stack.attach(level, channel)
    if kick and record.kick is not None:
        pend_sgi(stack.machine, record.kick)
    stack.booted, stack.kick = record.booted, record.kick
    return record


def restore(stack: Stack, directory: Path, seed: bytes, *, kick: bool = True, way: Way = MAPPED) -> None:
    """Bring the stack saved in ``directory`` to life in the unused ``stack``: ``load`` it and let it run.

    The agent's sleep on every CPU proves that the ``kick`` has woken each. Raises ``NotRestored`` when the
    machine does not live, ``RestoreFailed`` when it was not kicked, so that nothing could be expected of it,
    or the disk is full.
    """
    record = read_record(directory)
    try:
        load(stack, directory, kick=kick, way=way)
        stack.machine.qmp("cont")
        deadline = KICK_DEADLINE_S * stack.slowdown
        stack.agent.resume(Level.L0, seed, deadline, lambda: not stack.at_rest())
        for level in record.channels:
            stack.agent.tell_resumed(level, seed)
    except TimeoutError as error:
        _require_room(stack, directory, error)
        was_kicked = kick and record.kick is not None
        kicked = f"kicked by SGI {record.kick}" if was_kicked else "not kicked"
        raise (NotRestored if was_kicked else RestoreFailed)(
            f"the restored machine does not live ({kicked}): {error}; {stack.diagnose()}"
        ) from error
    except (Broken, InfraError) as error:  # a level that is broken will show it when the cell boots
        _require_room(stack, directory, error)
        raise NotRestored(f"the machine could not be restored: {error}") from error


def _require_room(stack: Stack, directory: Path, error: Exception) -> None:
    for place in (stack.directory, directory):
        if why := disk.full(place):
            raise RestoreFailed(f"{error}; {why}") from error


@contextlib.contextmanager
def open_memory() -> Iterator[int]:
    """An anonymous file to be the memory of a stack that will be saved; see memfd_create(2)."""
    descriptor = os.memfd_create("nvh-ram", os.MFD_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def copy_sparse(source: int, target: Path) -> None:
    """Copy an open file, leaving out its holes and pages of zeros."""
    size = os.fstat(source).st_size
    with target.open("wb") as out:
        for start, end in extents(source, size):
            for at in range(start, end, BLOCK):
                data = os.pread(source, min(BLOCK, end - at), at)
                if data.strip(b"\0"):
                    os.pwrite(out.fileno(), data, at)
        out.truncate(size)


def fill(target: int, source: Path) -> None:
    """Make the open file ``target`` equal to ``source``; holes stay holes."""
    with source.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        os.ftruncate(target, size)
        for start, end in extents(stream.fileno(), size):
            os.lseek(target, start, os.SEEK_SET)
            while start < end:
                start += os.sendfile(target, stream.fileno(), start, end - start)


def extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a file that hold data, as (start, end) in bytes; see lseek(2), SEEK_DATA."""
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, at


def console_log(level: Level) -> str:
    """Return the name of a level's console log."""
    return f"{level}.console.log"
