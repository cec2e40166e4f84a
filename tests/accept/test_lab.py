# SPDX-License-Identifier: GPL-2.0-only
"""Which cells an acceptance runs, and that it remembers which kernels came up."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from harness.accept import lab
from harness.accept.lab import Lab, SeriesStep, StepBuild, selected
from harness.accept.stoppable import Stoppable, Stopped
from harness.attempt.booted import FILE, Booted
from harness.errors import UserError
from harness.host.cache import Artefact, Store
from harness.host.paths import IMAGES, SCENARIOS
from harness.level import Level
from harness.report.progress import Progress
from harness.report.store import CELLS, SUMMARY, read_run, write_cell
from harness.runner.snapshots import KIND as SNAPSHOT
from harness.scenario.load import slug
from harness.scenario.scenario import NO_OVERRIDES
from tests.accept.results import LETTERS, result
from tests.attempt.conftest import fake_images

PLACE = SCENARIOS / "vmid"


BASE = SeriesStep(0, "base", IMAGES / "kernels" / "nv.yaml")


@contextlib.contextmanager
def laboratory(tmp_path: Path, text: io.StringIO | None = None) -> Iterator[Lab]:
    """A laboratory of the cells in ``PLACE``, with a store of its own."""
    with Progress(Console(file=text or sys.stderr, width=200)) as progress:
        select = ((PLACE,), ())
        with Lab(Store(tmp_path / "cache"), progress, tmp_path / "steps", select, NO_OVERRIDES) as made:
            yield made


def ids(*paths: Path, patterns: tuple[str, ...] = ()) -> set[str]:
    return {cell.id for cell in selected((paths, patterns), NO_OVERRIDES)}


def test_a_directory_and_a_pattern_add_up() -> None:
    alone, other = ids(PLACE), ids(patterns=("tlbi-e1-*",))
    assert alone
    assert other
    assert ids(PLACE, patterns=("tlbi-e1-*",)) == alone | other
    assert len(selected(((PLACE,), (*alone,)), NO_OVERRIDES)) == len(alone)  # each once


def test_a_pattern_without_a_match_is_reported_beside_a_directory() -> None:
    with pytest.raises(UserError, match="tbli"):
        ids(PLACE, patterns=("tbli-*",))


def test_an_acceptance_keeps_the_record_of_what_came_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a run does: the kernels of a series are those that are new."""
    given: list[Any] = []

    class Runner:
        def __init__(self, *words: Any) -> None:
            given.extend(words)

        def run(self, orders: Sequence[object]) -> list[Any]:
            return list(orders)

    monkeypatch.setattr(lab, "LocalRunner", Runner)
    monkeypatch.setattr(lab, "build_all", lambda *_: {})
    store = Store(tmp_path / "cache")
    with laboratory(tmp_path) as made:
        made.run(BASE, {})
    (booted,) = [each for each in given if isinstance(each, Booted)]
    assert booted._path == store.root / FILE


def leave(place: Path, cell: str, letter: str) -> None:
    """Leave a result as a cell's process does."""
    here = place / CELLS / slug(cell)
    here.mkdir(parents=True)
    write_cell(dataclasses.replace(result(cell, LETTERS[letter]), slug=slug(cell)), here)


def test_what_ran_before_an_interruption_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But what came to no verdict, or left none, is run, from an empty directory."""
    asked: list[str] = []
    images = fake_images(Store(tmp_path / "cache"), tmp_path / "qemu")

    class Runner:
        def __init__(self, *_: object) -> None: ...

        def run(self, orders: Sequence[tuple[Any, Path]]) -> list[Any]:
            asked.extend(job.cell.id for job, _ in orders)
            assert {each.name for _, place in orders for each in place.iterdir()} <= {
                "cell.json",
                "scenario.yaml",
            }
            return [
                dataclasses.replace(result(job.cell.id, LETTERS["f"]), slug=job.slug) for job, _ in orders
            ]

    monkeypatch.setattr(lab, "LocalRunner", Runner)
    monkeypatch.setattr(lab, "build_all", lambda cells, _: {cell.id: images for cell in cells})
    monkeypatch.setattr(lab, "artefacts", lambda _: {})
    with laboratory(tmp_path) as made:
        made.choose(["tlbi-e1-all", "tlbi-el2", "tlbi-e1-by-va", "three-levels"])
        passed, failed, lost, *rest = [cell.id for cell in made.cells(BASE)]
        place = tmp_path / "steps/base.seed1"
        for cell, letter in ((passed, "p"), (failed, "f"), (lost, "i")):
            leave(place, cell, letter)
        (place / CELLS / slug(rest[0])).mkdir()  # begun, and no result
        (place / CELLS / slug(rest[0]) / "half-a-trace").touch()
        found = made.run(BASE, dict.fromkeys((passed, failed, lost, *rest), (1,)))
    assert asked == [lost, *rest]
    assert str(found[passed].rate)[:3] == "0/1"
    assert {str(found[cell].rate)[:3] for cell in (failed, lost, *rest)} == {"1/1"}
    summary = read_run(place / SUMMARY)
    assert {cell.id for cell in summary.cells} == {passed, failed, lost, *rest}


def test_the_snapshots_of_a_step_go_and_others_stay(tmp_path: Path) -> None:
    with laboratory(tmp_path) as made:
        for kernel in ("step", "base"):
            for level in (0, 1):
                made.store.get_or_build(SNAPSHOT, {"kernel": kernel, "level": level}, filled)
        made.store.get_or_build("initrd", {"kernel": "step"}, filled)
        artefact = Artefact("kernel", "step", tmp_path, {})
        assert made.forget(StepBuild(BASE, artefact, 0.0)) > 2000
        assert made.forget(StepBuild(BASE, None, 0.0)) == 0
        left = [(each.kind, each.manifest["key"]["kernel"]) for each in made.store.artefacts()]
    assert sorted(left) == [("initrd", "step"), (SNAPSHOT, "base"), (SNAPSHOT, "base")]


def filled(work: Path) -> dict[str, Any]:
    (work / "memory").write_bytes(bytes(1000))
    return {}


def test_progress_lines_say_which_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def runner(*words: Any) -> Any:
        given.append(words[6])
        return SimpleNamespace(run=lambda _: [])

    monkeypatch.setattr(lab, "LocalRunner", runner)
    monkeypatch.setattr(lab, "build_all", lambda *_: {})
    with laboratory(tmp_path) as made:
        made.run(BASE, {})
        made.run(SeriesStep(2, "patch-2", BASE.kernel), {})
    assert given == ["base", "patch 2"]


def test_a_build_that_was_stopped_did_not_fail() -> None:
    text = io.StringIO()
    stopping = threading.Event()
    with Progress(Console(file=text, width=200)) as progress:
        view = Stoppable(progress, stopping)
        for key in ("first", "second"):
            view.phase(key, f"kernel {key}")
            view.done(key, False)
            stopping.set()
        with pytest.raises(Stopped):
            view.update("second", "compiling")
    lines = text.getvalue().splitlines()
    assert lines[1].startswith("FAIL  kernel first")
    assert lines[3].startswith("ended kernel second: interrupted")


def test_chosen_cells_keep_their_order(tmp_path: Path) -> None:
    with laboratory(tmp_path) as made:
        made.choose(["tlbi-el2", "tlbi-e1-all"])
        assert [cell.id for cell in made.cells(BASE)] == ["tlbi-el2", "tlbi-e1-all"]


@pytest.mark.parametrize("level", list(Level))
def test_a_series_runs_at_its_level_and_nowhere_else(level: Level, tmp_path: Path) -> None:
    kernel = IMAGES / "kernels" / "nv.yaml"
    with Progress(Console(file=sys.stderr)) as progress:
        store = Store(tmp_path / "cache")
        made = Lab(store, progress, tmp_path, ((), ("three-levels",)), NO_OVERRIDES, None, level)
        with made:
            (cell,) = made.cells(SeriesStep(0, "base", kernel))
    found = {each: spec.kernel for each, spec in cell.stack.levels.items()}
    assert found == {**dict.fromkeys(Level, "nv"), level: str(kernel)}


def test_cells_that_do_not_boot_the_level_are_left_out() -> None:
    """A cell that boots L0 alone does not execute L1's kernel, and would be green whatever that does."""
    both = ("three-levels", "covering-one")
    usual = {cell.scenario for cell in selected(((), both), NO_OVERRIDES)}
    assert usual == set(both)
    assert {cell.scenario for cell in selected(((), both), NO_OVERRIDES, Level.L1)} == {"three-levels"}
    with pytest.raises(UserError, match="boots l1, so none executes its kernel"):
        selected(((), ("covering-one",)), NO_OVERRIDES, Level.L1)
