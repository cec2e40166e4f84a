# SPDX-License-Identifier: GPL-2.0-only
"""What a person reads after a wrong command: each line of wrong/commands.txt gives exactly what is below it.

NVH_GOLDEN=write writes the answers; a new command is a new line there.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.cli.parser import VERBS
from harness.errors import EXIT_USER
from harness.host.paths import data_names
from harness.reproduce.races.conflicts import CONFLICTS

GOLDEN = Path(__file__).parent / "wrong" / "commands.txt"
PROGRAM = "program mine cpus=1\ncontext 0 granule=4k vmid=1 s2\nread 0 0x400000000\nend\n"
PROMPT = "$ nvh"


def golden() -> dict[str, str]:
    """The answers by command line."""
    parts = re.split(r"^\$ nvh(.*)\n", GOLDEN.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {command.strip(): text for command, text in zip(parts[::2], parts[1::2], strict=True)}


COMMANDS = golden()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with what a person may name by mistake."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "binary").write_bytes(b"\x7fELF\x00\xff\xfe")
    (tmp_path / "mine.nvl").write_text(PROGRAM)
    (tmp_path / "lock.yaml").write_text("artefact: 3\n")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "qemu-system-aarch64").write_text("")
    monkeypatch.chdir(tmp_path)


def said(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The answer to a command; it has to be wrong use."""
    status: object = None
    try:
        status = main(shlex.split(command))
    except SystemExit as left:
        status = left.code
    out, err = capsys.readouterr()
    assert status == EXIT_USER, out + err
    assert not out
    for kind in ("models", "kernels", "rootfs", "consoles"):  # what is shipped may grow
        err = err.replace(", ".join(data_names(kind)), f"<{kind}>")
    return err.replace(", ".join(CONFLICTS), "<kinds>").replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_answer(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``NVH_GOLDEN=write`` writes the answer instead."""
    found = said(command, tmp_path, capsys)
    if os.environ.get("NVH_GOLDEN") == "write":
        texts = {**golden(), command: found}
        GOLDEN.write_text("".join(f"{PROMPT} {key}\n{texts[key]}" for key in COMMANDS), encoding="utf-8")
    assert found == golden()[command]


def test_verbs_that_take_files_and_names_are_asked() -> None:
    asked = {command.split()[0] for command in COMMANDS}
    assert asked <= set(VERBS)
    assert asked >= {"judge", "images", "lint", "completion", "man", "test", "model", "program", "inspect"}
    assert not any("Traceback" in answer for answer in COMMANDS.values())
