# SPDX-License-Identifier: GPL-2.0-only
"""What a snapshot stands for, what its key follows from, and how a damaged one is noticed."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.attempt import unrestored
from harness.attempt.begin import RECORD
from harness.attempt.job import Job
from harness.attempt.prefix import RESULTS, Prefix, prefix_of, setup_results
from harness.errors import InfraError, Location
from harness.host import disk
from harness.host.cache import Artefact, Store
from harness.level import Level
from harness.runner import snapshots
from harness.runner.choice import Chooser, Start
from harness.runner.project import vocabulary
from harness.runner.snapshots import Snapshots, key_of, require_same
from harness.scenario.language import Boot, Cell
from harness.scenario.load import load_file
from harness.stack import saved
from harness.stack.broken import LevelBroken
from harness.stack.images import StackImages
from harness.stack.integrity import check_files, describe

SCENARIO = """\
scenario: begins
summary: How a cell begins.
steps:
{steps}
expect:
  - result: works
    of: work
    exit: 0
"""
HERE = Location("s.yaml", 1, 1)
WORK = "  - run: 'true'\n    on: l0\n    name: work\n"


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests say does not depend on how full this machine's disk is."""
    monkeypatch.setattr(disk, "free_bytes", lambda _: 1 << 40)


def cell(directory: Path, steps: str) -> Cell:
    path = directory / "begins.yaml"
    path.write_text(SCENARIO.format(steps=steps))
    return load_file(path, vocabulary())[0]


def test_leading_boots_are_what_is_restored(tmp_path: Path) -> None:
    boots = cell(tmp_path, "  - boot: l0\n  - boot: l1\n" + WORK + "  - boot: l2\n")
    prefix = prefix_of(boots)
    assert prefix is not None
    assert (prefix.level, prefix.setup) == (Level.L1, ())
    below = prefix.below()
    assert below is not None
    assert below.level is Level.L0
    assert below.below() is None
    capped = prefix_of(boots, Level.L0)
    assert capped is not None
    assert capped.level is Level.L0


def test_setup_belongs_to_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one")
    steps = (
        "  - boot: l0\n  - copy: {from: file, to: 'l0:/tmp/file'}\n  - boot: l1\n  - snapshot: ready\n" + WORK
    )
    prefix = prefix_of(cell(tmp_path, steps))
    assert prefix is not None
    assert (prefix.level, len(prefix.setup)) == (Level.L1, 4)
    below = prefix.below()
    assert below is not None
    assert (below.level, below.setup) == (Level.L0, ())
    before = prefix.setup_key()
    (tmp_path / "file").write_text("two")
    assert prefix.setup_key() != before
    assert json.dumps(before)  # it goes into a manifest
    shallow = prefix_of(cell(tmp_path, steps), Level.L0)
    assert shallow is not None
    assert (shallow.level, shallow.setup) == (Level.L0, ())


def test_setup_results_are_found_again(tmp_path: Path) -> None:
    assert setup_results(tmp_path) == {}
    (tmp_path / RESULTS).write_text(json.dumps({"work": {"status": 0, "stdout": "out", "stderr": ""}}))
    assert setup_results(tmp_path)["work"].stdout == "out"


def test_the_key_follows_from_what_was_brought_up_and_nothing_deeper(
    cells: list[Cell], images: StackImages
) -> None:
    stack = cells[0].stack
    key = key_of(images, Prefix(stack, Level.L1))
    changes: dict[str, Callable[[Prefix], Prefix]] = {
        "level": lambda p: dataclasses.replace(p, level=Level.L0),
        "l0 memory": lambda p: _with(p, Level.L0, memory_mib=999),
        "l1 cpus": lambda p: _with(p, Level.L1, cpus=7),
        "l1 cmdline": lambda p: _with(p, Level.L1, cmdline="maxcpus=1"),
        "timing": lambda p: dataclasses.replace(p, stack=dataclasses.replace(p.stack, timing="mttcg")),
    }
    for what, change in changes.items():
        assert key_of(images, change(Prefix(stack, Level.L1))) != key, what
    assert key_of(images, _with(Prefix(stack, Level.L1), Level.L2, memory_mib=999)) == key
    other = dataclasses.replace(images, initrd=dataclasses.replace(images.root, digest="0" * 16))
    assert key_of(other, Prefix(stack, Level.L1)) != key
    assert key_of(dataclasses.replace(images, mainloop=images.initrd), Prefix(stack, Level.L1)) != key


def _with(prefix: Prefix, level: Level, **changes: int | str) -> Prefix:
    levels = dict(prefix.stack.levels)
    levels[level] = dataclasses.replace(levels[level], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(prefix, stack=dataclasses.replace(prefix.stack, levels=levels))


def files_of(directory: Path) -> None:
    with (directory / "ram").open("wb") as stream:
        stream.truncate(8 << 20)
        stream.seek(4 << 20)
        stream.write(os.urandom(100_000))
    (directory / "state").write_bytes(os.urandom(5000))
    (directory / "stack.json").write_text("{}")


@pytest.fixture
def snapshot(tmp_path: Path) -> Artefact:
    def build(work: Path) -> dict[str, object]:
        files_of(work)
        return {"files": {path.name: describe(path) for path in work.iterdir()}}

    return Store(tmp_path / "cache").get_or_build("snapshot", {"k": 1}, build)


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(at)
        byte = stream.read(1)[0]
        stream.seek(at)
        stream.write(bytes([byte ^ 0x10]))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "bit in ram": (lambda d: flip(d / "ram", (4 << 20) + 50_000), "content of ram"),
    "bit in a hole": (lambda d: flip(d / "ram", 1 << 20), "content of ram"),
    "bit in state": (lambda d: flip(d / "state", 17), "content of state"),
    "truncated ram": (lambda d: os.truncate(d / "ram", 5 << 20), "ram has 5242880 bytes instead of 8388608"),
    "truncated state": (lambda d: os.truncate(d / "state", 100), "state has 100 bytes instead of 5000"),
    "missing state": (lambda d: (d / "state").unlink(), "state is missing"),
    "foreign record": (lambda d: (d / "stack.json").write_text("[]"), "content of stack.json"),
}


def test_a_whole_snapshot_passes(snapshot: Artefact) -> None:
    check_files(snapshot)


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_named(snapshot: Artefact, how: str) -> None:
    damage, message = DAMAGE[how]
    damage(snapshot.path)
    with pytest.raises(InfraError, match=message):
        check_files(snapshot)


def test_a_manifest_without_files_is_refused(snapshot: Artefact) -> None:
    with pytest.raises(InfraError, match="does not name its files"):
        check_files(dataclasses.replace(snapshot, manifest={}))


def test_a_full_disk_is_reported_and_the_cell_boots(
    cells: list[Cell], images: StackImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(snapshots, "SPACE_BYTES", 1 << 60)
    chosen = Snapshots(Store(tmp_path / "cache"), said.append)
    assert chosen.get(images, Prefix(cells[0].stack, Level.L0)) is None
    assert "MiB free" in said[0]
    assert "nvh images gc" in said[0]


def test_level_that_does_not_come_up_is_waited_for_once(
    cells: list[Cell], images: StackImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell then begins on top of the levels that do come up, and meets the one that does not itself."""
    said: list[str] = []
    waited: list[Level] = []

    def make(
        self: Snapshots, work: Path, images: StackImages, prefix: Prefix, stage: Callable[[str], None]
    ) -> dict[str, Any]:
        below = prefix.below()
        if below and not self.get(images, below, stage):
            raise InfraError("there is none to make it from")
        waited.append(prefix.level)
        if prefix.level is Level.L1:
            raise LevelBroken(Level.L1, "its agent did not answer", booting=True)
        for name in (saved.RAM, saved.STATE, saved.RECORD):
            (work / name).write_text(name)
        return {"files": {path.name: describe(path) for path in work.iterdir()}}

    monkeypatch.setattr(Snapshots, "_make", make)
    chosen = Snapshots(Store(tmp_path / "cache"), said.append)
    prefix = Prefix(cells[0].stack, Level.L2, (Boot(HERE, 10.0, Level.L2),))
    for _ in range(3):
        found = chosen.deepest(images, prefix)
        assert found is not None
        assert found[1] == Prefix(cells[0].stack, Level.L0)
    assert waited == [Level.L0, Level.L1]
    assert any("l1: did not come up: its agent did not answer" in each for each in said)


def test_snapshots_long_unused_make_room(
    cells: list[Cell],
    images: StackImages,
    snapshot: Artefact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(snapshots, "BUDGET_BYTES", 1000)
    prefix = Prefix(cells[0].stack, Level.L0)
    assert Snapshots(Store(tmp_path / "cache"), said.append).get(images, prefix) is None  # no machine here
    assert snapshot.path.exists(), "it was used a moment ago"
    os.utime(snapshot.path, (0, 0))
    Snapshots(Store(tmp_path / "cache"), said.append).get(images, prefix)
    assert not snapshot.path.exists()
    assert f"deleted the unused snapshot {snapshot.digest} (0 MiB)" in said


def test_others_keep_some_room_while_there_are_unused_snapshots(
    cells: list[Cell],
    images: StackImages,
    snapshot: Artefact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    os.utime(snapshot.path, (0, 0))
    for free, kept in ((snapshots.SPARE_BYTES, True), (snapshots.SPARE_BYTES - 1, False)):
        monkeypatch.setattr(disk, "free_bytes", lambda _, free=free: free)
        Snapshots(Store(tmp_path / "cache")).get(images, Prefix(cells[0].stack, Level.L1))
        assert snapshot.path.exists() is kept


def test_a_model_that_restores_nothing_is_noted_for_each_cell(
    cells: list[Cell], images: StackImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def make(*_: object) -> dict[str, Any]:
        made.append("once")
        raise saved.NotRestored("the restored machine does not live")

    monkeypatch.setattr(Snapshots, "_make", make)
    monkeypatch.setattr(snapshots, "explain", lambda *words: f"VBAR_EL2 is lost; {words[2]}")
    job = Job(cells[0], images, "slug", "command")
    chooser = Chooser(Snapshots(Store(tmp_path / "cache")), Start())
    for name in ("one", "two"):
        place = tmp_path / name
        place.mkdir()
        chooser.choose(job, place, lambda _: None)
        assert not (place / RECORD).exists()
        assert unrestored.told(place) == "VBAR_EL2 is lost; the restored machine does not live"
    assert made == ["once"]


def test_a_machine_that_does_not_boot_is_nothing_that_a_restore_can_show(
    cells: list[Cell], images: StackImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*_: object) -> dict[str, Any]:
        raise InfraError("QEMU ended with status 1")

    monkeypatch.setattr(Snapshots, "_make", make)
    (tmp_path / "one").mkdir()
    chooser = Chooser(Snapshots(Store(tmp_path / "cache")), Start())
    chooser.choose(Job(cells[0], images, "slug", "command"), tmp_path / "one", lambda _: None)
    assert list((tmp_path / "one").iterdir()) == []


@pytest.mark.parametrize(("fails", "proved"), [(1, True), (2, False)])
def test_a_snapshot_is_proved_a_second_time_before_the_model_is_blamed(
    cells: list[Cell],
    images: StackImages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: int,
    proved: bool,
) -> None:
    tried: list[int] = []

    def once(*_: object) -> None:
        tried.append(1)
        if len(tried) <= fails:
            raise saved.NotRestored("does not live")

    monkeypatch.setattr(Snapshots, "_prove_once", once)
    chosen = Snapshots(Store(tmp_path / "cache"))
    prefix = Prefix(cells[0].stack, Level.L0)
    if proved:
        chosen._prove(tmp_path, images, prefix, lambda _: None)
    else:
        with pytest.raises(saved.NotRestored):
            chosen._prove(tmp_path, images, prefix, lambda _: None)
    assert len(tried) == 2


def test_registers_that_a_model_loses_are_named(cells: list[Cell]) -> None:
    """Also where the machine would live without them."""
    prefix = Prefix(cells[0].stack, Level.L0)
    before = {(pe, f"R{n}"): n + 1 for pe in range(2) for n in range(5)}
    require_same(prefix, before, dict(before))
    after = before | {(1, "R3"): 0}
    del after[0, "R1"]
    with pytest.raises(saved.NotRestored) as told:
        require_same(prefix, before, after)
    assert str(told.value).startswith(
        "R1 of PE 0 was 0x2 and is gone after save and restore; "
        "R3 of PE 1 was 0x4 and is 0x0 after save and restore (qemu/"
    )
    with pytest.raises(saved.NotRestored, match=r"R0 of PE 1.*; and 4 more"):
        require_same(prefix, before, dict.fromkeys(before, 0))
