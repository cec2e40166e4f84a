# SPDX-License-Identifier: GPL-2.0-only
"""Which cells an acceptance runs, and that it remembers which kernels came up."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.accept import lab
from harness.accept.lab import Lab, SeriesStep, selected
from harness.attempt.booted import FILE, Booted
from harness.errors import UserError
from harness.host.cache import Store
from harness.host.paths import IMAGES, SCENARIOS
from harness.level import Level
from harness.report.progress import Progress
from harness.scenario.scenario import NO_OVERRIDES

PLACE = SCENARIOS / "vmid"


def ids(*paths: Path, patterns: tuple[str, ...] = ()) -> set[str]:
    return {cell.id for cell in selected((paths, patterns), NO_OVERRIDES)}


def test_a_directory_and_a_pattern_add_up() -> None:
    alone, other = ids(PLACE), ids(patterns=("tlbi-e1-*",))
    assert alone
    assert other
    assert ids(PLACE, patterns=("tlbi-e1-*",)) == alone | other
    assert len(selected(((PLACE,), (*alone,)), NO_OVERRIDES)) == len(alone)  # each once


def test_a_pattern_without_a_match_is_told_beside_a_directory() -> None:
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
    with Progress(Console(file=sys.stderr)) as progress:
        made = Lab(store, progress, tmp_path / "steps", ((PLACE,), ()), NO_OVERRIDES)
        with made:
            made.run(SeriesStep(0, "base", IMAGES / "kernels" / "nv.yaml"), {})
    (booted,) = [each for each in given if isinstance(each, Booted)]
    assert booted._path == store.root / FILE


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
