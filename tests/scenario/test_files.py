# SPDX-License-Identifier: GPL-2.0-only
"""What is given is not a readable scenario file, or it is several."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from harness.document import yaml_reader
from harness.errors import InputError, UserError
from harness.scenario.load import load_file, load_paths
from harness.scenario.scenario import Overrides
from tests.ci import ELSEWHERE
from tests.scenario.names import HERE, MINIMAL, VOCABULARY


def refusal(path: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        load_file(path, VOCABULARY)
    return str(caught.value)


def write(path: Path, name: str, text: str = MINIMAL) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    file = path / f"{name}.yaml"
    file.write_text(text.replace("minimal", name), encoding="utf-8")
    return file


def test_missing_file_names_the_closest_sibling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "d", "ipas2e1-block")
    monkeypatch.chdir(tmp_path)
    assert refusal("d/ipas2e1-blok.yaml") == (
        "d/ipas2e1-blok.yaml:1:1: no such file; expected a YAML file; did you mean 'd/ipas2e1-block.yaml'?"
    )
    assert refusal("d/zzz.yaml") == "d/zzz.yaml:1:1: no such file; expected a YAML file"
    assert refusal("nowhere/x.yaml") == "nowhere/x.yaml:1:1: no such file; expected a YAML file"


def test_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}:1:1: is a directory; expected a YAML file"


def test_directory_without_scenarios(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none here", encoding="utf-8")
    with pytest.raises(InputError, match="a directory without scenarios"):
        load_paths([tmp_path], VOCABULARY)


def test_fifo_is_refused_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "is not a regular file" in refusal(tmp_path / "pipe.yaml")
    assert "is not a regular file" in refusal("/dev/zero")


def test_unreadable_by_mode(tmp_path: Path) -> None:
    file = write(tmp_path, "secret")
    file.chmod(0)
    user = os.geteuid()
    if user == 0:  # root reads everything
        os.seteuid(65534)
    try:
        message = refusal(file)
    finally:
        os.seteuid(user)
    assert "cannot be read: permission denied; expected a readable file" in message


def test_unreadable_by_io_error() -> None:
    """Reading one's own memory at address 0 fails for root as well."""
    assert stat.S_ISREG(Path("/proc/self/mem").stat().st_mode)
    assert "cannot be read: input/output error" in refusal("/proc/self/mem")


@pytest.mark.parametrize("name", ["a\0b.yaml", "x" * 300 + ".yaml", "file.yaml/below.yaml"])
def test_impossible_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text("", encoding="utf-8")
    path = f"{tmp_path}/{name}"
    assert "cannot be read" in refusal(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_paths([path], VOCABULARY)
    with pytest.raises(UserError, match="no model file"):
        load_paths([], VOCABULARY, Overrides(model=path))


def test_huge_sparse_file_is_refused_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as stream:
        stream.truncate(100 * 1000 * 1000)
    start = time.monotonic()
    message = refusal(file)
    assert time.monotonic() - start < 0.5
    assert message == f"{file}:1:1: 100000000 bytes; expected a file of at most 262144 bytes"


def test_the_limit_is_exact(tmp_path: Path) -> None:
    file = write(tmp_path, "minimal")
    size = file.stat().st_size
    with file.open("a", encoding="utf-8") as stream:
        stream.write("#" + " " * (yaml_reader.MAX_BYTES - size - 1))
    assert len(load_file(file, VOCABULARY)) == 1
    with file.open("a", encoding="utf-8") as stream:
        stream.write(" ")
    assert "expected a file of at most" in refusal(file)


def test_a_file_that_hides_its_size_is_bounded() -> None:
    """Files of procfs say 0 bytes and may hold any amount."""
    path = Path("/proc/kallsyms")
    if not path.exists() or path.stat().st_size or len(path.read_bytes()) <= yaml_reader.MAX_BYTES:
        pytest.skip(f"{ELSEWHERE}it has no large file of size 0")
    assert "too large" in refusal(path)


@pytest.mark.parametrize("unit", ["[", "{a: ", "- ", "? ", "a: {", "[[],", "'", '"', "| ", "a:\n", "&a *a "])
def test_a_full_file_of_one_thing_is_refused_in_time(unit: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(unit * (yaml_reader.MAX_BYTES // len(unit)), encoding="utf-8")
    start = time.monotonic()
    assert refusal(file)
    assert time.monotonic() - start < 20


def test_byte_order_mark_and_crlf_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "minimal.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert [cell.id for cell in load_file(file, VOCABULARY)] == ["minimal"]


def test_directories_are_searched_recursively_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / "one", name)
    write(tmp_path / "one" / "deep", "c")
    (tmp_path / "one" / "other.yml").write_text("not looked at: [", encoding="utf-8")
    cells = load_paths([tmp_path / "one", tmp_path / "one" / "a.yaml"], VOCABULARY)
    assert [cell.id for cell in cells] == ["a", "b", "c"]


def test_two_scenarios_of_one_name(tmp_path: Path) -> None:
    write(tmp_path / "one", "same")
    write(tmp_path / "two", "same")
    with pytest.raises(InputError) as caught:
        load_paths([tmp_path], VOCABULARY)
    assert str(caught.value) == (
        f"{tmp_path}/two/same.yaml:1:11: a second scenario 'same'; "
        f"expected a name of its own (first at {tmp_path}/one/same.yaml:1:11)"
    )


def test_errors_of_all_files_come_together(tmp_path: Path) -> None:
    write(tmp_path, "good")
    write(tmp_path, "one", MINIMAL.replace("l0.tlbi", "l0.tlbl"))
    write(tmp_path, "two", MINIMAL.replace("boot", "boott"))
    with pytest.raises(InputError) as caught:
        load_paths([tmp_path, tmp_path / "three.yaml"], VOCABULARY)
    files = [Path(problem.where.path).name for problem in caught.value.problems]
    assert files == ["one.yaml", "three.yaml", "two.yaml"]


def test_the_whole_bad_corpus_in_one_error() -> None:
    with pytest.raises(InputError) as caught:
        load_paths([HERE / "bad"], VOCABULARY)
    named = {Path(problem.where.path).name for problem in caught.value.problems}
    assert named == {path.name for path in (HERE / "bad").glob("*.yaml")}
