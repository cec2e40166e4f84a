# SPDX-License-Identifier: GPL-2.0-only
"""Files of programs as cells: headers, the scenario that each means, collection, what is kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli import program as verb
from harness.cli.main import main
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, EXIT_USER, InputError
from harness.host.paths import ROOT, SCENARIOS
from harness.level import Level
from harness.program.render import prologue_lines
from harness.reproduce.hunt.program_findings import ProgramOutcome, parse_results
from harness.reproduce.programs import corpus
from harness.reproduce.programs.checker import Checked, check, check_file
from harness.reproduce.programs.run_programs import trimmed, why_not_bare
from harness.reproduce.programs.seen import NESTED, judged
from harness.reproduce.programs.terminal import headline, lines_of, show
from harness.runner.project import find_cells, vocabulary
from harness.runner.quarantine import load_quarantine
from harness.scenario import mutants as table
from harness.scenario.language import ResultCheck, Run
from harness.scenario.lint import lint
from harness.scenario.load import load_cell, load_file, load_paths
from harness.scenario.other_formats import copy
from harness.scenario.scenario import NO_OVERRIDES
from tests.program.simulate import all_defects

PLACE = SCENARIOS / "programs"
CORPUS = sorted(PLACE.glob("*.nvl"))
WIDE = PLACE / "wide-vmid.nvl"


def outcome(checked: Checked, tokens: dict[int, str], verdict: str = "pass") -> ProgramOutcome:
    """What nvh-litmus would have said: what is allowed, but for the actions in ``tokens``."""
    first = prologue_lines(checked.program) + 1
    seen = {
        first + i: tokens.get(i, sorted(may)[0]) for i, may in enumerate(checked.allowed) if may is not None
    }
    return ProgramOutcome(checked.name, seen, verdict)


def test_there_is_a_corpus_and_each_file_says_what_why_and_from_where() -> None:
    assert len(CORPUS) >= 24
    for path in CORPUS:
        head = corpus.header(path.read_text(), str(path))
        assert {"what", "why", "source"} <= set(head.values), path
        assert len(head.values["what"]) <= corpus.SUMMARY_MAX, path


def test_a_file_of_programs_is_a_cell_of_its_name() -> None:
    cells = load_paths([PLACE], vocabulary())
    assert [cell.id for cell in cells] == [path.stem for path in CORPUS]
    (wide,) = load_file(WIDE, vocabulary())
    assert wide.summary == "two VMIDs that agree in their low 8 bits are two"
    assert wide.claims == ("nv-tlbi-v8.6", "nv-tlbi-v8.8")
    (run,) = [step for step in wide.steps if isinstance(step, Run)]
    assert check_file(WIDE)[0].script() in run.command.replace("\nEND", "\n") + "\n"
    (result,) = [each for each in wide.expectations if isinstance(each, ResultCheck)]
    assert result.where.line == check_file(WIDE)[0].first
    assert [cell.id for cell in find_cells([], ["wide-vmid"], NO_OVERRIDES)] == ["wide-vmid"]


def test_the_header_says_what_it_runs_on() -> None:
    (private,) = load_file(PLACE / "private-tables.nvl", vocabulary())
    assert private.stack.levels[Level.L0].cpus == 1
    assert (private.stack.sanitize, private.stack.model) == ("tlb", "qemu-48bit")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_scenario_rules_hold_for_programs_too(path: Path) -> None:
    assert lint(path, vocabulary()) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("# waht: x", "there is no key 'waht' of a header; did you mean 'what'?"),
        (
            "# stack: modl=qemu",
            "'modl=qemu' of stack; expected model=, timing=, kernel=, sanitize=, l0-cpus=",
        ),
        ("# stack: icount", "'icount' of stack"),
    ],
)
def test_a_header_that_is_nearly_right_is_reported(line: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        corpus.header(f"# what: a\n{line}\nprogram a\n", "mine.nvl")
    assert str(caught.value).startswith(f"mine.nvl:2:3: {message}")
    assert corpus.header("# a comment: of any kind\nprogram a\n# what: no\n", "a").values == {}


def test_a_wrong_program_is_a_wrong_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.nvl"
    path.write_text(WIDE.read_text().replace("ipas2e1is", "ipas2e1si"))
    with pytest.raises(InputError, match=r"mine\.nvl:18:8: there is no operation 'ipas2e1si'"):
        load_file(path, vocabulary())
    assert main(["run", str(path), "--list"]) == EXIT_USER
    assert "did you mean 'ipas2e1is'" in capsys.readouterr().err


def test_the_copy_in_a_cells_directory_is_the_same_cell(tmp_path: Path) -> None:
    """A cell is run again from its directory alone: there the program is an ordinary scenario."""
    copy(WIDE, tmp_path / "scenario.yaml")
    (cell,) = load_file(WIDE, vocabulary())
    again = load_cell(tmp_path / "scenario.yaml", "wide-vmid", vocabulary())
    assert (again.id, again.stack, again.claims, again.timeout) == (
        cell.id,
        cell.stack,
        cell.claims,
        cell.timeout,
    )
    assert [getattr(s, "command", "") for s in again.steps] == [getattr(s, "command", "") for s in cell.steps]


def test_pytest_collects_programs() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(PLACE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scenarios/programs/wide-vmid.nvl::wide-vmid" in done.stdout


def test_each_line_is_shown_with_what_is_allowed_and_what_was_seen() -> None:
    (checked,) = check_file(WIDE)
    at = next(i for i, may in enumerate(checked.allowed) if may == frozenset({"s2-translation@0x400000000"}))
    seen = judged(checked, NESTED, outcome(checked, {at: "v=0xaaaa"}))
    line = checked.lines[at]
    assert (seen.verdict, seen.wrong) == ("fail", (at,))
    assert headline(checked, seen) == f"fail: line {line} saw v=0xaaaa, allowed s2-translation@0x400000000"
    marked = [row for row in lines_of(checked, [seen]) if row.startswith("!")]
    assert len(marked) == 1
    assert "nested saw v=0xaaaa, allowed s2-translation@0x400000000" in marked[0]
    assert WIDE.read_text().splitlines()[line - 1].startswith("read 0 0x400000000")
    right = judged(checked, NESTED, outcome(checked, {}))
    assert (right.verdict, headline(checked, right)) == ("pass", "pass")


def test_a_cpu_that_came_late_and_a_machine_that_hung_are_no_pass() -> None:
    (checked,) = check_file(PLACE / "broadcast.nvl")
    at = next(i for i, may in enumerate(checked.allowed) if may == frozenset({"v=0xaaaa"}))
    late = judged(checked, NESTED, outcome(checked, {at: "timeout"}))
    assert (late.verdict, late.late) == ("vacuous", (at,))
    hung = judged(checked, NESTED, ProgramOutcome(checked.name, {}, "hang", 'why="no answer in time"'))
    assert headline(checked, hung) == 'hang: why="no answer in time"'
    console = Console(width=200)
    with console.capture() as capture:
        show(checked, [late, hung], console)
    assert "the other CPU did not run in time" in capture.get()


def test_what_is_kept_reads_back_as_what_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("kept.nvl", "kept.yaml"):
        assert main(["program", str(WIDE), "--keep", str(tmp_path / name)]) == EXIT_PASS
    (before,), (after,) = check_file(WIDE), check_file(tmp_path / "kept.nvl")
    assert (before.program, before.allowed) == (after.program, after.allowed)
    assert corpus.header((tmp_path / "kept.nvl").read_text(), "x").values["source"]
    (cell,) = load_file(tmp_path / "kept.yaml", vocabulary())
    assert cell.id == "kept"
    capsys.readouterr()


def test_json_has_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["program", str(WIDE), "--json"]) == EXIT_PASS
    (data,) = json.loads(capsys.readouterr().out)
    assert (data["name"], data["verdicts"]) == ("wide-vmid", {})
    assert data["lines"][0]["allowed"] == ["v=0xaaaa"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shrink"], "--shrink: nothing runs without --on"),
        (["--mutant", "ipas2-no-unmap", "--model", "qemu"], "--mutant, --model: nothing runs without --on"),
        (["--keep", "a.txt"], "a name that ends in .nvl or .yaml"),
        (["--on", "bare", "--mutant", "ipas2-no-unmap"], "no kernel runs on the bare machine"),
        (["--on", "bar"], "there is no --on 'bar' (nested, bare, both); did you mean 'bare'?"),
    ],
)
def test_wrong_use(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    status: object = None
    try:
        status = main(["program", str(WIDE), *words])
    except SystemExit as left:
        status = left.code
    assert status == EXIT_USER
    assert message in capsys.readouterr().err


def test_what_the_bare_machine_has_not_is_reported() -> None:
    head = "program a{}\ncontext 0 granule=4k vmid=1 s2\n"
    (hidden,) = check(head.format(" hide=xs") + "read 0 0x400000000\nend\n")
    (events,) = check(head.format("") + "host set-up 0\nend\n")
    assert why_not_bare(hidden.program) == "it hides no feature"
    assert why_not_bare(events.program) == "it has no VMM"
    assert why_not_bare(check_file(WIDE)[0].program) == ""


def test_what_l1_has_not_is_no_verdict_and_no_failure() -> None:
    """nvh-litmus ran nothing of it; the cell wants the others of its file to pass."""
    _, second, _ = check_file(PLACE / "dirty-state.nvl")
    text = f"program={second.name} observed= verdict=not-applicable why=no-dirty-state-of-FEAT_HAFDBS\n"
    (told,) = parse_results(text)
    seen = judged(second, NESTED, told)
    assert headline(second, seen) == "not-applicable: why=no-dirty-state-of-FEAT_HAFDBS"
    assert (seen.wrong, verb.exit_status([seen.verdict])) == ((), EXIT_INFRA)
    assert verb.exit_status(["pass", seen.verdict]) == EXIT_PASS
    assert verb.exit_status(["fail", seen.verdict]) == EXIT_RED
    assert "passed: 1}" in corpus.scenario(PLACE / "dirty-state.nvl")[0]
    assert "passed: 2" in corpus.scenario(PLACE / "memory-types.nvl")[0]


def test_memory_that_nothing_reads_goes_when_a_program_is_shrunk() -> None:
    (checked,) = check(WIDE.read_text().replace("poke 0x100002000", "poke 0x100009000 1\npoke 0x100002000"))
    short = trimmed(checked.program)
    assert short.memory is not None
    assert [pa for pa, _ in short.memory.words] == [0x100000000, 0x100001000, 0x100002000]


def test_many_files_in_one_call_and_all_their_mistakes(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.nvl", tmp_path / "bad.nvl"
    shutil.copyfile(WIDE, good)
    bad.write_text("program a\nend\n")
    with pytest.raises(InputError) as caught:
        verb._read([good, bad, tmp_path / "none.nvl"])
    assert [problem.where.path for problem in caught.value.problems] == [
        str(bad),
        str(bad),
        str(tmp_path / "none.nvl"),
    ]


def test_every_file_of_the_corpus_says_what_it_was_shown_red_on() -> None:
    """A mutant of L0's kernel that there is, a known defect in the quarantine, or a simulated machine."""
    mutants = set(table.names())
    known = {entry.scenario for entry in load_quarantine().entries}
    for path in CORPUS:
        faults = corpus.header(path.read_text(), str(path)).faults
        assert faults, f"{path}: `# fault:`"
        for kind, name in faults:
            if kind == "mutant":
                assert name in mutants, path
            elif kind == "simulated":
                assert name in set(all_defects()), path
            elif kind == "kernel":
                assert path.stem in known, path
            else:
                assert (kind, len(name) > 20) == ("none", True), path


def test_a_fault_of_another_kind_is_reported() -> None:
    with pytest.raises(InputError, match="did you mean 'mutant'"):
        corpus.header("# fault: mutnat ipas2-no-unmap\n", "a.nvl")
