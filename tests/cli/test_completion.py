# SPDX-License-Identifier: GPL-2.0-only
"""The Tab key, by argcomplete's own protocol, and the manual page, as man reads it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __version__
from harness.cli import manpage
from harness.cli.completion import SHELLS
from harness.cli.parser import VERBS, parser, subparsers
from harness.host.paths import CHECKOUT


def tab(line: str, tmp_path: Path) -> list[str]:
    """Return what is offered at the end of ``line``."""
    answer = tmp_path / "answer"
    variables = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    subprocess.run(
        [sys.executable, "-m", "harness"],
        cwd=tmp_path,
        env={**os.environ, **variables},
        timeout=60,
        check=True,
    )
    return [word.strip() for word in answer.read_text().splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("nvh cov", ["coverage"]),
        ("./nvh run --kern", ["--kernel"]),
        ("nvh run --kernel nv-m", ["nv-mutants"]),
        ("nvh hunt --model qemu-10.0-4", ["qemu-10.0-48bit"]),
        ("nvh run --mutant ipas2-no-u", ["ipas2-no-unmap"]),
        ("nvh run tlbi-ipas", ["tlbi-ipas2"]),
        ("nvh shell --at ", ["l0", "l1", "l2"]),
        ("nvh images build rootfs:g", ["rootfs:guest"]),
        ("nvh run --kernel no-such", []),
    ],
)
def test_offered(line: str, offered: list[str], tmp_path: Path) -> None:
    found = tab(line, tmp_path)
    assert set(offered) <= set(found), found
    assert bool(found) == bool(offered)


def test_a_file_is_offered_where_one_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()
    assert "mine.yaml" in tab("nvh run min", tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_code_of_each_shell(shell: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "completion", shell], capture_output=True, text=True, check=True
    )
    assert "nvh" in done.stdout
    if program := shutil.which(shell):
        code = tmp_path / "code"
        code.write_text(done.stdout)
        subprocess.run([program, "-n", code], check=True, timeout=60)


def test_bash_completes_the_script_of_the_checkout(tmp_path: Path) -> None:
    """In a real bash: the function that bash calls for ./nvh, with what readline would hand it."""
    code = subprocess.run(
        [sys.executable, "-m", "harness", "completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    program = tmp_path / "nvh"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m harness "$@"\n')
    program.chmod(0o755)
    script = f"""{code}
complete -p nvh
COMP_WORDS=({program} run --kernel nv-6) COMP_CWORD=3 COMP_LINE="{program} run --kernel nv-6" COMP_TYPE=9
COMP_POINT=${{#COMP_LINE}}
function=$(complete -p nvh | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$function {program} nv-6 --kernel
echo "offered ${{COMPREPLY[*]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "offered nv-64k" in done.stdout, done.stdout + done.stderr


def test_manual_page_has_every_verb_and_option() -> None:
    page = manpage.page(parser())
    assert page.startswith(f'.TH NVH 1 "" "nvh {__version__}"')
    for verb, sub in subparsers(parser()).items():
        assert f"\n.SH {verb.upper()}\n" in page
        for each in (sub, *subparsers(sub).values()):
            for action in each._actions:
                for option in action.option_strings:
                    assert manpage.text(option) in page
    assert set(subparsers(parser())) == set(VERBS)


def test_manual_page_names_every_variable_that_the_code_reads() -> None:
    assert CHECKOUT
    texts = [path.read_text() for path in (CHECKOUT / "harness").rglob("*.py")] + [
        (CHECKOUT / "nvh").read_text()
    ]
    read = {
        name
        for text in texts
        for name in re.findall(r"environ[^\n]*?[\"'](NVH_[A-Z_]+)|\$\{(NVH_[A-Z]+)", text)
    }
    assert {a or b for a, b in read} <= {*manpage.ENVIRONMENT, *INTERNAL}


INTERNAL = {"NVH_APT_MAX_AGE"}


def test_roff_text_is_escaped() -> None:
    assert manpage.text("-a\\b\n.TH x\n'y") == "\\-a\\eb\n\\&.TH x\n\\&'y"


def test_man_reads_the_page_without_a_warning(tmp_path: Path) -> None:
    if not shutil.which("man"):
        pytest.skip("no man on this machine")
    path = tmp_path / "nvh.1"
    path.write_text(manpage.page(parser()))
    done = subprocess.run(
        ["man", "--warnings", "-l", path],
        env={**os.environ, "MANWIDTH": "120"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert "--keep-on-failure" in done.stdout
