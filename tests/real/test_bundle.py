# SPDX-License-Identifier: GPL-2.0-only
"""A bundle boots by its manifest's own command, and what it says is what nvh-litmus says under nvh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from harness.artefacts.model import build_model, load_model
from harness.bundle import console_run
from harness.bundle.build import BundleSpec, make
from harness.bundle.console_cells import without_model
from harness.bundle.judged import Asked, judge, run_on
from harness.check.answers import GROUPS
from harness.host.cache import Store
from harness.ktap.manifest import MANIFEST
from harness.level import Level
from harness.litmus.case_lines import parse
from harness.report.progress import Progress
from harness.report.results import RunSummary
from harness.runner.project import find_cells
from harness.scenario.defaults import MUTANT_KERNEL
from harness.scenario.scenario import Overrides
from harness.stack.stack import Stack
from harness.verdict import Verdict
from tests.real.conftest import needs_mutants

DEADLINE_S = 300.0
CASES = ("trap-none/vae1*", "s2-unmap/ipas2e1is/4k/*", "hidden-range/ripas2e1*")
"""Green ones, and some that Linux 7.3 fails (defect-hidden-range)."""


def booted(out: Path, wanted: BundleSpec, cases: tuple[str, ...]) -> RunSummary:
    """Make the bundle, paste its command with stock QEMU's program, judge what it printed."""
    store = Store()
    with Progress(Console(file=sys.stderr)) as progress:
        make(wanted, store, progress)
    model = build_model(load_model("qemu"), store, lambda _: None)
    manifest = json.loads((wanted.out / MANIFEST).read_text())
    command: str = manifest["commands"][0]["command"]
    program, _, rest = command.partition(" ")
    assert program == "qemu-system-aarch64"
    assert rest.endswith('"')
    words = f'{" ".join(model.launcher)} {rest[:-1]} nvh.cases={",".join(cases)}"'
    with (out / "console.log").open("wb") as log:
        done = subprocess.run(
            ["sh", "-c", f"exec {words}"],
            cwd=wanted.out,
            env={**os.environ, **model.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
            timeout=DEADLINE_S,
        )
    assert done.returncode == 0, "it did not power off"
    return judge(Asked(out / "console.log", wanted.out, out / "judged"))[0]


def test_it_says_what_nvh_says(stack: Stack, tmp_path: Path) -> None:
    summary = booted(tmp_path, BundleSpec(tmp_path / "bundle", "nv"), CASES)
    globs = " ".join(f"--case '{glob}'" for glob in CASES)
    under_nvh = stack.run(Level.L0, f"nvh-litmus {globs}", DEADLINE_S).stdout.decode()
    there = {line.case: (line.verdict, line.control, line.obliged) for line in parse(under_nvh, "nvh")}
    here = {
        line.case: (line.verdict, line.control, line.obliged)
        for path in sorted((tmp_path / "judged").rglob("*.stdout"))
        for line in parse(path.read_text(), str(path))
    }
    assert len(here) > 20
    assert here == there
    whole = summary.cells[0]
    assert whole.verdict is Verdict.PASS, whole.headline
    failed = {case for case, (verdict, _, _) in there.items() if verdict == "fail"}
    told = {each.name for cell in summary.cells for each in cell.findings if each.verdict is Verdict.FAIL}
    assert told == failed


def boot_bare(tmp_path: Path, console: str) -> Path:
    """Have the bare image judged on a console model: each question as it should be. Returns its directory."""
    store = Store()
    with Progress(Console(file=sys.stderr)) as progress:
        made = make(BundleSpec(tmp_path / "bundle", "nv", archive=False), store, progress)
    version = f"QEMU {build_model(load_model('qemu'), store, lambda _: None).version}"
    asked = Asked(Path(), made.directory, tmp_path / "judged", version=version)
    summary, directory = run_on(asked, console)
    red = {cell.id: cell.headline for cell in summary.cells if cell.verdict is not Verdict.PASS}
    assert not red
    assert len(summary.cells) == 1 + len(GROUPS)
    return directory


def test_the_bare_image_boots_by_itself(tmp_path: Path) -> None:
    boot_bare(tmp_path, "qemu-bare")


def test_uefi_starts_the_bare_image(tmp_path: Path) -> None:
    """The same file as an application: Debian's AAVMF, which `nvh test` fetches before."""
    directory = boot_bare(tmp_path, "qemu-uefi")
    [console] = directory.glob("cells/bare/console-l0.log")
    assert "UEFI firmware" in console.read_text(errors="replace").partition("KTAP version 1")[0]


CELL = """\
scenario: by-console
summary: Two groups of cases.
claims: [nv-tlbi-v8.1]
stack: {timing: icount, l0: {cpus: 1}}
timeout: 300
steps:
  - boot: l0
  - run: nvh-litmus --case 'trap-none/*' --case 's2-unmap/*ipas2e1is/*' --granule 4k --every 2
    on: l0
    name: litmus
expect:
  - result: all-passed
    of: litmus
    values: {failed: 0, vacuous: 0}
"""


def test_a_cell_runs_where_there_is_but_a_console(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(CELL)
    (tmp_path / "more.yaml").write_text(CELL.replace("by-console", "deeper").replace("boot: l0", "boot: l1"))
    overrides = Overrides(model="qemu-console")
    cells = find_cells([tmp_path / "mine.yaml", tmp_path / "more.yaml"], [], without_model(overrides))
    wanted = console_run.ConsoleRunSpec(cells, overrides, tmp_path / "run")
    summary, directory = console_run.run(wanted, Console(file=sys.stderr))
    assert [(cell.id, cell.verdict) for cell in summary.cells] == [("by-console", Verdict.PASS)]
    assert list(summary.not_applicable) == ["deeper"]
    [output] = directory.glob("cells/*/output/litmus.stdout")
    ran = list(parse(output.read_text(), str(output)))
    assert len(ran) > 20
    assert {line.granule for line in ran} == {"4k"}


def test_a_wrong_kernel_is_red(tmp_path: Path) -> None:
    needs_mutants()
    wanted = BundleSpec(tmp_path / "bundle", MUTANT_KERNEL, "ipas2-no-unmap", archive=False)
    summary = booted(tmp_path, wanted, ("s2-unmap/ipas2e1is/4k/4k-first/*",))
    assert summary.worst is Verdict.FAIL


pytestmark = pytest.mark.real
