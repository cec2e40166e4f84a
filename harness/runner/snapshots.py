# SPDX-License-Identifier: GPL-2.0-only
"""Snapshots of booted stacks as artefacts: made once, checked before use, shared by every cell that fits.

The key is everything that went in: the model's program and options, L0's kernel and initramfs (which hold all
deeper kernels and root file systems), the command lines and scripts of the levels that were brought up, and
the formats. A level's snapshot is made from the one of the level below.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.artefacts.saved_registers import Registers, differences, of_stopped
from harness.attempt.booted import FILE as BOOTED
from harness.attempt.booted import Booted, Pair
from harness.attempt.executing import whereabouts
from harness.attempt.prefix import Prefix, carry_out
from harness.attempt.unrestored import explain
from harness.check.splat import fatal
from harness.errors import Broken, InfraError
from harness.host import disk
from harness.host.cache import Artefact, Store, tree_bytes
from harness.level import Level
from harness.machine.qemu import Machine
from harness.stack import saved, vmm
from harness.stack.images import StackImages
from harness.stack.integrity import check_files, describe
from harness.stack.saved import NotRestored, RestoreFailed
from harness.stack.stack import Stack

KIND = "snapshot"
SEED = b"nvh snapshot"
SPACE_BYTES = 2 << 30  # what a snapshot may need while it is made; 0.9 GiB was the most
SPARE_BYTES = 10 << 30  # what is left to others while there are unused snapshots to delete
BUDGET_BYTES = 24 << 30  # of all snapshots: a changed payload or kernel leaves those of before unused
IN_USE_S = 900.0  # since it was last chosen: a cell may be about to map it
SHOWN = 6
"""Registers that a message names when a model loses more."""
Say = Callable[[str], None]


def key_of(images: StackImages, prefix: Prefix) -> dict[str, Any]:
    """Return what decides whether a snapshot of ``prefix`` can be used, as JSON."""
    spec = prefix.stack
    machine = images.machine(spec)
    levels = {}
    for level, each in sorted(spec.levels.items()):
        if level <= prefix.level:
            command = (
                machine.cmdline
                if level is Level.L0
                else vmm.vmm_command(level, each, images.has_initramfs(level))
            )
            levels[str(level)] = {"command": command, "prepare": vmm.prepare_script(level)}
    return {
        "format": saved.FORMAT,
        "model": {"version": images.model.version, "sha256": images.model.sha256},
        "flags": list(machine.flags),
        "cpus": machine.cpus,
        "memory_mib": machine.memory_mib,
        "turns": machine.turns,
        "kernel": images.kernels[Level.L0].digest,
        "initrd": images.root.digest,
        "mainloop": images.mainloop.digest if images.mainloop else None,
        "levels": levels,
        "setup": prefix.setup_key(),
        **({"pa_bits": bits} if (bits := images.model.spec.pa_bits) else {}),
    }


class Snapshots:
    """The snapshots in ``store``. Thread-safe, and safe for several harnesses on one store."""

    def __init__(self, store: Store, say: Say = lambda _: None) -> None:
        self._store = store
        self._say = say
        self._checked: set[str] = set()
        self._failed: set[str] = set()
        self._unrestored: dict[str, str] = {}

    def deepest(
        self, images: StackImages, prefix: Prefix, stage: Say = lambda _: None
    ) -> tuple[Artefact, Prefix] | None:
        """Return the snapshot of ``prefix``, or of what comes before it, which one it is; None for none.

        So a cell of which a level does not come up meets that at once, on top of the levels that do.
        """
        at: Prefix | None = prefix
        while at is not None:
            if made := self.get(images, at, stage):
                return made, at
            at = at.below()
        return None

    def get(self, images: StackImages, prefix: Prefix, stage: Say = lambda _: None) -> Artefact | None:
        """Return the snapshot of ``prefix``, made now if there is none; None where none can be.

        One that is not what was written is deleted and made again, with a line that says why. A full disk
        and a machine that does not come up, or back to life, are told too: the cell boots then. What failed
        once is not tried again: the next cell would wait as long, to no other end.
        """
        key = key_of(images, prefix)
        place = self._store.place(KIND, key)
        with self._store.lock(f"{KIND}-use-{place.name}"):
            if place.name in self._failed:
                return None
            found = self._store.find(KIND, key)
            if found and self._whole(found):
                return found
            if found:
                self._store.remove(found)
            elif place.exists():
                self._say(f"snapshot {place.name} is made again: it has no readable manifest")
            try:
                self._need_space()
                made = self._store.get_or_build(
                    KIND, key, lambda work: self._make(work, images, prefix, stage)
                )
            except NotRestored as error:
                self._say(f"no snapshot of {prefix}: {error}")
                self._failed.add(place.name)
                timing = prefix.stack.timing
                self._unrestored[place.name] = explain(images.model, timing, str(error), self._store)
                return None
            except (Broken, InfraError, OSError) as error:  # TimeoutError is one; the cell will report it
                self._say(f"no snapshot of {prefix}: {error}")
                self._failed.add(place.name)
                return None
            self._checked.add(made.digest)
            return made

    def unrestored(self, images: StackImages, prefix: Prefix) -> str:
        """Return why the model cannot bring back ``prefix``, or what it is made from; "" for nothing."""
        at: Prefix | None = prefix
        while at is not None:
            if why := self._unrestored.get(self._store.place(KIND, key_of(images, at)).name):
                return why
            at = at.below()
        return ""

    def _whole(self, snapshot: Artefact) -> bool:
        if snapshot.digest in self._checked:
            return True
        try:
            check_files(snapshot)
        except InfraError as error:
            self._say(f"snapshot {snapshot.digest} is made again: {error}")
            return False
        self._checked.add(snapshot.digest)
        return True

    def _need_space(self) -> None:
        """Keep to the budget, and make room on a full disk, by deleting snapshots long unused."""
        held = sum(tree_bytes(each.path) for each in self._store.artefacts() if each.kind == KIND)
        room = held + disk.free_bytes(self._store.root) - SPARE_BYTES
        for artefact, size in self._store.trim(KIND, min(BUDGET_BYTES, room), IN_USE_S):
            self._say(f"deleted the unused snapshot {artefact.digest} ({size >> 20} MiB)")
        free = disk.free_bytes(self._store.root)
        if free < SPACE_BYTES:
            raise OSError(
                f"{self._store.root} has {free >> 20} MiB free and a snapshot may need {SPACE_BYTES >> 20}; "
                "free some with `./nvh images gc`"
            )

    def _make(self, work: Path, images: StackImages, prefix: Prefix, stage: Say) -> dict[str, Any]:
        below = prefix.below()
        base = self.get(images, below, stage) if below else None
        if below and not base:
            raise InfraError(f"there is none of {below} to make it from")
        booted, pair = Booted(self._store.root / BOOTED), Pair.in_stack(images, prefix.stack.timing)
        with (
            saved.open_memory() as memory,
            tempfile.TemporaryDirectory(dir=work) as place,
            Stack(
                images,
                prefix.stack,
                Path(place),
                stage,
                ram=memory,
                whereabouts=whereabouts,
                needs=booted.needs(pair),
                alarm=fatal,
            ) as stack,
        ):
            if base:
                stage("restore")
                _restore_base(stack, base)
            carry_out(prefix, stack, work, stage)
            booted.came_up(pair, stack.took, stack.took)
            stage("save")
            before: Registers = {}
            record = saved.save(stack, work, lambda machine: before.update(self._registers(machine)))
        self._compare(work, images, prefix, stage, before)
        self._prove(work, images, prefix, stage)
        return {
            "name": str(prefix),
            "booted": str(record.booted),
            "kick": record.kick,
            "files": {path.name: describe(path) for path in sorted(work.iterdir()) if path.is_file()},
        }

    def _prove(self, work: Path, images: StackImages, prefix: Prefix, stage: Say) -> None:
        """Restore once and have the deepest level answer; a snapshot that cannot is worth nothing.

        A second time when it fails, before that is said of the model: the host may have been busy.
        """
        stage("prove")
        try:
            self._prove_once(work, images, prefix, stage)
        except NotRestored:
            self._prove_once(work, images, prefix, stage)

    def _prove_once(self, work: Path, images: StackImages, prefix: Prefix, stage: Say) -> None:
        with (
            tempfile.TemporaryDirectory(dir=work) as place,
            Stack(images, prefix.stack, Path(place), stage) as stack,
        ):
            saved.restore(stack, work, SEED)
            if not stack.agent.wait_ready(prefix.level, saved.KICK_DEADLINE_S * stack.slowdown):
                disk.require_room(work)
                raise NotRestored(f"{prefix.level} did not answer after the first restore")

    def _compare(
        self, work: Path, images: StackImages, prefix: Prefix, stage: Say, before: Registers
    ) -> None:
        """Restore once without running: each register must be what it was ``before``, when it was saved."""
        stage("compare")
        with (
            tempfile.TemporaryDirectory(dir=work) as place,
            Stack(images, prefix.stack, Path(place), stage) as stack,
        ):
            try:
                saved.load(stack, work, kick=False)
            except (Broken, InfraError):
                return  # _prove() will say it
            after = self._registers(stack.machine)
        if before and after:
            require_same(prefix, before, after)

    def _registers(self, machine: Machine) -> Registers:
        """Registers of a stopped machine; none, with a line that says why, where they cannot be read."""
        try:
            return of_stopped(machine)
        except (Broken, InfraError, OSError) as error:
            self._say(f"registers are not compared: {error}")
            return {}


def require_same(prefix: Prefix, before: Registers, after: Registers) -> None:
    """Raise ``NotRestored`` that names the registers of the machine of ``prefix`` that are not as before."""
    if lost := differences(before, after):
        more = f"; and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        raise NotRestored(f"{'; '.join(map(str, lost[:SHOWN]))}{more} ({prefix})")


def _restore_base(stack: Stack, base: Artefact) -> None:
    """Restore a snapshot that was proved before; when that fails, the cells that begin from it will judge."""
    try:
        saved.restore(stack, base.path, SEED)
    except NotRestored as error:
        raise RestoreFailed(str(error)) from error
