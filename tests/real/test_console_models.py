# SPDX-License-Identifier: GPL-2.0-only
"""run, nightly and accept on a console model, from scenario to results, with real bundles.

No QEMU: the machine is nvh-bundle with recorded cases (replay_machine.py), given each bundle that nvh makes.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from harness.accept.lab import Lab, SeriesStep
from harness.artefacts.payloads import LISTER, build_payloads
from harness.bundle import console_run
from harness.bundle.console_cells import without_model
from harness.host.cache import Store
from harness.host.command import run
from harness.host.paths import IMAGES
from harness.nightly.farm import nightly
from harness.nightly.farm.local import Local
from harness.report.progress import Progress
from harness.report.results import RunSummary
from harness.report.store import SUMMARY, read_run
from harness.runner.project import find_cells
from harness.scenario.scenario import Overrides
from harness.verdict import Verdict
from tests.bundle.test_drive import alive
from tests.ktap.conftest import make_tree, recorded, runner

__all__ = ["runner"]

MACHINE = Path(__file__).with_name("replay_machine.py")
SCENARIO = """\
scenario: {name}
summary: By a console.
claims: [nv-tlbi-v8.1]
stack: {{sanitize: tlb}}
timeout: 60
steps:
  - boot: {level}
  - run: nvh-litmus {cases} --leave
    on: l0
    name: litmus
expect:
  - result: all-passed
    of: litmus
    values: {{failed: 0, vacuous: 0}}
"""
QUIET = Console(file=io.StringIO())


def known(verdict: str, count: int) -> dict[str, str]:
    """Recorded lines of some cases that there still are."""
    lister = build_payloads(Store(), lambda _: None).path / LISTER
    names = set(run([lister, "--list"], timeout_s=60).stdout.split())
    found = {
        name: line for name, line in recorded((verdict,)).items() if name in names and f"={verdict} " in line
    }
    assert len(found) >= count
    return dict(list(found.items())[:count])


@pytest.fixture
def lab(runner: Path, tmp_path: Path) -> Path:
    """Three scenarios: one is green, one red, one needs L1; and the machine's file."""
    green, red = known("pass", 4), known("fail", 1)
    tree = make_tree(runner, tmp_path / "machine/tree", green | red)
    for name, cases, level in (("green", green, "l0"), ("red", red, "l0"), ("deeper", green, "l1")):
        words = " ".join(f"--case {case}" for case in cases)
        (tmp_path / f"{name}.yaml").write_text(SCENARIO.format(name=name, cases=words, level=level))
    (tmp_path / "board.yaml").write_text(
        "console: board\nsummary: A machine of this host.\nversion: board 1\nline: pipe\nslowdown: 1.0\n"
        f'command: [{sys.executable}, {MACHINE}, {tree}, "{{bundle}}", "{{options}}"]\n'
    )
    return tmp_path


def check(summary: RunSummary, apart: str) -> None:
    assert {cell.id: cell.verdict for cell in summary.cells} == {"green": Verdict.PASS, "red": Verdict.FAIL}
    assert summary.not_applicable == {apart: "it boots l1, and a bundle has no Linux above L0"}
    assert summary.exit_status == 1


def test_run(lab: Path) -> None:
    overrides = Overrides(model=str(lab / "board.yaml"))
    paths = [lab / f"{name}.yaml" for name in ("green", "red", "deeper")]
    cells = find_cells(paths, [], without_model(overrides))
    summary, directory = console_run.run(console_run.ConsoleRunSpec(cells, overrides, lab / "run"), QUIET)
    assert read_run(directory / SUMMARY) == summary
    check(summary, "deeper")
    assert not alive(lab)


def test_nightly(lab: Path) -> None:
    (lab / "plan.yaml").write_text(
        "plan: by-console\nmodels: [./board.yaml]\nkernels: [nv]\nconfirm: 1\n"
        "scenarios: [green.yaml, red.yaml, deeper.yaml]\n"
    )
    settings = nightly.Settings(lab / "results.sqlite", lab / "night", lab)
    begun = nightly.begin(lab / "plan.yaml", settings)
    assert nightly.run(*begun, lambda _: Local(1), settings, QUIET) == 1
    summary = read_run(lab / "night" / SUMMARY)
    check(summary, "deeper on board/nv")
    assert {cell.facts["bundle"] for cell in summary.cells} != {""}
    assert len(list((lab / "night/cells").iterdir())) == 3, "the red one was run again"
    assert not alive(lab)


def test_accept(lab: Path) -> None:
    """A step of a series: what its cells show on the machine, each as often as asked."""
    overrides = Overrides(model=str(lab / "board.yaml"))
    select = ([lab / f"{name}.yaml" for name in ("green", "red", "deeper")], ())
    step = SeriesStep(0, "base", IMAGES / "kernels/nv.yaml")
    with (
        Progress(QUIET) as progress,
        Lab(Store(), progress, lab / "steps", select, overrides) as here,
    ):
        cells = here.cells(step)
        assert [cell.id for cell in cells] == ["green", "red"]
        found = here.run(step, {"green": range(1, 3), "red": range(1, 2)})
    verdicts = {name: [result.verdict for result in runs.results] for name, runs in found.items()}
    assert verdicts == {"green": [Verdict.PASS, Verdict.PASS], "red": [Verdict.FAIL]}
    assert not alive(lab)
