# SPDX-License-Identifier: GPL-2.0-only
import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.errors import InfraError
from harness.report import store
from harness.report.results import CellResult, RunSummary
from harness.verdict import Verdict
from tests.report import samples

EVIL = "<script>\x1b[31m\x00\ud800\u202e]]>&'\"{{ 7*7 }}"


def write_raw(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("cell", samples.EVERY.cells, ids=lambda cell: cell.verdict.value)
def test_cells_survive_the_round_trip(cell: CellResult, tmp_path: Path) -> None:
    path = store.write_cell(cell, tmp_path)
    assert store.read_cell(path) == cell
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    "run", [samples.EVERY, samples.run(), samples.hostile(EVIL)], ids=["every", "empty", "evil"]
)
def test_runs_survive_the_round_trip(run: RunSummary, tmp_path: Path) -> None:
    path = store.write_run(run, tmp_path)
    assert store.read_run(path) == run


def test_schemas_are_valid_themselves() -> None:
    for name in ("result", "summary"):
        jsonschema.Draft202012Validator.check_schema(store.schema(name))


def test_summary_states_what_follows_from_the_cells(tmp_path: Path) -> None:
    data = json.loads(store.write_run(samples.EVERY, tmp_path).read_text(encoding="utf-8"))
    assert data["format"] == 3
    assert data["counts"] == {"pass": 1, "vacuous": 1, "undecided": 1, "fail": 1, "infra": 1}
    assert (data["worst"], data["exit_status"]) == ("fail", 1)
    assert data["cells"][0]["format"] == 3


def drop(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda data: data.pop(key)


def put(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda data: data.update(changes)


BAD_CELLS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no format": (drop("format"), "format None"),
    "newer format": (put(format=4), "format 4; this nvh reads format 3"),
    "true is no format": (put(format=True), "format True"),
    "no verdict": (drop("verdict"), "'verdict' is a required property"),
    "unknown verdict": (put(verdict="ok"), r"\$.verdict: 'ok' is not one of"),
    "unknown key": (put(extra=1), "extra"),
    "negative time": (put(seconds=-1), r"\$.seconds: -1"),
    "endless time": (put(seconds=1e300), r"\$.seconds: 1e\+300"),
    "time as text": (put(seconds="1"), r"\$.seconds"),
    "local time": (put(started="2026-11-22T01:02:03+01:00"), r"\$.started"),
    "slug with a path": (put(slug="../x"), r"\$.slug"),
    "slug with a newline": (put(slug="x\n"), r"\$.slug"),
    "seed as text": (put(seed="42"), r"\$.seed"),
    "nested parameter": (put(params={"a": [1]}), r"\$.params"),
    "unknown level": (put(kernels={"l3": "nv"}), "l3"),
    "empty id": (put(id=""), r"\$.id"),
    "bad digest": (put(versions={"q": {"version": "1", "sha256": "abc"}}), "sha256"),
    "file outside": (put(files=[{"path": "../x", "role": "trace", "level": ""}]), r"\$.files\[0\].path"),
    "absolute file": (put(files=[{"path": "/etc/x", "role": "trace", "level": ""}]), r"\$.files\[0\].path"),
    "hidden parent": (put(files=[{"path": "a/..", "role": "trace", "level": ""}]), r"\$.files\[0\].path"),
    "unknown role": (put(files=[{"path": "x", "role": "video", "level": ""}]), r"\$.files\[0\].role"),
    "long text": (put(reason="x" * 8193), r"\$.reason"),
    "a pass that hides a failure": (put(verdict="pass"), "hides a finding fail"),
}


@pytest.mark.parametrize(("spoil", "says"), BAD_CELLS.values(), ids=BAD_CELLS.keys())
def test_bad_cells_are_refused(spoil: Callable[[dict[str, Any]], object], says: str, tmp_path: Path) -> None:
    data = copy.deepcopy(store.to_json(samples.FAILED))
    spoil(data)
    path = write_raw(tmp_path, data)
    with pytest.raises(InfraError, match=says) as caught:
        store.read_cell(path)
    assert str(caught.value).startswith(f"{path}: ")


BAD_RUNS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "newer format": (put(format=9), "format 9"),
    "cell of a newer format": (lambda data: data["cells"][0].update(format=4), r"\$.cells\[0\].format"),
    "wrong worst": (put(worst="pass"), "worst is 'pass' but the cells say 'fail'"),
    "wrong exit status": (put(exit_status=0), "exit_status is 0 but the cells say 1"),
    "user errors make no run": (put(exit_status=2), r"\$.exit_status"),
    "wrong counts": (lambda data: data["counts"].update({"pass": 5}), "counts is"),
    "no host": (drop("host"), "host"),
    "a list": (put(cells={}), r"\$.cells"),
}


@pytest.mark.parametrize(("spoil", "says"), BAD_RUNS.values(), ids=BAD_RUNS.keys())
def test_bad_runs_are_refused(spoil: Callable[[dict[str, Any]], object], says: str, tmp_path: Path) -> None:
    data = copy.deepcopy(store.to_json(samples.EVERY))
    spoil(data)
    with pytest.raises(InfraError, match=says):
        store.read_run(write_raw(tmp_path, data))


GOOD = json.dumps(store.to_json(samples.FAILED))
RUBBISH: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "truncated or not JSON at line 1 column 1"),
    "truncated": (GOOD[:-40].encode(), "truncated or not JSON"),
    "not utf-8": (b'{"format": "\xff"}', "not UTF-8 at byte 12"),
    "binary": (bytes(range(256)), "not UTF-8|not JSON"),
    "a list": (b"[]", "expected a JSON object, found list"),
    "not a number": (GOOD.replace("38.7", "NaN").encode(), "NaN is not JSON"),
    "duplicate key": (b'{"format": 1, "format": 1}', "duplicate key 'format'"),
    "deep": (b"[" * 200_000, "recursion|not JSON"),
    "two documents": (GOOD.encode() * 2, "not JSON"),
}


@pytest.mark.parametrize(("content", "says"), RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_makes_the_cell_infra(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / store.RESULT
    path.write_bytes(content)
    with pytest.raises(InfraError, match=says) as caught:
        store.read_cell(path)
    assert str(path) in str(caught.value)
    cell = store.collect(tmp_path, samples.FAILED)
    assert cell.verdict is Verdict.INFRA
    assert str(path) in cell.reason
    assert cell.findings == ()
    assert cell.command == samples.FAILED.command


def test_a_missing_result_is_infra(tmp_path: Path) -> None:
    cell = store.collect(tmp_path / "nowhere", samples.PASSED)
    assert cell.verdict is Verdict.INFRA
    assert "No such file" in cell.reason


def test_another_cells_result_is_infra(tmp_path: Path) -> None:
    store.write_cell(samples.PASSED, tmp_path)
    assert store.collect(tmp_path, samples.PASSED) == samples.PASSED
    cell = store.collect(tmp_path, samples.FAILED)
    assert cell.verdict is Verdict.INFRA
    assert samples.PASSED.id in cell.reason


def test_an_oversized_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.write_cell(samples.PASSED, tmp_path)
    monkeypatch.setattr(store, "READ_LIMIT", 100)
    with pytest.raises(InfraError, match="has at most 100"):
        store.read_cell(path)


def test_what_breaks_the_schema_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="started"):
        store.write_cell(samples.cell("x", Verdict.PASS, (), started="yesterday"), tmp_path)
    with pytest.raises(ValueError, match="seconds"):
        store.write_cell(samples.cell("x", Verdict.PASS, (), seconds=float("inf")), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    store.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        store.write_text(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_the_documentation_names_every_key() -> None:
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    result, summary = store.schema("result"), store.schema("summary")
    parts = (result, summary, *(result["$defs"][name] for name in ("finding", "stage", "file")))
    missing = {key for part in parts for key in part["properties"] if f"`{key}`" not in text}
    assert missing == set()
    assert set(result["required"]) == set(result["properties"])
    # What an older nvh wrote has not the last one.
    assert set(summary["required"]) == set(summary["properties"]) - {"not_applicable"}


def test_what_does_not_apply_counts_as_nothing(tmp_path: Path) -> None:
    run = dataclasses.replace(samples.EVERY, not_applicable={"three-levels": "it boots l1"})
    assert store.read_run(store.write_run(run, tmp_path)) == run
    assert (run.counts, run.worst) == (samples.EVERY.counts, samples.EVERY.worst)
    alone = dataclasses.replace(run, cells=())
    assert (alone.worst, alone.exit_status) == (Verdict.VACUOUS, 1)
