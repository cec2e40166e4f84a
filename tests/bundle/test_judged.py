# SPDX-License-Identifier: GPL-2.0-only
"""A judged log is an ordinary run: coverage, the store, JUnit and KCIDB take it; a wrong bundle is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import junitparser
import pytest

from harness.bundle.build import pack
from harness.bundle.commands import append, commands
from harness.bundle.judged import Asked, judge
from harness.errors import UserError
from harness.host.cache import sha256_file
from harness.ktap.manifest import CASES, MANIFEST, read_bundle
from harness.litmus.coverage import coverage
from harness.nightly.history import exports
from harness.nightly.history.compare import compare
from harness.nightly.history.database import Results
from harness.nightly.history.import_run import load_run
from harness.report.store import read_run
from harness.verdict import Verdict
from tests.ktap.conftest import make_tree, recorded, write_bundle


@pytest.fixture
def asked(runner: Path, tmp_path: Path) -> Asked:
    lines = recorded(("pass", "fail"))
    tree = make_tree(runner, tmp_path / "tree", lines)
    write_bundle(tmp_path / "bundle", dict.fromkeys(lines, 1))
    words = [str(tree / "nvh-bundle"), "--skip=trap-*"]
    log = subprocess.run(words, capture_output=True, check=False, timeout=60).stdout
    (tmp_path / "log").write_bytes(log)
    return Asked(tmp_path / "log", tmp_path / "bundle", tmp_path / "out", "board", "board 1")


def test_it_is_an_ordinary_run(asked: Asked, tmp_path: Path) -> None:
    summary, directory = judge(asked)
    assert read_run(directory / "summary.json") == summary
    assert (summary.worst, summary.exit_status) == (Verdict.FAIL, 1)
    red = {cell.id for cell in summary.cells if cell.verdict is not Verdict.PASS}
    assert red == {"bundle[family=s2-unmap-part]", "bundle[family=hidden-range]"}
    junit = junitparser.JUnitXml.fromfile(str(directory / "junit.xml"))
    assert junit.failures == 3
    [table] = coverage([directory])
    assert (table.machine, table.models) == ("board 1", ("board",))
    assert sum(place.failed for place in table.places) == 3
    with Results(tmp_path / "results.sqlite") as results:
        data = exports.kcidb(results, compare(results, load_run(results, directory)))
    exports.check_kcidb(data)
    assert {test["status"] for test in data["tests"]} == {"PASS", "FAIL"}
    assert len(data["tests"]) == len(summary.cells)


def test_the_log_of_another_bundle_is_refused(asked: Asked, tmp_path: Path) -> None:
    write_bundle(tmp_path / "other", {"s1-own/x": 1}, "f" * 16)
    with pytest.raises(UserError, match="the log of bundle 0123456789abcdef, and this is ffffffffffffffff"):
        judge(Asked(asked.log, tmp_path / "other", asked.out))
    assert not (tmp_path / "out").exists()


def test_a_bundle_with_more_cases_than_ran(asked: Asked, tmp_path: Path) -> None:
    """The bundle's own list of cases is what there has to be, whatever the log says of itself."""
    more = [*recorded(("pass", "fail")), "s1-own/vae1is/4k/4k-lost/no-ttl"]
    write_bundle(tmp_path / "larger", dict.fromkeys(more, 1))
    summary, _ = judge(Asked(asked.log, tmp_path / "larger", asked.out))
    assert {cell.verdict for cell in summary.cells} == {Verdict.UNDECIDED, Verdict.FAIL}


@pytest.mark.parametrize("file", [MANIFEST, CASES, "lists/default"])
def test_a_bundle_that_is_not_whole(asked: Asked, file: str) -> None:
    (asked.bundle / file).unlink()
    with pytest.raises(UserError):
        judge(asked)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 2, "id": "x"}'])
def test_a_manifest_that_is_none(asked: Asked, content: str) -> None:
    (asked.bundle / MANIFEST).write_text(content)
    with pytest.raises(UserError):
        read_bundle(asked.bundle)


def test_an_archive(asked: Asked, tmp_path: Path) -> None:
    archive = tmp_path / "b.tar.zst"
    words = ["tar", "--zstd", "-cf", str(archive), "-C", str(tmp_path), "bundle"]
    subprocess.run(words, check=True, timeout=60)
    assert judge(Asked(asked.log, archive, asked.out))[0].worst is Verdict.FAIL
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(UserError, match="copy it again"):
        judge(Asked(asked.log, archive, tmp_path / "again"))


def test_a_log_that_is_none(asked: Asked, tmp_path: Path) -> None:
    for content in (b"", b"login:", bytes(range(256)) * 100):
        (tmp_path / "none").write_bytes(content)
        with pytest.raises(UserError, match="no line of a bundle's log"):
            judge(Asked(tmp_path / "none", asked.bundle, asked.out))
    with pytest.raises(UserError, match="missing: no such file or directory; give the file"):
        judge(Asked(tmp_path / "missing", asked.bundle, asked.out))
    with pytest.raises(
        UserError, match=r"missing: no such .*\n.*absent: no such file or directory; name the"
    ):
        judge(Asked(tmp_path / "missing", tmp_path / "absent", asked.out))


def test_commands_need_no_option_of_ours() -> None:
    for row in commands("ipas2-no-unmap"):
        if row["command"].startswith("qemu"):
            assert ("kvm.mutant=ipas2-no-unmap" in row["command"]) == ("-kernel Image" in row["command"])
            for option in ("-plugin", "-semihosting", "-drive", "-accel"):
                assert option not in row["command"]
    assert append("ttyAMA1", ["cases=a/*"]) == "kvm-arm.mode=nested console=ttyAMA1 nvh.cases=a/*"


def test_equal_archives_have_equal_digests(asked: Asked, tmp_path: Path) -> None:
    for name in ("a", "b"):
        pack(asked.bundle, tmp_path / f"{name}.tar.zst")
    assert sha256_file(tmp_path / "a.tar.zst") == sha256_file(tmp_path / "b.tar.zst")


@pytest.mark.parametrize("kind", ["1", "exit"])
def test_a_self_test_tells_what_the_machine_sees_and_is_no_coverage(
    runner: Path, tmp_path: Path, kind: str
) -> None:
    lines = recorded()
    asleep = next(name for name, line in lines.items() if "control=stale-seen" in line)
    lines[asleep] = lines[asleep].replace("verdict=pass", "verdict=unable-to-fail")
    tree = make_tree(runner, tmp_path / "tree", lines)
    write_bundle(tmp_path / "bundle", dict.fromkeys(lines, 1))
    words = [str(tree / "nvh-bundle"), f"--self-test={kind}"]
    log = subprocess.run(words, capture_output=True, check=False, timeout=60).stdout
    assert f"{asleep} # SKIP unable to fail on this machine".encode() in log
    (tmp_path / "log").write_bytes(log)
    _, directory = judge(Asked(tmp_path / "log", tmp_path / "bundle", tmp_path / "out", "board", "board 1"))
    [table] = coverage([directory])
    assert (table.lines, table.observed.sees(asleep)) == (0, False)
    assert any(each.able for each in table.observed.cases.values())
    assert (bool(table.observed.kept), bool(table.observed.left_out)) == (kind == "exit", kind == "1")
