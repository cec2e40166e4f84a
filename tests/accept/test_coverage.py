# SPDX-License-Identifier: GPL-2.0-only
"""Patch coverage: the plugin's file, line tables of a compiled program, and what becomes of changed lines."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from harness.accept.apply import Applied, Tree
from harness.accept.coverage import callers, dwarf_lines, join, reached, suggest
from harness.accept.coverage.report import LineState, PatchCoverage
from harness.accept.selection import where
from harness.accept.selection.choose import TouchedCode
from harness.accept.selection.touched import TouchedFunction
from harness.artefacts.kernel.patch import Patch
from harness.errors import InfraError, UserError
from harness.host.cache import Store
from harness.host.paths import SCENARIOS
from harness.runner.project import find_cells
from harness.scenario.scenario import NO_OVERRIDES
from harness.trace.executed import counts, symbols
from tests.artefacts.kernel.toy import run_git
from tests.trace.executed.files import traced

HEADER = """\
static inline int twice(int x)
{
	if (x > 1000)
		return -1;
	return x * 2;
}
"""
SOURCE = """\
#include "twice.h"
volatile int out;
__attribute__((noinline)) static int never(int x)
{
	out = 7;
	return x + out;
}
__attribute__((noinline)) int unused_by_all(int x)
{
	out = never(x);
	return out;
}
static void by_pointer(void)
{
	out = 9;
}
void (*volatile pointer)(void);
void _start(void)
{
	/* a comment */
	pointer = by_pointer;
	out = twice(out);
	if (out == 12345)
		out = unused_by_all(out);
}
"""
CROSS = "aarch64-linux-gnu-"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare program with inlined code, its System.map and its sources in git, the second half a patch."""
    root = tmp_path_factory.mktemp("program")
    files = root / "files"
    (files / "kernel").mkdir(parents=True)
    run_git(files, "init", "-q", "--separate-git-dir", str(root / "git"))
    (files / "kernel/main.c").write_text("void _start(void)\n{\n}\n")
    run_git(files, "add", "-A")
    run_git(files, "commit", "-q", "-m", "base")
    (files / "kernel/main.c").write_text(SOURCE)
    (files / "kernel/twice.h").write_text(HEADER)
    run_git(files, "add", "-A")
    run_git(files, "commit", "-q", "-m", "patch")
    build = [f"{CROSS}gcc", "-O2", "-g", "-nostdlib", "-static", "-ffreestanding", "-Wl,-Ttext=0x100000"]
    subprocess.run([*build, "-o", root / "vmlinux", "kernel/main.c"], cwd=files, check=True, timeout=60)
    listed = subprocess.run(
        [f"{CROSS}nm", root / "vmlinux"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    marks = "".join(
        f"{address:016x} T {name}\n" for address, name in ((0x100000, "_text"), (0x100100, "_etext"))
    )
    (root / "System.map").write_text(marks + listed)
    return root


def tree_of(root: Path) -> Tree:
    def commit(name: str) -> str:
        words = ["git", "-C", str(root / "files"), "rev-parse", name]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    files = ("kernel/main.c", "kernel/twice.h")
    patch = Applied(1, "patch", Patch("p", b"", True), commit("HEAD"), files, False)
    return Tree(root, commit("HEAD~1"), (patch,))


def number(text: str, source: str = SOURCE) -> int:
    return next(n for n, line in enumerate(source.splitlines(), 1) if text in line)


def test_lines_of_inlined_code_are_found_where_it_went(program: Path) -> None:
    found = dwarf_lines.load(program / "vmlinux", ["kernel/main.c", "kernel/twice.h", "kernel/absent.c"])
    assert set(found) == {"kernel/main.c", "kernel/twice.h"}
    table = symbols.load(program / "System.map")
    inlined = found["kernel/twice.h"][number("x > 1000", HEADER)]
    assert {table.name_at(first) for first, _ in inlined} == {"_start"}
    assert number("a comment") not in found["kernel/main.c"]
    for ranges in found["kernel/main.c"].values():
        assert all(table.start <= first < end for first, end in ranges)


def test_a_program_without_debugging_information(program: Path, tmp_path: Path) -> None:
    bare = tmp_path / "vmlinux"
    subprocess.run([f"{CROSS}strip", "-o", bare, program / "vmlinux"], check=True, timeout=60)
    with pytest.raises(UserError, match=r"config/debug\.config"):
        dwarf_lines.load(bare, ["kernel/main.c"])
    (tmp_path / "text").write_text("no program")
    with pytest.raises(InfraError, match="cannot be read"):
        dwarf_lines.load(tmp_path / "text", ["kernel/main.c"])


def covered(
    program: Path, tmp_path: Path
) -> tuple[PatchCoverage, dict[str, dwarf_lines.Ranges], symbols.KernelText]:
    """Coverage of a run that executed _start() but what lies behind its comparison."""
    table = symbols.load(program / "System.map")
    ranges = dwarf_lines.load(program / "vmlinux", ["kernel/main.c", "kernel/twice.h"])
    first = min(a for a, name in zip(table.addresses, table.names, strict=True) if name == "_start")
    skipped = {
        address
        for low, high in ranges["kernel/main.c"].get(number("out = unused_by_all(out)"), [])
        for address in range(low, high, 4)
    }
    executed = [a for a in range(first, first + 0x20, 4) if table.name_at(a) == "_start" and a not in skipped]
    (tmp_path / "t").write_bytes(traced(table.start, table.end, executed))
    seen = {"one": counts.read(tmp_path / "t")}
    return join.join(tree_of(program), ["kernel/main.c", "kernel/twice.h"], ranges, seen), ranges, table


def test_every_changed_line_has_a_state(program: Path, tmp_path: Path) -> None:
    coverage, _, _ = covered(program, tmp_path)
    main, header = coverage.files
    states = {line.text.strip(): line for line in main.lines}
    assert states["out = twice(out);"].state is LineState.COVERED
    assert states["out = twice(out);"].cells == (0,)
    assert states["out = 7;"].state is LineState.UNCOVERED
    assert states["out = 7;"].function == "never"
    assert states["/* a comment */"].state is LineState.NO_CODE
    assert "void _start(void)" not in states  # as in the base
    assert {line.state for line in header.lines} >= {LineState.COVERED, LineState.NO_CODE}
    assert coverage.by_patch(1) == (coverage.covered, coverage.executable)
    assert coverage.share
    assert 0 < coverage.share < 1
    assert any(line.text.strip() == "out = 7;" for _, line in coverage.uncovered())


def shortened(tmp_path: Path) -> Tree:
    """The program as the base of a series: patch 1 takes a call away, patch 2 a function that nobody runs."""
    place = tmp_path / "shorter"
    (place / "files/kernel").mkdir(parents=True)
    files = place / "files"
    run_git(files, "init", "-q", "--separate-git-dir", str(place / "git"))
    first = SOURCE.replace("\tout = twice(out);\n", "")
    second = first.replace("\tout = 7;\n\treturn x + out;\n", "\treturn x;\n")
    commits = []
    for title, text in (("base", SOURCE), ("one", first), ("two", second)):
        (files / "kernel/main.c").write_text(text)
        run_git(files, "add", "-A")
        run_git(files, "commit", "-q", "-m", title)
        done = subprocess.run(
            ["git", "-C", str(files), "rev-parse", "HEAD"],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        commits.append(done.stdout.strip())
    patches = tuple(
        Applied(number, title, Patch("p", b"", True), commits[number], ("kernel/main.c",), False)
        for number, title in ((1, "one"), (2, "two"))
    )
    return Tree(place, commits[0], patches)


def test_lines_that_go_are_those_of_the_base_and_of_the_patch_that_takes_them(
    program: Path, tmp_path: Path
) -> None:
    _, ranges, _ = covered(program, tmp_path)
    tree = shortened(tmp_path)
    assert join.removed(tree, "kernel/main.c") == {
        number("out = twice(out)"): 1,
        number("out = 7"): 2,
        number("return x + out"): 2,
    }
    assert join.removed(tree, "kernel/none.c") == {}
    seen = {"one": counts.read(tmp_path / "t")}
    found = join.removed_file(tree, "kernel/main.c", ranges["kernel/main.c"], ("one",), seen)
    states = {line.text.strip(): (line.state, line.patch, line.function) for line in found.lines}
    assert states["out = twice(out);"] == (LineState.COVERED, 1, "_start")
    assert states["out = 7;"] == (LineState.UNCOVERED, 2, "never")
    coverage = PatchCoverage(("one",), removed=(found,))
    assert (coverage.share, coverage.can_run, coverage.ran) == (None, True, True)
    assert coverage.by_patch(1) == (1, 1)
    assert coverage.by_patch(2)[0] == 0


def test_functions_that_no_cell_reaches_any_more(program: Path, tmp_path: Path) -> None:
    _, _, table = covered(program, tmp_path)
    seen = counts.read(tmp_path / "t")
    (tmp_path / "none").write_bytes(traced(table.start, table.end, []))
    idle = counts.read(tmp_path / "none")
    files = {"_start", "never"}
    assert join.lost((table, {"c": seen}), (table, {"c": idle}), files) == ("_start",)
    assert join.lost((table, {"c": seen}), (table, {"c": seen}), files) == ()
    assert join.lost((table, {"c": seen}), (table, {"other": idle}), files) == ()  # it did not run
    assert join.lost((table, {"c": seen}), (table, {"c": idle}), {"never"}) == ()


def test_a_touched_function_lies_where_its_code_went(program: Path) -> None:
    table = symbols.load(program / "System.map")
    ranges = dwarf_lines.load(program / "vmlinux", ["kernel/main.c", "kernel/twice.h"])

    def at(path: str, name: str, text: str) -> frozenset[str]:
        return where.hosts(TouchedFunction(path, name, (1,)), join.functions(text), ranges[path], table)

    assert at("kernel/twice.h", "twice", HEADER) == {"_start"}  # inlined
    assert at("kernel/main.c", "never", SOURCE) == {"never"}
    assert at("kernel/main.c", "absent", SOURCE) == frozenset()
    assert at("kernel/main.c", "", SOURCE) >= {"never", "unused_by_all", "_start"}  # the file's


def test_what_is_not_known_itself_is_looked_for_above(program: Path) -> None:
    texts = {"kernel/main.c": SOURCE}
    touched = [TouchedFunction("kernel/main.c", "never", (2,))]

    def find(reached: dict[str, frozenset[str]], noticed: list[str]) -> TouchedCode:
        (found,) = where.changes(touched, texts.__getitem__, where.BaseKernel(program), reached, noticed)
        return found

    assert find({"cell": frozenset({"unused_by_all"})}, []).symbols == {"never", "unused_by_all"}
    assert find({"cell": frozenset({"never", "unused_by_all"})}, []).symbols == {"never"}
    assert find({}, ["_start"]).symbols == {"never", "_start"}
    assert find({}, []).symbols == {"never"}


def test_a_kernel_without_line_tables_leaves_the_names(tmp_path: Path) -> None:
    touched = [TouchedFunction("kernel/main.c", "never", (2,))]
    found = where.changes(touched, lambda _: SOURCE, where.BaseKernel(tmp_path), {}, [])
    assert found == [TouchedCode("never", frozenset(), (2,))]


def test_what_cells_reach_is_kept(program: Path, tmp_path: Path) -> None:
    _, _, table = covered(program, tmp_path)
    cache = Store(tmp_path / "cache")
    assert reached.load(cache) == {}
    reached.remember(cache, {"one": counts.read(tmp_path / "t")}, table)
    both = reached.remember(cache, {"two": counts.read(tmp_path / "t")}, table)
    assert both == reached.load(cache) == {"one": frozenset({"_start"}), "two": frozenset({"_start"})}
    (cache.root / reached.FILE).write_text('{"format": 1, "one": ["f"]}')
    assert reached.load(cache) == {}
    (cache.root / reached.FILE).write_text("rubbish")
    assert reached.load(cache) == {}


def test_nothing_executed_covers_nothing(program: Path, tmp_path: Path) -> None:
    table = symbols.load(program / "System.map")
    (tmp_path / "t").write_bytes(traced(table.start, table.end, []))
    ranges = dwarf_lines.load(program / "vmlinux", ["kernel/main.c"])
    found = join.join(tree_of(program), ["kernel/main.c"], ranges, {"one": counts.read(tmp_path / "t")})
    assert (found.covered, found.share) == (0, 0.0)
    assert found.executable > 5


def test_suggestions_follow_callers_to_what_is_known(program: Path, tmp_path: Path) -> None:
    coverage, ranges, table = covered(program, tmp_path)
    graph = callers.callers(program / "vmlinux", table)
    assert graph["never"] == {"unused_by_all"}
    assert "_start" in graph["unused_by_all"]
    assert graph["by_pointer"] == {"_start"}  # takes its address
    seen_here = {coverage.cells[0]: {"unused_by_all"}}
    (own, *_) = suggest.suggest(coverage, ranges, table, graph, seen_here, {}, [])
    assert own.what == ()  # a cell that ran and did not reach it is no advice
    assert ("kernel/main.c", "never") in suggest.unreached(coverage)
    reached = {"other-cell": {"unused_by_all"}}
    hints = {hint.function: hint for hint in suggest.suggest(coverage, ranges, table, graph, reached, {}, [])}
    assert hints["never"].what == ("other-cell",)
    assert hints["never"].why == "unused_by_all -> never"
    operations = {"unused_by_all": ["ipas2e1is"]}
    hints = {
        hint.function: hint for hint in suggest.suggest(coverage, ranges, table, graph, {}, operations, [])
    }
    assert hints["never"].what == ("nvh-tlbi ipas2e1is at l1 (a scenario of your own)",)
    assert "operations ipas2e1is" in hints["never"].why
    (blind, *_) = suggest.suggest(coverage, ranges, table, {}, {}, {}, [])
    assert blind.what == ()
    assert "no other cell is known to reach" in blind.why


def test_cells_that_execute_an_operation(program: Path, tmp_path: Path) -> None:
    coverage, ranges, table = covered(program, tmp_path)
    cells = find_cells([SCENARIOS / "tlbi"], [], NO_OVERRIDES)
    for operation, scenario in (("ipas2e1is", "tlbi-ipas2[op=ipas2e1is]"), ("alle2", "tlbi-el2")):
        operations = {"never": [operation]}
        hints = suggest.suggest(coverage, ranges, table, {}, {}, operations, cells)
        assert scenario in next(hint.what for hint in hints if hint.function == "never")


def test_handlers_of_tlbi_operations() -> None:
    source = "\tSYS_INSN(TLBI_IPAS2E1IS, handle_ipas2e1is),\n\tSYS_INSN(TLBI_IPAS2LE1, handle_ipas2e1is),\n"
    source += "\tSYS_INSN(TLBI_NONSENSE, handle_x),\n\tSYS_INSN(AT_S1E1R, handle_at),\n"
    assert suggest.handlers(source) == {"handle_ipas2e1is": ["ipas2e1is", "ipas2le1"]}


def test_functions_by_the_look_of_the_source() -> None:
    text = "static bool\nhandle(struct x *x,\n       int y)\n{\n\treturn f(x);\n}\n\n"
    text += "TRACE_EVENT(kvm_nv,\n\tTP_ARGS(a)\n);\nint z;\n"
    text += "DEFINE_PER_CPU(struct held, held);\nDECLARE_KVM_NVHE_PER_CPU(u64, each);\n"
    found = join.functions(text)
    assert [found[n] for n in (2, 3, 5, 8, 9, 11)] == ["handle", "handle", "handle", "kvm_nv", "kvm_nv", ""]
    assert [found[n] for n in (12, 13)] == ["", ""]


COST = struct.pack("<IIII8Q", 0xD50C8420, 1, 0xB, 0, 3, 300, 90, 120, 3, 1, 1, 6)


def test_the_plugins_file(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(traced(0x1000, 0x1080, [0x1000, 0x107C], COST, 1))
    found = counts.read(path)
    assert list(found.addresses()) == [0x1000, 0x107C]
    assert found.has(0x1000, 0x1004)
    assert found.has(0x1070, 0x2000)
    assert not found.has(0x1004, 0x107C)
    assert found.has(0x107C, 0x107C)  # a row without a length has the instruction at its address
    (cost,) = found.costs
    assert (cost.word, cost.from_l1, cost.count, cost.insns_min, cost.tlbis) == (0xD50C8420, True, 3, 90, 6)
    assert cost.operand == 0xB


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "was not written by"),
        (b"x" * 0x80010, "was not written by"),
        (traced(0x1000, 0x1080, [])[:-1], "does not fit"),
    ],
)
def test_a_file_that_is_not_the_plugins(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "t").write_bytes(data)
    with pytest.raises(InfraError, match=message):
        counts.read(tmp_path / "t")
    with pytest.raises(InfraError, match="did not load"):
        counts.read(tmp_path / "none")
