# SPDX-License-Identifier: GPL-2.0-only
"""The artefact store: whole artefacts or none, whatever happens to its builders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock
import pytest

import harness
from harness.errors import InfraError, UserError
from harness.host.cache import MANIFEST, Store, load_artefact, tree_bytes, write_atomic
from tests.ci import ELSEWHERE

KEY = {"source": 1}
SCRIPT = """
import sys, time
from pathlib import Path
from harness.host.cache import Store
root, count = Path(sys.argv[1]), Path(sys.argv[2])
def build(work):
    with count.open("a") as stream:
        stream.write("built\\n")
    (work / "half").write_text("x")
    time.sleep(float(sys.argv[3]))
    return {"by": "child"}
print(Store(root).get_or_build("thing", {"source": 1}, build).path)
"""


def builder(store: Store, count: Path, seconds: float) -> subprocess.Popen[str]:
    """Start another process that builds KEY and takes ``seconds`` for it."""
    words = [sys.executable, "-c", SCRIPT, str(store.root), str(count), str(seconds)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def fill(work: Path) -> Mapping[str, Any]:
    (work / "file").write_text("content")
    return {"colour": "blue"}


def refuse(_: Path) -> Mapping[str, Any]:
    pytest.fail("built although it was in the store")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def published(store: Store) -> list[Path]:
    return sorted(store.root.glob("thing/*"))


def test_second_request_finds_what_the_first_built(store: Store) -> None:
    first = store.get_or_build("thing", KEY, fill)
    assert (first.path / "file").read_text() == "content"
    assert first.manifest["colour"] == "blue"
    assert first.manifest["key"] == KEY
    assert store.get_or_build("thing", KEY, refuse).path == first.path
    assert store.get_or_build("thing", {"source": 2}, fill).path != first.path


def test_builder_that_raises_publishes_nothing_but_its_log(store: Store) -> None:
    def broken(work: Path) -> Mapping[str, Any]:
        (work / "build.log").write_text("the reason\n")
        raise InfraError("no")

    with pytest.raises(InfraError, match=r"^no$"):
        store.get_or_build("thing", KEY, broken)
    assert published(store) == []
    assert list((store.root / "tmp").iterdir()) == []
    assert [path.read_text() for path in store.root.glob("failed/*/build.log")] == ["the reason\n"]
    assert store.get_or_build("thing", KEY, fill).manifest["colour"] == "blue"


def test_builder_killed_in_mid_build_leaves_nothing_published(store: Store, tmp_path: Path) -> None:
    count = tmp_path / "count"
    child = builder(store, count, 60)
    until(lambda: list((store.root / "tmp").glob("*/half")) != [])
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert published(store) == []
    assert store.artefacts() == []
    assert store.get_or_build("thing", KEY, fill).manifest["colour"] == "blue"
    assert {path.name for path in published(store)[0].iterdir()} == {"file", MANIFEST}
    assert len(list((store.root / "tmp").iterdir())) == 1
    store.collect(3600)
    assert list((store.root / "tmp").iterdir()) == []


def until(happened: Any) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end, "it did not happen in 10 s"
        time.sleep(0.02)


@pytest.mark.parametrize("rubbish", ["", "{", "[]", "null", '{"kind": "thing"}', "\0" * 100])
def test_rubbish_manifest_is_built_again(store: Store, rubbish: str) -> None:
    path = store.get_or_build("thing", KEY, fill).path
    (path / MANIFEST).write_text(rubbish)
    (path / "file").write_text("damaged")
    with pytest.raises(InfraError, match="not a complete artefact"):
        load_artefact(path)
    assert store.artefacts() == []
    again = store.get_or_build("thing", KEY, fill)
    assert (again.path / "file").read_text() == "content"


def test_two_processes_build_one_key_once(store: Store, tmp_path: Path) -> None:
    count = tmp_path / "count"
    children = [builder(store, count, 0.5) for _ in range(3)]
    paths = {child.communicate(timeout=30)[0] for child in children}
    assert len(paths) == 1
    assert count.read_text() == "built\n"


def aged(store: Store, number: int, days: float, size: int = 1 << 20) -> Path:
    def build(work: Path) -> Mapping[str, Any]:
        (work / "data").write_bytes(os.urandom(size))
        return {}

    path = store.get_or_build("thing", {"number": number}, build).path
    then = time.time() - days * 86400
    os.utime(path, (then, then))
    return path


def test_gc_by_age_and_use_counts(store: Store) -> None:
    old, young, used = aged(store, 1, 40), aged(store, 2, 1), aged(store, 3, 40)
    assert store.find("thing", {"number": 3})
    gone = store.collect(30 * 86400)
    assert [artefact.path for artefact, _ in gone] == [old]
    assert gone[0][1] >= 1 << 20
    assert not old.exists()
    assert young.exists()
    assert used.exists()


def test_gc_by_budget_takes_the_oldest_first(store: Store) -> None:
    paths = [aged(store, number, 10 - number) for number in range(4)]
    budget = sum(tree_bytes(path) for path in paths[2:])
    store.collect(365 * 86400, budget)
    assert [path.exists() for path in paths] == [False, False, True, True]
    store.collect(365 * 86400, budget)
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_trim_keeps_one_kind_to_its_budget_but_what_is_in_use(store: Store) -> None:
    paths = [aged(store, number, 10 - number) for number in range(4)]
    recent = aged(store, 4, 0)
    assert store.trim("other", 0, 0.0) == []
    gone = store.trim("thing", sum(tree_bytes(path) for path in (*paths[2:], recent)), 3600)
    assert [artefact.path for artefact, _ in gone] == paths[:2]
    store.trim("thing", -1, 3600)
    assert [path.exists() for path in (*paths, recent)] == [False] * 4 + [True]


def test_gc_leaves_a_living_builder_alone(store: Store) -> None:
    """Also at the moment between writing the manifest and publishing."""
    work = store.root / "tmp" / f"thing-0123456789abcdef-{os.getpid()}"
    work.mkdir()
    write_atomic(work / MANIFEST, json.dumps({"kind": "thing", "digest": "0123456789abcdef"}))
    assert store.artefacts() == []
    assert store.collect(0.0) == []
    assert work.exists()


@pytest.mark.parametrize("root", ["/dev/null/cache", "/proc/nvh-cache"])
def test_cache_that_cannot_be_made(root: str) -> None:
    with pytest.raises(UserError, match="set NVH_CACHE to a writable directory"):
        Store(Path(root))


@pytest.mark.skipif(os.geteuid() != 0, reason=f"{ELSEWHERE}root becomes another user")
def test_read_only_cache_of_another_user(store: Store, tmp_path: Path) -> None:
    """A published artefact is found; building says what to do."""
    store.get_or_build("thing", {"other": 1}, fill)
    for path in (*tmp_path.parents[:2], tmp_path):
        path.chmod(0o755)
    # The environment may lie below root's home, which another user cannot enter.
    library = tmp_path / "library"
    for package in (filelock, harness):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, library / source.name, ignore=shutil.ignore_patterns("__pycache__", "share"))
    script = SCRIPT.replace("print(", "from harness.errors import UserError\ntry:\n  print(") + (
        "except UserError as error:\n  print('UserError', error)\n"
    )
    done = subprocess.run(
        [
            "setpriv",
            "--reuid=65534",
            "--clear-groups",
            "/usr/bin/python3",
            "-c",
            script,
            store.root,
            "/dev/null",
            "0",
        ],
        cwd=library,
        env={**os.environ, "PYTHONPATH": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("UserError the cache"), done.stderr
    assert "set NVH_CACHE" in done.stdout


def test_write_atomic_replaces_and_leaves_no_other_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "one")
    write_atomic(tmp_path / "a", "two")
    assert (tmp_path / "a").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
