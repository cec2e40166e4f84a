# SPDX-License-Identifier: GPL-2.0-only
"""The command line as a process: statuses, messages on stderr, and nothing left behind by wrong input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.cli.parser import VERBS
from harness.host.paths import ROOT

RED, USER = 1, 2
GOOD = """\
scenario: made-for-a-test
summary: Loads.
steps:
  - boot: l0
  - mark: m
expect:
  - existence: seen
    of: {event: l0.tlbi, op: vae2is}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "NVH_CACHE": str(tmp_path / "cache"), "NVH_OFFLINE": "1", "COLUMNS": "100"}


@pytest.fixture
def nvh(tmp_path: Path, environment: Mapping[str, str]) -> Nvh:
    return Nvh(tmp_path, environment)


class Nvh:
    """Runs ``python -m harness`` in a directory of its own."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self._environment = environment

    def __call__(self, *words: str, deadline_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "harness", *words],
            cwd=self.directory,
            env={**self._environment, "NVH_RUNS": str(self.directory / "runs")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
        )

    def refused(self, *words: str) -> str:
        """Run, expect status 2 with a message and no traceback on stderr; returns the message."""
        done = self(*words)
        assert (done.returncode, done.stdout) == (USER, ""), done.stderr
        assert re.match(r"nvh: |\S+:\d+:\d+: ", done.stderr), done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr


def test_no_verb(nvh: Nvh) -> None:
    assert "VERB" in nvh.refused()


def test_unknown_verb_names_the_closest(nvh: Nvh) -> None:
    message = nvh.refused("rum")
    verbs = ", ".join(VERBS)
    assert f"no verb 'rum' ({verbs}); did you mean 'run'?" in message
    assert "did you mean" not in nvh.refused("xyzzy")


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(nvh: Nvh, verb: str) -> None:
    done = nvh(verb, "--help")
    assert done.returncode == 0
    assert re.search(rf"example.*\./nvh {verb}", done.stdout, re.DOTALL)
    assert re.match(rf"usage: nvh {verb} ", done.stdout)


def test_help_of_the_whole(nvh: Nvh) -> None:
    done = nvh("--help")
    assert done.returncode == 0
    assert "example: ./nvh run" in done.stdout
    assert all(re.search(rf"^ +{verb}\s+\w", done.stdout, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--kernle", "nv"], "unrecognized arguments: --kernle"),
        (["run", "--kernel"], "expected one argument"),
        (["lint", "--", "all"], "lint takes nothing after --, but got 'all'"),
        (["run", "--jobs", "0"], "'0' is not a whole number above 0"),
        (["run", "--jobs", "many"], "'many' is not a whole number above 0"),
        (["run", "--kernel", "debain"], "unknown kernel 'debain'.*did you mean 'debian'"),
        (["run", "--model", "qem"], "unknown model 'qem'.*did you mean 'qemu'"),
        *(
            ([*words, "--model", "qemu-console"], f"qemu-console is a console model, and nvh {words[0]} ")
            for words in (
                ["hunt", "--seconds", "1"],
                ["hunt", "--races"],
                ["mutants"],
                ["bisect", "tlbi-el2", "--kernel", "x.yaml", "--range", "a..b"],
            )
        ),
        (
            ["shell", "--model", "qemu-console", "--", "true"],
            "qemu-console is a console model, and nvh shell talks",
        ),
        (["model", "check", "qemu-console"], "qemu-console is a console model, and nvh model check stops"),
        (["run", "--model", "./absent.yaml"], "no model file './absent.yaml'"),
        (["run", "--timing", "icoutn"], "unknown timing 'icoutn'.*did you mean 'icount'"),
        (
            ["run", "--mutant", "ipas2-no-umap"],
            "unknown mutant 'ipas2-no-umap'.*did you mean 'ipas2-no-unmap'",
        ),
        (["mutants", "--select", "tge-ignore"], "no mutant 'tge-ignore'.*did you mean 'tge-ignored'"),
        (["mutants", "--model", "qem"], "unknown model 'qem'.*did you mean 'qemu'"),
        (["run", "no-such-cell"], "no cell is named or matched by 'no-such-cell'"),
        (["show", "--console", "l7"], "there is no --console 'l7' .l0, l1, l2."),
        (["shell", "--at", "l3", "--", "true"], "there is no --at 'l3' .l0, l1, l2."),
        (["shell"], "needs a terminal; give a command after --"),
        (["images"], "ACTION"),
        (["images", "bild"], "there is no ACTION 'bild' .build, lock, list, gc.; did you mean 'build'"),
        (["images", "build", "kernle:nv"], "'kernle:nv' is not KIND:NAME.*did you mean 'kernel:nv'"),
        (["images", "gc", "--budget", "rubbish"], "--budget 'rubbish' is not a size; write for example 20G"),
        (["images", "gc", "--days", "soon"], "'soon' is not a number of days from 0 on"),
        (["images", "gc", "--days", "-1"], "'-1' is not a number of days from 0 on"),
        (["images", "gc", "--days", "nan"], "'nan' is not a number of days from 0 on"),
        (["run", ""], "'' names no scenario"),
        (["run", "--locked", "absent.yaml"], "the lock \\S+absent.yaml does not exist"),
        (["run", "--locked", "."], "the lock \\S+ is a directory"),
        (
            ["run", "--kernel", "debain", "--model", "./absent.yaml", "--timing", "x"],
            "nvh: unknown kernel 'debain'.*\\nno model file './absent.yaml'.*\\nunknown timing 'x'",
        ),
        (["run", "--model", "/bin/sh"], "/bin/sh is a program, not a model's file.*by-path.yaml.example"),
        (["coverage", "absent"], "no such directory: absent"),
        (["farm", "keys", "/dev/null"], "/dev/null: File exists; name a directory that can be made"),
        (
            ["mutants", "--select", "tge-ignore", "--select", "xyzzy"],
            "'tge-ignore'; expected one of .* did you mean 'tge-ignored'.\\nno mutant 'xyzzy'; expected",
        ),
        (["nightly", "--resume", "absent"], "absent holds no nightly run: no such directory; name"),
        (["nightly", "--resume", "."], "holds no nightly run: no nightly.json in it; name"),
        (["accept", "x.mbox", "--confirm", "-1"], "'-1' is not a whole number from 0 on"),
        (["accept", "x.mbox", "--select", "tlbi-el9"], "no cell is .*'tlbi-el9'; did you mean 'tlbi-el2'"),
        (["show", "--events", "-1"], "'-1' is not a whole number from 0 on"),
        (["show", "no-such-cell"], "no-such-cell"),
        (["lint", "absent.yaml"], "absent.yaml"),
    ],
)
def test_wrong_use(nvh: Nvh, words: list[str], message: str) -> None:
    assert re.search(message, nvh.refused(*words), re.DOTALL)


FILES = {
    "unknown key": (GOOD.replace("summary:", "sumary:"), "2:1: .*did you mean 'summary'"),
    "wrong type": (GOOD.replace("Loads.", "[1]"), "2:10: "),
    "unknown event": (GOOD.replace("l0.tlbi,", "l0.tlb,"), "8:17: .*did you mean 'l0.tlbi'"),
    "unknown operation": (GOOD.replace("vae2is", "vae2si"), "8:30: .*did you mean 'vae2is'"),
    "duplicate key": (GOOD + "summary: again\n", "9:1: "),
    "empty matrix": (GOOD + "matrix: {}\n", "9:9: "),
    "empty axis": (GOOD + "matrix: {op: []}\n", "9:14: "),
    "not YAML": ("scenario: [\n", "1:11: "),
    "binary": ("\0\1\2" * 100, "1:1: "),
    "empty": ("", "1:1: "),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_scenario_is_refused_and_leaves_nothing(nvh: Nvh, name: str) -> None:
    text, place = FILES[name]
    (nvh.directory / "bad.yaml").write_text(text)
    message = nvh.refused("run", "bad.yaml", "--out", "results")
    assert re.search(f"bad.yaml:(?:{place})", message), message
    assert not (nvh.directory / "results").exists()


def test_all_errors_of_all_files_come_at_once(nvh: Nvh) -> None:
    below = nvh.directory / "mine"
    below.mkdir()
    (below / "a.yaml").write_text(GOOD.replace("summary:", "sumary:").replace("vae2is", "vae2si"))
    (below / "b.yaml").write_text(GOOD.replace("boot: l0", "boot: l9"))
    message = nvh.refused("run", "mine", "absent.yaml")
    assert re.findall(r"(\w+\.yaml):\d", message) == ["absent.yaml", "a.yaml", "a.yaml", "b.yaml"]


def test_missing_file_directory_without_scenarios_and_a_huge_file(nvh: Nvh) -> None:
    assert "absent.yaml" in nvh.refused("run", "absent.yaml")
    (nvh.directory / "empty").mkdir()
    assert "a directory without scenarios" in nvh.refused("run", "empty")
    with (nvh.directory / "huge.yaml").open("wb") as stream:
        stream.truncate(100 << 20)
    assert "huge.yaml" in nvh.refused("run", "huge.yaml")
    assert not (nvh.directory / "results").exists()


def test_a_file_that_is_named_without_its_path(nvh: Nvh) -> None:
    """README.md writes ./mine.yaml, and who leaves the ./ out is told."""
    (nvh.directory / "mine.yaml").write_text("kernel: mine\n")
    for option in ("--kernel", "--l1-kernel", "--model"):
        assert "; did you mean './mine.yaml'?" in nvh.refused("run", option, "mine.yaml")


@pytest.mark.parametrize("more", [[], ["--races"]])
def test_a_hunt_whose_directory_is_a_file(nvh: Nvh, more: list[str]) -> None:
    done = nvh("hunt", "--seconds", "1", "--out", "/dev/null", *more)
    assert done.returncode == USER
    assert done.stderr == "nvh: /dev/null: File exists; name a directory that can be made\n"


def test_a_timeline_that_is_none(nvh: Nvh) -> None:
    (nvh.directory / "text.txt").write_text("hello\n")
    said = nvh.refused("trace", "show", "text.txt")
    assert said == "text.txt:1:1: not JSON; expected a line of a timeline\n"


def test_runs_of_an_empty_store(nvh: Nvh) -> None:
    done = nvh("compare", "--list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "results.sqlite holds no run yet" in done.stdout


def test_list_needs_no_cache(nvh: Nvh) -> None:
    (nvh.directory / "good.yaml").write_text(GOOD)
    done = nvh("run", "good.yaml", "--list")
    assert done.returncode == 0
    assert done.stdout.split()[0] == "made-for-a-test"
    assert not (nvh.directory / "cache").exists()


def test_list_as_json(nvh: Nvh) -> None:
    (nvh.directory / "good.yaml").write_text(GOOD)
    done = nvh("run", "good.yaml", "--list", "--json", "--kernel", "debian")
    (cell,) = json.loads(done.stdout)
    assert (cell["id"], cell["params"], cell["kernels"]["l1"]) == ("made-for-a-test", {}, "debian")
    assert "--json goes with --list" in nvh.refused("run", "good.yaml", "--json")


def test_what_cannot_be_built_leaves_no_run(nvh: Nvh) -> None:
    """NVH_OFFLINE and an empty cache: the message says what to do, and no empty run remains."""
    (nvh.directory / "good.yaml").write_text(GOOD)
    done = nvh("run", "good.yaml", "--out", "results")
    assert done.returncode == USER
    assert "NVH_OFFLINE is set" in done.stderr
    assert "images build" in done.stderr
    assert not (nvh.directory / "results").exists()


def test_model_by_path_that_is_no_qemu(nvh: Nvh) -> None:
    (nvh.directory / "good.yaml").write_text(GOOD)
    text = (ROOT / "images/models/by-path.yaml.example").read_text()
    (nvh.directory / "m.yaml").write_text(text.replace("/opt/model/bin/qemu-system-aarch64", "/bin/true"))
    done = nvh("run", "good.yaml", "--out", "results", "--model", "./m.yaml")
    assert done.returncode == USER
    assert "this is not QEMU" in done.stderr
    assert not (nvh.directory / "results").exists()


def test_results_directory_that_is_in_use(nvh: Nvh) -> None:
    (nvh.directory / "good.yaml").write_text(GOOD)
    (nvh.directory / "results").mkdir()
    (nvh.directory / "results/mine").touch()
    assert "not empty" in nvh.refused("run", "good.yaml", "--out", "results")
    assert (nvh.directory / "results/mine").exists()


def test_cache_that_cannot_be_used(tmp_path: Path, environment: dict[str, str]) -> None:
    nvh = Nvh(tmp_path, {**environment, "NVH_CACHE": "/dev/null/cache"})
    assert "set NVH_CACHE to a writable directory" in nvh.refused("images", "list")


def test_lint_of_good_and_bad_scenarios(nvh: Nvh) -> None:
    (nvh.directory / "bad.yaml").write_text((ROOT / "tests/scenario/lint/nvh002-bad.yaml").read_text())
    shipped = str(ROOT / "scenarios/boot/three-levels.yaml")
    assert nvh("lint", shipped).returncode == 0
    done = nvh("lint", "bad.yaml", "--rules")
    assert done.returncode == RED
    assert re.search(r"bad\.yaml:\d+:\d+: ", done.stdout)
    assert "NVH002  " in done.stdout


def test_artefact_of_an_unknown_name(nvh: Nvh) -> None:
    done = nvh("images", "build", "model:qemu-10.1")
    assert done.returncode == USER
    assert "did you mean 'qemu-10.0'" in done.stderr


def test_images_of_an_empty_cache(nvh: Nvh) -> None:
    assert "0.0 GiB" in nvh("images", "list").stdout
    assert "deleted 0 artefacts, 0 MiB\n" in nvh("images", "gc", "--all").stdout
    assert nvh("images", "gc", "--budget", "1G").returncode == 0


def test_reader_of_the_output_may_go_away(environment: dict[str, str]) -> None:
    words = f"{sys.executable} -m harness run --list | head -n 1"
    done = subprocess.run(["sh", "-c", words], env=environment, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr


# A verb that waits, started as `python -m harness` starts verbs.
WAITING = """\
import runpy, sys, time
import harness.cli.lint
harness.cli.lint.main = lambda _: (print("ready", flush=True), time.sleep(60))
sys.argv = ["nvh", "lint"]
runpy.run_module("harness", run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_interrupt(environment: dict[str, str], number: signal.Signals) -> None:
    words = [sys.executable, "-c", WAITING]
    pipe = subprocess.PIPE
    # A shell's background job, as pytest may be one, ignores Ctrl-C; so does what it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "nvh: interrupted\n")
