# SPDX-License-Identifier: GPL-2.0-only
"""Wrong programs and the messages that a person needs: golden files, and by construction every word of every
statement.

``wrong/messages.txt`` is what ``nvh program`` says of each file of ``wrong/``; write it anew with
``.venv/bin/python -m tests.reproduce.programs.test_messages`` and read it as its reader would.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import EXIT_USER, InputError
from harness.host.paths import ROOT
from harness.reproduce.programs.checker import check, check_file
from harness.reproduce.programs.grammar import STATEMENTS

WRONG = Path(__file__).parent / "wrong"
GOLDEN = WRONG / "messages.txt"
RIGHT = """program right cpus=2
context 0 granule=4k vmid=1 asid=5 s1 s2 el0
context 1 granule=4k vmid=2 s2 vncr=0xc40000000
frames 0x100000008
poke 0x100000000 0xaaaa
code 0x100000010 7
s2 0 0x400000000 3 0x100000000 rwx
s1 0 0x40400000 3 0x400000000 wuxX
e2 0xc40000000 3 0x100000000 w
read 0 0x40400000 el0 => v=0xaaaa
write 0 0x40400008 0x1 => at=0x100000008
execute 0 0x40400010 el0 => v=0x7
vncr 1 => v=0x0
peek 0xc40000000 => v=0xaaaa
entry s2 0 0x400000000 3 => young
tlbi 0 vae1is 0x5000000040400
l2-tlbi 0 vmalle1is => done
at 0 s12e1r 0x40400000 => pa=0x100000000
host set-up 0x0 => v=0x0
spin 1 0 0x40400000 l2 => done
sample 1 => v=0xaaaa
stop 1
cpu 1
end
"""
STRANGE = "?!"


def said(path: Path) -> str:
    """Everything about a file, notes of a right one included, with its name alone."""
    try:
        words = "\n".join(f"note: {note}" for each in check_file(path) for note in each.notes)
    except InputError as error:
        words = str(error)
    return words.replace(f"{path.parent}/", "")


def all_said() -> str:
    """The golden text."""
    return "\n".join(f"## {path.name}\n{said(path)}\n" for path in sorted(WRONG.glob("*.nvl")))


def test_every_wrong_program_says_what_a_person_needs() -> None:
    assert len(list(WRONG.glob("*.nvl"))) >= 38
    assert all_said() == GOLDEN.read_text()


def test_a_wrong_program_is_reported_in_much_less_than_a_second() -> None:
    begun = time.process_time()
    all_said()
    assert time.process_time() - begun < 2.0


def test_the_command_answers_in_less_than_a_second_of_cpu_time() -> None:
    """The whole process, its start included: it imports nothing that a machine needs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "harness", "program", str(WRONG / "01-operation.nvl")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stdout) == (EXIT_USER, "")
    assert "did you mean 'ipas2e1is'" in done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


def test_a_check_imports_nothing_that_a_machine_needs() -> None:
    """They were most of its start."""
    code = "import sys, harness.cli.program; print(*sorted(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"numpy", "ssl", "asyncio", "harness.machine", "harness.attempt"} & {*done.stdout.split()}


def positions() -> list[tuple[int, int]]:
    """Line and number of each word of ``RIGHT`` behind the verb, of every statement."""
    lines = RIGHT.splitlines()
    return [
        (number, word)
        for number, line in enumerate(lines, 1)
        for word in range(len(line.partition("=>")[0].split()))
    ]


def test_the_right_one_is_right_and_has_every_statement() -> None:
    (checked,) = check(RIGHT)
    assert checked.notes == ()
    assert {line.split()[0] for line in RIGHT.splitlines()} - {"program", "end"} == set(STATEMENTS)


@pytest.mark.parametrize(("number", "word"), positions())
def test_a_strange_word_is_reported_where_it_stands(number: int, word: int) -> None:
    """Whatever word of whatever statement is wrong: the first message is about it, at its line and column."""
    lines = RIGHT.splitlines()
    before, arrow, behind = lines[number - 1].partition("=>")
    words = before.split()
    key = words[word].partition("=")[0] + "=" if "=" in words[word] else ""
    words[word] = key + STRANGE
    lines[number - 1] = " ".join([*words, *([arrow + behind] if arrow else [])])
    col = len(" ".join(words[:word])) + (1 if word else 0) + 1 + len(key)
    with pytest.raises(InputError) as caught:
        check("\n".join(lines) + "\n", "mine.nvl")
    assert any((p.where.line, p.where.col) == (number, col) for p in caught.value.problems), str(caught.value)
    assert all(problem.expected for problem in caught.value.problems if problem.where.line == number)


@pytest.mark.parametrize("number", range(1, len(RIGHT.splitlines())))
def test_a_line_that_ends_early_says_what_is_missing(number: int) -> None:
    lines = RIGHT.splitlines()
    before = lines[number - 1].partition("=>")[0].split()
    lines[number - 1] = before[0]
    with pytest.raises(InputError) as caught:
        check("\n".join(lines) + "\n", "mine.nvl")
    first = next(p for p in caught.value.problems if p.where.line == number)
    assert "ends without its" in first.found
    assert first.where.col == len(before[0]) + 1


@pytest.mark.parametrize(
    ("number", "line"), [(n, s) for n, s in enumerate(RIGHT.splitlines(), 1) if "=>" in s]
)
def test_a_wrong_observation_has_its_place(number: int, line: str) -> None:
    lines = RIGHT.splitlines()
    lines[number - 1] = line.partition("=>")[0] + "=> v=0x1|s3-translation"
    with pytest.raises(InputError) as caught:
        check("\n".join(lines) + "\n", "mine.nvl")
    assert {(p.where.line, p.where.col) for p in caught.value.problems} == {(number, line.index("=>") + 4)}


def test_all_mistakes_of_all_files_come_at_once_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(WRONG / "01-operation.nvl"), str(WRONG / "28-sizes.nvl")]
    assert main(["program", *files]) == EXIT_USER
    err = capsys.readouterr().err
    assert "01-operation.nvl:14:8" in err
    assert err.count("28-sizes.nvl") == 6


if __name__ == "__main__":
    GOLDEN.write_text(all_said())
