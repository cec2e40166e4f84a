# SPDX-License-Identifier: GPL-2.0-only
"""`nvh show` of an acceptance: done, or interrupted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.accept import request
from harness.accept.report import reply, shown, store
from harness.cli.main import main
from harness.errors import UserError
from harness.report.store import write_cell
from tests.accept.results import LETTERS, result
from tests.accept.samples import rejected

BEGUN = request.BegunAs(("accept", "a b.mbox", "--patches", "last"), "/", "0")


def test_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request.note(tmp_path, BEGUN)
    reply.write(rejected(), tmp_path)
    store.write(rejected(), tmp_path)
    assert main(["show", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Subject: Re: [PATCH v3 0/2] Two <changes>")
    assert "reject in 123 s: ./nvh accept series.mbox" in text
    assert text.endswith(f"report {tmp_path}/index.html\n")
    assert main(["show", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "reject"
    assert shown.place(tmp_path.name, tmp_path.parent) == tmp_path.parent / tmp_path.name


def test_interrupted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request.note(tmp_path, BEGUN)
    for name, whole in (("base.seed1", True), ("patch-2.seed1", False)):
        (tmp_path / "steps" / name).mkdir(parents=True)
        if whole:
            (tmp_path / "steps" / name / "summary.json").touch()
    for cell, letter in (("a", "p"), ("b", "f"), ("c", "")):
        place = tmp_path / "steps" / "patch-2.seed1" / "cells" / cell
        place.mkdir(parents=True)
        if letter:
            write_cell(result(cell, LETTERS[letter]), place)
    assert main(["show", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "not ended: ./nvh accept 'a b.mbox' --patches last" in text
    assert "whole: base.seed1\nbegun: patch-2.seed1, 2 of 3 cells ended; b is fail\n" in text
    assert f"go on with: ./nvh accept --resume {tmp_path}" in text
    with pytest.raises(UserError, match="has not ended; go on with"):
        shown.as_json(tmp_path)


def test_what_is_none(tmp_path: Path) -> None:
    assert shown.place(None, tmp_path) is None
    assert shown.place("x", tmp_path) is None
    assert shown.place(str(tmp_path), tmp_path) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["accept"], "name a series"),
        (["accept", "x.mbox", "--resume", "{dir}"], "leave x.mbox out"),
        (["accept", "--resume", "{dir}/none"], "holds no acceptance that began"),
        (["accept", "--resume", "{dir}"], "is done; see it with: nvh show"),
    ],
)
def test_what_cannot_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    request.note(tmp_path, BEGUN)
    store.write(rejected(), tmp_path)
    assert main([word.format(dir=tmp_path) for word in words]) == 2
    assert message in capsys.readouterr().err
