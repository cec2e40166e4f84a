# SPDX-License-Identifier: GPL-2.0-only
"""From what the sanitizer left beside a machine to what it says of each program."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import InfraError
from harness.reproduce.hunt.observers import ENTRIES_MAX, Watch
from tests.check.sanitizer.test_judgement import QUIET, REPORT, leave


def watch(place: Path) -> Watch:
    images = SimpleNamespace(
        plugins=SimpleNamespace(file=lambda name: place / f"{name}.so"),
        machine=lambda _: SimpleNamespace(memory_mib=64),
        kernels={},
        model=SimpleNamespace(deterministic=lambda timing: timing == "icount"),
    )
    return Watch(cast(Any, images), cast(Any, SimpleNamespace(timing="icount")), place)


def test_reports_belong_to_programs_of_their_batch(tmp_path: Path) -> None:
    watching = watch(tmp_path)
    leave(tmp_path, dataclasses.replace(QUIET, programs=5), [])
    assert watching.look(5) == ()
    later = dataclasses.replace(QUIET, programs=9, written=2, reports=2)
    leave(tmp_path, later, [REPORT | {"program": 6}, REPORT | {"program": 8}])
    assert [(each.index, each.key) for each in watching.look(4)] == [
        (0, "remapped:combined"),
        (2, "remapped:combined"),
    ]
    assert watching.look(0) == (), "each is told once"
    assert not watching.worn
    leave(tmp_path, dataclasses.replace(later, fills=ENTRIES_MAX + 10), [REPORT, REPORT])
    watching.look(0)
    assert watching.worn


def test_a_watch_that_is_in_doubt_is_no_watch(tmp_path: Path) -> None:
    leave(tmp_path, dataclasses.replace(QUIET, programs=5, disagreed=1), [])
    with pytest.raises(InfraError, match="in doubt"):
        watch(tmp_path).look(5)


def test_every_program_is_counted(tmp_path: Path) -> None:
    leave(tmp_path, dataclasses.replace(QUIET, programs=4), [])
    with pytest.raises(InfraError, match="saw 4 programs begin, nvh-litmus 5"):
        watch(tmp_path).look(5)
    assert watch(tmp_path).look(None) == (), "where one broke"
