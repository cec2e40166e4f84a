# SPDX-License-Identifier: GPL-2.0-only
"""Nights on the real machine: a wrong model is named, and a killed driver takes QEMU along."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from harness.artefacts.model import build_model, load_model
from harness.errors import EXIT_PASS, EXIT_RED
from harness.host.cache import Store
from harness.host.paths import IMAGES, ROOT
from harness.nightly.history import query
from harness.nightly.history.compare import Change, compare
from harness.nightly.history.database import Results
from harness.report import store
from tests.processes import wait_gone
from tests.real.conftest import processes_in

COUNTS = """\
scenario: counts-cpus
summary: L0 has the two CPUs that it was given.
matrix: {how: [nproc, grep -c ^processor /proc/cpuinfo]}
steps:
  - boot: l0
  - run: ${how}
    on: l0
    name: count
expect:
  - result: two-cpus
    of: count
    stdout: ^2$
"""
WAITS = """\
scenario: waits
summary: Boots L0, which takes a while.
steps:
  - boot: l0
  - run: sleep 1
    on: l0
    name: wait
expect:
  - result: ended
    of: wait
"""
WATCHED = """\
scenario: watched
summary: The model sees what L0 does, on the stack of a cell that asks for nothing of it.
steps:
  - boot: l0
  - run: "true"
    on: l0
    name: work
    mark: work
expect:
  - existence: seen
    of: {event: model.exception}
    scope: work
"""
PLAN = "plan: wrong\nmodels: [./nightly-build.yaml]\nkernels: [nv]\nscenarios: [{name}.yaml]\n"
# Last night's build is a program; this one is a script around the shipped QEMU.
WRAPPER = """\
#!/bin/sh
# build {build}
{change}
export {environment}
exec {launcher} "$@"
"""
ONE_CPU = """\
before=
for word do
    shift
    [ "$before" = -smp ] && word=1
    before=$word
    set -- "$@" "$word"
done"""


def wrap(program: Path, number: int, change: str = "") -> None:
    """Write build ``number`` of the model: the shipped QEMU, whose options go through ``change``."""
    model = build_model(load_model("qemu"), Store(), lambda _: None)
    environment = " ".join(f"{name}={shlex.quote(value)}" for name, value in model.environment.items())
    program.write_text(
        WRAPPER.format(
            build=number, change=change, environment=environment, launcher=shlex.join(model.launcher)
        )
    )
    program.chmod(0o755)


def build(place: Path, number: int, change: str = "") -> None:
    """Put build ``number`` of the model where its file expects it."""
    program = place / "qemu-system-aarch64"
    wrap(program, number, change)
    text = (IMAGES / "models/by-path.yaml.example").read_text()
    text = text.replace("path: /opt/model/bin/qemu-system-aarch64", f"path: {program}")
    (place / "nightly-build.yaml").write_text(text)


def nvh(place: Path, *words: str) -> subprocess.Popen[str]:
    """A verb of ``nvh`` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *words, "--jobs", "1"],
        cwd=ROOT,
        env={**os.environ, "NVH_RUNS": str(place / "runs")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in (("counts", COUNTS), ("waits", WAITS), ("watched", WATCHED)):
        (tmp_path / f"{name}.yaml").write_text(text)
        (tmp_path / f"plan-{name}.yaml").write_text(PLAN.format(name=name))
    build(tmp_path, 1)
    return tmp_path


def test_a_wrong_model_is_caught_and_named_and_is_one_cause(place: Path) -> None:
    plan = str(place / "plan-counts.yaml")
    first = nvh(place, "nightly", plan, "--fresh")
    said = first.communicate(timeout=300)[0]
    assert first.returncode == EXIT_PASS, said
    build(place, 2, ONE_CPU)
    second = nvh(place, "nightly", plan, "--fresh")
    said = second.communicate(timeout=300)[0]
    assert second.returncode == EXIT_RED, said
    with Results(place / "runs/results.sqlite") as results:
        compared = compare(results, query.find_run(results, "latest"))
    assert compared.tally[Change.NEW_FAILURE] == 2
    (group,) = compared.groups
    assert (group.kind, len(group.rows)) == ("assertion", 2)
    assert "two-cpus" in group.title
    assert [suspect.name for suspect in group.suspects] == ["model"]
    assert "first bad model: QEMU" in said
    page = (place / "runs/latest/index.html").read_text()
    assert "first bad model: QEMU" in page
    console = Console(width=100)
    with console.capture():
        assert compared.exit_status == EXIT_RED


def test_a_cell_that_is_watched_may_come_after_one_that_is_not(place: Path) -> None:
    """Both have one stack; only one of them is to be given plugins."""
    text = (place / "plan-waits.yaml").read_text().replace("[waits.yaml]", "[waits.yaml, watched.yaml]")
    text = text.replace("./nightly-build.yaml", "qemu")
    (place / "plan-both.yaml").write_text(text)
    night = nvh(place, "nightly", str(place / "plan-both.yaml"), "--out", str(place / "run"))
    said = night.communicate(timeout=300)[0]
    assert night.returncode == EXIT_PASS, said
    assert "2 passes" in said


def test_the_first_wrong_model_of_a_list_is_found(place: Path) -> None:
    """Four builds, of which the last two are wrong: the ends are run, and the two between them."""
    builds = place / "builds"
    builds.mkdir()
    for number in range(1, 5):
        wrap(builds / f"night-{number}", number, ONE_CPU if number >= 3 else "")
    two, one = "[nproc, grep -c ^processor /proc/cpuinfo]", "[nproc]"
    (place / "one.yaml").write_text(COUNTS.replace(two, one))
    words = [str(place / "one.yaml"), "--model", "night-1..night-4", "--builds", str(builds)]
    search = nvh(place, "bisect", *words, "--repeats", "1", "--fresh", "--out", str(place / "search"))
    said = search.communicate(timeout=300)[0]
    assert search.returncode == EXIT_PASS, said
    assert "first bad: night-3\nlast good: night-2\n" in said
    assert "two-cpus" in said
    assert sorted(run.name for run in (place / "search").glob("0*-*")) == ["000-1", "001-1", "002-1", "003-1"]


def test_a_killed_driver_takes_qemu_along_and_the_rest_is_done_later(place: Path) -> None:
    driver = nvh(place, "nightly", str(place / "plan-waits.yaml"), "--fresh", "--out", str(place / "run"))
    attempts = place / "run/attempts"

    def machines() -> list[int]:
        return [pid for pid, words in processes_in(attempts).items() if "-qmp" in words]

    end = time.monotonic() + 120
    while not (running := machines()):
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < end, "the machine did not start"
        time.sleep(0.05)
    os.kill(running[0], signal.SIGSTOP)  # so that it cannot end by itself; it can be killed
    assert machines() == running
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert wait_gone(running, 10) == []
    assert wait_gone(list(processes_in(attempts)), 30) == []
    again = nvh(place, "nightly", "--resume", str(place / "run"))
    said = again.communicate(timeout=300)[0]
    assert again.returncode == EXIT_PASS, said
    (path,) = (place / "run/cells").glob("*/result.json")
    assert "its driver went away" in store.read_cell(path).facts["attempts"]
