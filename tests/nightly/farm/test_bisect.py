# SPDX-License-Identifier: GPL-2.0-only
"""The search for the first bad build, over builds that fail by chance, and the lists it is given."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from harness.artefacts.kernel.spec import load_kernel
from harness.artefacts.model import load_model
from harness.errors import UserError
from harness.nightly.farm.bisect import (
    BAD,
    BisectedBuild,
    Bisection,
    BuildRun,
    FirstBad,
    between,
    kernel_builds,
    lines_of,
    model_builds,
    seen_of,
)
from harness.verdict import Verdict
from tests.nightly.history import made

CAUSE, OTHER = frozenset({"splat"}), frozenset({"other"})


class World:
    """Builds that fail at ``rate`` from ``first`` on; some cannot be judged, some fail otherwise."""

    def __init__(
        self,
        count: int,
        first: int,
        rate: float = 1.0,
        broken: tuple[int, ...] = (),
        otherwise: tuple[int, ...] = (),
        seed: int = 1,
    ) -> None:
        self.builds = [BisectedBuild(f"b{n}", f"/b{n}.yaml") for n in range(count)]
        self._first, self._rate, self._broken, self._otherwise = first, rate, broken, otherwise
        self._random = random.Random(seed)
        self.runs = 0

    def run(self, build: BisectedBuild, number: int) -> BuildRun:
        self.runs += 1
        place = self.builds.index(build)
        if place in self._broken:
            return BuildRun(frozenset(), "does not build", judged=False)
        if place in self._otherwise:
            return BuildRun(OTHER, "fails for another reason")
        bad = place >= self._first and self._random.random() < self._rate
        return BuildRun(CAUSE if bad else frozenset(), f"run {number}")

    def search(self, repeats: int = 3) -> FirstBad:
        return Bisection(self.builds, self.run, lambda _: None, repeats).search()


@pytest.mark.parametrize("count", [2, 3, 4, 9, 64])
def test_every_first_bad_build_is_found(count: int) -> None:
    for first in range(1, count):
        world = World(count, first)
        found = world.search()
        assert (found.first.name, found.last.name) == (f"b{first}", f"b{first - 1}")
        assert (found.rate, found.passes, found.confidence, found.between) == (1.0, 1, 1.0, ())
        assert world.runs <= 3 + 1 + count.bit_length()


def test_flaky_builds_are_run_until_a_pass_means_something() -> None:
    """At a rate of one half a plain bisection would be wrong nearly always."""
    right = 0
    for seed in range(100):
        try:
            found = World(33, 1 + seed % 32, rate=0.5, seed=seed).search(repeats=12)
        except UserError:
            continue  # the bad end passed twelve times
        assert found.passes >= 3
        right += found.first.name == f"b{1 + seed % 32}"
    assert right >= 90
    plain = 0
    for seed in range(100):
        world = World(33, 1 + seed % 32, rate=0.5, seed=seed)
        bisection = Bisection(world.builds, world.run, lambda _: None, 1)
        try:
            plain += bisection.search().first.name == f"b{1 + seed % 32}"
        except UserError:
            continue
    assert plain < 50


def test_builds_that_cannot_be_judged_are_passed_over_and_named() -> None:
    found = World(9, 5, broken=(4,), otherwise=(3,)).search()
    assert found.first.name == "b5"
    assert found.last.name == "b2"
    assert [build.name for build in found.between] == ["b3", "b4"]
    assert "could not be judged: b3, b4" in "\n".join(lines_of(found))


def test_ends_that_are_not_what_they_should_be() -> None:
    with pytest.raises(UserError, match="b8 should be bad, but in 3 runs"):
        World(9, 9).search()
    with pytest.raises(UserError, match="b0 should be good, but"):
        World(9, 0).search()
    with pytest.raises(UserError, match="at least a good and a bad"):
        World(1, 0).search()


def test_every_run_of_a_build_has_its_number() -> None:
    world = World(5, 2, rate=0.4, seed=3)
    found = world.search(repeats=8)
    (probe,) = [p for p in found.probes if p.build.name == "b4"]
    assert probe.verdict == BAD
    assert [seen.text for seen in probe.runs] == [f"run {n}" for n in range(1, 9)]


def test_ranges() -> None:
    builds = World(5, 1).builds
    assert [b.name for b in between(builds, "b1..b3")] == ["b1", "b2", "b3"]
    with pytest.raises(UserError, match=r"did you mean 'b3'\?"):
        between(builds, "b1..b33")
    with pytest.raises(UserError, match="b3 does not come before b1"):
        between(builds, "b3..b1")
    with pytest.raises(UserError, match=r"write GOOD\.\.BAD"):
        between(builds, "b3")


def test_lists_of_models_and_of_programs(tmp_path: Path) -> None:
    for night in ("0923", "0924"):
        program = tmp_path / night / "bin/qemu-system-aarch64"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (tmp_path / "last.yaml").write_text("")
    listed = tmp_path / "builds.txt"
    listed.write_text(
        "# oldest first\n0923/bin/qemu-system-aarch64\n0924/bin/qemu-system-aarch64\nlast.yaml\n"
    )
    place = tmp_path / "place"
    place.mkdir()
    builds = model_builds(listed, "qemu", place)
    assert [build.name for build in builds] == ["0923", "0924", "last"]
    spec = load_model(builds[1].file)
    assert spec.source == {"path": str(tmp_path / "0924/bin/qemu-system-aarch64")}
    assert spec.timings == load_model("qemu").timings
    assert builds[2].file == str(tmp_path / "last.yaml")
    listed.write_text("no/such/file\n")
    with pytest.raises(UserError, match="which does not exist"):
        model_builds(listed, "qemu", place)
    with pytest.raises(UserError, match="a path per line"):
        model_builds(tmp_path / "none.txt", "qemu", place)


def test_commits_of_a_range_become_kernel_files(tmp_path: Path) -> None:
    tree = tmp_path / "linux"
    tree.mkdir()

    def git(*words: str) -> str:
        own = ["git", "-C", str(tree), "-c", "user.name=n", "-c", "user.email=e@x", *words]
        return subprocess.run(own, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    for number in range(4):
        (tree / "file").write_text(str(number))
        git("add", "file")
        git("commit", "--quiet", "-m", f"change {number}")
    (tmp_path / "a.config").write_text("CONFIG_KVM=y\n")
    mine = tmp_path / "mine.yaml"
    mine.write_text("kernel: mine\nsummary: x\nsource: {git: {path: linux, ref: HEAD}}\nconfig: [a.config]\n")
    place = tmp_path / "place"
    place.mkdir()
    builds = kernel_builds(str(mine), "HEAD~3..HEAD", place)
    assert [build.name.split(" ", 1)[1] for build in builds] == [f"change {n}" for n in range(4)]
    spec = load_kernel(builds[0].file)
    assert spec.config == (tmp_path / "a.config",)
    assert json.loads(Path(builds[3].file).read_text())["source"]["git"]["ref"] == git("rev-parse", "HEAD")
    with pytest.raises(UserError, match="holds no commit"):
        kernel_builds(str(mine), "HEAD..HEAD", place)
    with pytest.raises(UserError, match="git rev-parse"):
        kernel_builds(str(mine), "none..HEAD", place)
    with pytest.raises(UserError, match="not a git repository"):
        kernel_builds("nv", "a..b", place)


def test_a_build_that_breaks_a_level_is_bad_and_one_that_nobody_could_ask_is_not_judged() -> None:
    boot = made.cell("a", Verdict.FAIL, made.finding("boot-l1", Verdict.FAIL, "l1: it loops", "boot"))
    again = made.cell("b", Verdict.FAIL, made.finding("boot-l1", Verdict.FAIL, "l1: it idles", "boot"))
    infra, fine = made.cell("c", findings=()).infra("disk full"), made.cell("d")
    assert seen_of([boot]).judged
    assert seen_of([boot]).causes == seen_of([again, infra]).causes != frozenset()
    assert "fail a: boot-l1: l1: it loops (/x)" in seen_of([boot], "/x").text
    assert (seen_of([fine]).judged, seen_of([fine]).causes) == (True, frozenset())
    for cells in ([infra], [infra, fine], []):
        assert (seen_of(cells).judged, seen_of(cells).causes) == (False, frozenset())
