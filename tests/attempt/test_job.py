# SPDX-License-Identifier: GPL-2.0-only
"""The work order: what is written is what is read, and what has gone or is foreign is refused."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.attempt.job import JOB, Job, python_files, read_job, write_job
from harness.cli.parser import parser
from harness.document import as_json
from harness.errors import InfraError, Location
from harness.host.paths import ROOT
from harness.level import Level
from harness.runner.project import find_cells, vocabulary
from harness.runner.run import make_jobs, reproduce
from harness.scenario.language import Cell, ResultCheck, Run
from harness.scenario.load import load_file, load_paths, select
from harness.scenario.scenario import NO_OVERRIDES, Overrides
from harness.stack.images import StackImages

SHIPPED = find_cells([], [], NO_OVERRIDES)


@pytest.fixture
def written(cells: list[Cell], images: StackImages, tmp_path: Path) -> tuple[Job, Path]:
    directory = tmp_path / "cell"
    directory.mkdir()
    images = dataclasses.replace(images, mainloop=images.initrd)
    job = Job(cells[1], images, "slug", "./nvh run it")
    write_job(directory, job)
    return job, directory


def test_round_trip(written: tuple[Job, Path]) -> None:
    job, directory = written
    again = read_job(directory)
    assert again.cell == job.cell
    assert (again.slug, again.command) == (job.slug, job.command)
    assert again.images.model == job.images.model
    assert again.images.kernels == job.images.kernels
    assert again.images.rootfs == job.images.rootfs
    assert again.images.initrd == job.images.initrd
    assert again.images.mainloop == job.images.mainloop
    assert again.images.versions() == job.images.versions()


def test_the_source_of_the_kernel_is_reported_with_commit_tree_and_address(written: tuple[Job, Path]) -> None:
    images = written[0].images
    source = {"label": "linux main (11)", "commit": "1" * 40, "tree": "2" * 40, "url": "https://a/b"}
    kernel = images.kernels[Level.L0]
    for told, wanted in (
        (source, f"linux main (11); commit {'1' * 40}; tree {'2' * 40}; url https://a/b"),
        ({**source, "url": ""}, f"linux main (11); commit {'1' * 40}; tree {'2' * 40}"),
        ({"label": "linux-source-7.3 7.3.4", "sha256": "3" * 64}, "linux-source-7.3 7.3.4"),
    ):
        made = dataclasses.replace(kernel, manifest={**kernel.manifest, "source": told})
        versions = dataclasses.replace(images, kernels={**images.kernels, Level.L0: made}).versions()
        assert versions["kernel l0 source"] == {"version": wanted, "sha256": told.get("sha256", "")}
    assert "kernel l0 source" not in images.versions()


def test_cell_runs_again_after_its_scenario_has_gone(written: tuple[Job, Path]) -> None:
    job, directory = written
    Path(job.cell.path).unlink()
    assert read_job(directory).cell == job.cell


def test_every_shipped_cell_is_read_as_it_was_written() -> None:
    for cell in find_cells([], ["*"], NO_OVERRIDES):
        assert as_json.read_json(Cell, json.dumps(as_json.to_data(cell))) == cell


def test_python_beside_the_scenario_becomes_part_of_the_cell(
    scenario: Path, images: StackImages, tmp_path: Path
) -> None:
    with scenario.open("a") as stream:
        stream.write("  - python: judge\n    file: mine.py\n    events: [l0.tlbi]\n")
    python = scenario.with_name("mine.py")
    python.write_text("def judge(seen):\n    return seen.passed('é')\n")
    cell = load_file(scenario, vocabulary())[0]
    directory = tmp_path / "cell"
    directory.mkdir()
    write_job(directory, Job(cell, images, "slug", "./nvh run it"))
    python.unlink()
    scenario.unlink()
    assert read_job(directory).cell == cell
    assert python_files(cell) == {"mine.py": (directory / "mine.py").read_text()}


def test_locations_name_the_users_file(written: tuple[Job, Path], scenario: Path) -> None:
    cell = read_job(written[1]).cell
    run = next(step for step in cell.steps if isinstance(step, Run))
    assert run.where == Location(str(scenario), 6, 5)
    check = next(e for e in cell.expectations if isinstance(e, ResultCheck))
    assert check.where.path == str(scenario)
    assert cell.path == str(scenario)


def test_overrides_are_kept(cells: list[Cell], images: StackImages, tmp_path: Path) -> None:
    overrides = Overrides(kernel="debian", timing="mttcg")
    cell = load_file(cells[0].path, vocabulary(), overrides)[0]
    (tmp_path / "cell").mkdir()
    write_job(tmp_path / "cell", Job(cell, images, "s", "c"))
    assert read_job(tmp_path / "cell").cell.stack.timing == "mttcg"
    assert read_job(tmp_path / "cell").cell.stack.levels[Level.L2].kernel == "debian"


def test_model_by_relative_path_is_found_from_the_cells_directory(
    cells: list[Cell], images: StackImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.yaml").touch()
    overrides = Overrides(model="./model.yaml")
    cell = load_file(cells[0].path, vocabulary(), overrides)[0]
    (tmp_path / "cell").mkdir()
    write_job(tmp_path / "cell", Job(cell, images, "s", "c"))
    monkeypatch.chdir(tmp_path / "cell")
    assert read_job(Path()).cell.stack.model == str(tmp_path / "model.yaml")


def damage(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(directory: Path) -> None:
        data = json.loads((directory / JOB).read_text())
        change(data)
        (directory / JOB).write_text(json.dumps(data))

    return apply


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "foreign format": (damage(lambda d: d.update(format=3)), "not of format 4"),
    "no order": (lambda d: (d / JOB).unlink(), "No such file"),
    "not JSON": (lambda d: (d / JOB).write_text("{"), "cell.json: "),
    "a list": (lambda d: (d / JOB).write_text("[]"), "cell.json: "),
    "missing key": (damage(lambda d: d.pop("images")), "'images' is missing @ Job"),
    "unknown key": (damage(lambda d: d["cell"].update(colour=1)), "unknown 'colour' @ Job.cell"),
    "unknown step": (damage(lambda d: d["cell"]["steps"][0].update({"is": "Jump"})), "'Jump' is no Step"),
    "unknown level": (
        damage(lambda d: d["images"]["kernels"].update(l9=d["images"]["initrd"])),
        "is not a level",
    ),
    "wrong type": (damage(lambda d: d["images"].update(model=[])), "cell.json: "),
    "missing artefact": (lambda d: shutil.rmtree(d.parent / "cache/initrd"), "not a complete artefact"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_orders_are_refused(written: tuple[Job, Path], name: str) -> None:
    harm, message = DAMAGE[name]
    harm(written[1])
    with pytest.raises(InfraError, match=message):
        read_job(written[1])


def test_every_cell_gets_a_directory_of_its_own(
    cells: list[Cell], images: StackImages, tmp_path: Path
) -> None:
    jobs = make_jobs(cells, {cell.id: images for cell in cells}, NO_OVERRIDES, tmp_path / "run")
    assert [read_job(directory).cell.id for _, directory in jobs] == [cell.id for cell in cells]
    assert len({directory for _, directory in jobs}) == 2
    assert all(len(directory.name) <= 64 for _, directory in jobs)


@pytest.mark.parametrize(
    "overrides", [NO_OVERRIDES, Overrides(kernel="debian", timing="mttcg"), Overrides(model="qemu-10.0")]
)
def test_reproducing_command_selects_exactly_the_cell(cells: list[Cell], overrides: Overrides) -> None:
    """Ids hold brackets, commas and spaces; the command must survive a shell and find one cell."""
    for cell in [*cells, *SHIPPED]:
        words = shlex.split(reproduce(cell, overrides))
        assert words[:2] == ["./nvh", "run"]
        arguments = parser().parse_args(words[1:])
        paths = [Path(word) for word in arguments.what if word.endswith(".yaml")]
        patterns = [word for word in arguments.what if not word.endswith(".yaml")]
        offered = load_paths(paths, vocabulary()) if paths else SHIPPED
        assert select(offered, patterns) == [cell]
        assert (arguments.kernel, arguments.model, arguments.timing) == (
            overrides.kernel,
            overrides.model,
            overrides.timing,
        )


def test_reproducing_command_works_from_another_directory(
    cells: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/usr")
    words = shlex.split(reproduce(cells[0], Overrides(model="./lib/m.yaml")))
    assert words[-2:] == ["--model", "/usr/lib/m.yaml"]
    assert words[2] == cells[0].path
    assert Path(words[2]).is_absolute()
    assert str(ROOT) not in shlex.join(words)
