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

from harness.build.cache import Store
from harness.build.model import build_model, load_model
from harness.build.paths import IMAGES, ROOT
from harness.errors import EXIT_PASS, EXIT_RED
from harness.history import query
from harness.history.compare import Change, compare
from harness.history.database import Results
from harness.machine.qemu import wait_gone
from harness.report import store
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
summary: Takes a while at L0.
steps:
  - boot: l0
  - run: echo begun >/dev/kmsg; sleep 8
    on: l0
    name: wait
expect:
  - result: ended
    of: wait
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


def build(place: Path, number: int, change: str = "") -> None:
    """Put build ``number`` of the model where its file expects it."""
    model = build_model(load_model("qemu"), Store(), lambda _: None)
    environment = " ".join(f"{name}={shlex.quote(value)}" for name, value in model.environment.items())
    program = place / "qemu-system-aarch64"
    program.write_text(
        WRAPPER.format(
            build=number, change=change, environment=environment, launcher=shlex.join(model.launcher)
        )
    )
    program.chmod(0o755)
    text = (IMAGES / "models/by-path.yaml.example").read_text()
    text = text.replace("path: /opt/model/bin/qemu-system-aarch64", f"path: {program}")
    (place / "nightly-build.yaml").write_text(text)


def nightly(place: Path, *words: str) -> subprocess.Popen[str]:
    """``nvh nightly`` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "nightly", *words, "--jobs", "1"],
        cwd=ROOT,
        env={**os.environ, "NVH_RUNS": str(place / "runs")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in (("counts", COUNTS), ("waits", WAITS)):
        (tmp_path / f"{name}.yaml").write_text(text)
        (tmp_path / f"plan-{name}.yaml").write_text(PLAN.format(name=name))
    build(tmp_path, 1)
    return tmp_path


def test_a_wrong_model_is_caught_and_named_and_is_one_cause(place: Path) -> None:
    plan = str(place / "plan-counts.yaml")
    first = nightly(place, plan, "--fresh")
    said = first.communicate(timeout=300)[0]
    assert first.returncode == EXIT_PASS, said
    build(place, 2, ONE_CPU)
    second = nightly(place, plan, "--fresh")
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


def test_a_killed_driver_takes_qemu_along_and_the_rest_is_done_later(place: Path) -> None:
    driver = nightly(place, str(place / "plan-waits.yaml"), "--fresh", "--out", str(place / "run"))
    attempts = place / "run/attempts"

    def machines() -> list[int]:
        return [pid for pid, words in processes_in(attempts).items() if "-qmp" in words]

    end = time.monotonic() + 120
    while not any("sleep 8" in path.read_text() for path in attempts.glob("*/commands.log")):
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < end, "the cell did not begin"
        time.sleep(0.1)
    running = machines()
    assert len(running) == 1
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert wait_gone(running, 10) == []
    assert wait_gone(list(processes_in(attempts)), 30) == []
    again = nightly(place, "--resume", str(place / "run"))
    said = again.communicate(timeout=300)[0]
    assert again.returncode == EXIT_PASS, said
    (path,) = (place / "run/cells").glob("*/result.json")
    assert "its driver went away" in store.read_cell(path).facts["attempts"]
