# SPDX-License-Identifier: GPL-2.0-only
"""What a person is told of wrong files: each of wrong/ gives exactly its lines of wrong/messages.txt.

NVH_GOLDEN=write writes them anew; read them as somebody who does not know the program. Wrong programs are in
tests/reproduce/programs/wrong.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import EXIT_RED, EXIT_USER

HERE = Path(__file__).parent / "wrong"
GOLDEN = HERE / "messages.txt"
FILES = sorted(path.name for path in HERE.glob("*.yaml"))
ADVICE = ("scenario-b18.yaml",)
"""Files that load, of which lint has something to say."""


def said(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    status = main(["lint", name])
    out, err = capsys.readouterr()
    assert status == (EXIT_RED if name in ADVICE else EXIT_USER), out + err
    return (out + err).replace(str(HERE), "WRONG")


def golden() -> dict[str, str]:
    parts = re.split(r"^== (\S+)\n", GOLDEN.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


@pytest.mark.parametrize("name", FILES)
def test_message(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``NVH_GOLDEN=write`` writes the messages instead."""
    found = said(name, capsys)
    if os.environ.get("NVH_GOLDEN") == "write":
        texts = {**golden(), name: found}
        GOLDEN.write_text(
            "".join(f"== {key}\n{texts[key]}" for key in FILES if key in texts), encoding="utf-8"
        )
    assert found == golden()[name]


def test_forty_files_of_all_kinds() -> None:
    kinds = Counter(name.partition("-")[0] for name in FILES)
    assert set(kinds) == {"scenario", "kernel", "model", "plan", "rootfs", "console"}
    assert min(kinds[kind] for kind in ("kernel", "model", "plan", "console")) >= 5
    assert kinds.total() >= 40
    assert set(golden()) == set(FILES)


def test_every_line_is_a_place_that_editors_jump_to_or_a_page() -> None:
    """And the parser's own words are nowhere: what PyYAML or jsonschema say, a person has to guess."""
    theirs = ("block end", "while parsing", "while scanning", "is not of type", "is a required property")
    for name, text in golden().items():
        for line in text.splitlines():
            page = re.fullmatch(r"nvh: (docs/\S+) describes what may stand there", line)
            assert page or re.match(r"[\w./-]+\.yaml:\d+:\d+: ", line), (name, line)
            assert page is None or (HERE.parents[2] / page[1]).is_file()
        assert not any(word in text for word in theirs), name


def test_all_of_them_at_once_in_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.process_time()
    assert main(["lint", *(name for name in FILES if name not in ADVICE)]) == EXIT_USER
    _, err = capsys.readouterr()
    assert {line.split(":", 1)[0] for line in err.splitlines()} >= {
        f"{name}" for name in FILES if name not in ADVICE and not name.startswith("plan-p04")
    }
    assert time.process_time() - begun < 60
