# SPDX-License-Identifier: GPL-2.0-only
"""A fault of nv-mutants as a patch: its hunks alone, the others off, and what they need."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.accept.selection import touched
from harness.accept.selection.posed import SERIES, FaultyFile, PosedFaults
from harness.errors import UserError
from harness.scenario import mutants

PATH = "arch/arm64/kvm/a.c"
BEFORE = """\
#include <a.h>

static int first(int x)
{
	flush(x);
	return x;
}

static int second(int y)
{
	if (y > 1)
		return 1;
	sync();
	return 0;
}
"""
AFTER = """\
#include <a.h>
#include <asm/kvm_mutant.h>

static int first(int x)
{
	if (!kvm_mutant(no_flush))
		flush(x);
	return x;
}

static bool is_odd(int y)
{
	return y & 1;
}

static int second(int y)
{
	if (y > 1 && !kvm_mutant(never) && !(kvm_mutant(odd_only) && !is_odd(y)))
		return 1;
	if (!kvm_mutant(no_sync))
		sync();
	return 0;
}
"""


@pytest.fixture
def faults(tmp_path: Path) -> PosedFaults:
    for name, text in (("before", BEFORE), ("after", AFTER)):
        (tmp_path / name).write_text(text)
    words = ["git", "diff", "--no-index", "-U0", "--no-renames", "before", "after"]
    diff = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    return PosedFaults({PATH: FaultyFile(BEFORE, AFTER, tuple(touched.hunks(diff)))})


def test_a_fault_is_its_own_lines_and_no_others(faults: PosedFaults) -> None:
    assert faults.posed("no-flush") == {PATH: BEFORE.replace("\tflush(x);", "\tif (!true)\n\t\tflush(x);")}
    assert faults.posed("no-sync")[PATH] == BEFORE.replace("\tsync();", "\tif (!true)\n\t\tsync();")


def test_faults_that_share_a_line_are_told_apart_and_bring_what_they_call(faults: PosedFaults) -> None:
    never, odd = faults.posed("never")[PATH], faults.posed("odd-only")[PATH]
    assert "if (y > 1 && !true && !(false && !is_odd(y)))" in never
    assert "if (y > 1 && !false && !(true && !is_odd(y)))" in odd
    assert "static bool is_odd" in odd
    assert "if (!" not in odd  # of the others nothing
    assert not re.search("kvm_mutant", never + odd)


def test_the_patch_applies_and_gives_the_fault(faults: PosedFaults, tmp_path: Path) -> None:
    file = tmp_path / "tree" / PATH
    file.parent.mkdir(parents=True)
    file.write_text(BEFORE)
    patch = faults.patch("no-sync", "nothing waits")
    assert patch.startswith("A deliberate fault, no-sync: nothing waits.\n")
    subprocess.run(["git", "apply", "-p1", "-"], cwd=tmp_path / "tree", input=patch, text=True, check=True)
    assert file.read_text() == faults.posed("no-sync")[PATH]
    assert [str(each) for each in faults.touches("no-sync")] == ["second()"]


def test_a_brace_that_another_faults_lines_close_brings_those_with_it(tmp_path: Path) -> None:
    before = "int f(int x)\n{\n\tif (x)\n\t\tg();\n\th();\n}\n"
    after = before.replace("(x)\n", "(x && !kvm_mutant(never)) {\n").replace(
        "g();\n", "g();\n\t\tif (kvm_mutant(twice))\n\t\t\tg();\n\t}\n"
    )
    for name, text in (("before", before), ("after", after)):
        (tmp_path / name).write_text(text)
    words = ["git", "diff", "--no-index", "-U0", "before", "after"]
    diff = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    found = PosedFaults({PATH: FaultyFile(before, after, tuple(touched.hunks(diff)))})
    for name in ("never", "twice"):
        text = found.posed(name)[PATH]
        assert text.count("{") == text.count("}") == 2
        assert text.count("true") == text.count("false") == 1


def test_a_fault_that_is_not_there_is_refused(faults: PosedFaults) -> None:
    with pytest.raises(UserError, match=r"no fault no-such-fault; see nvh mutants --list"):
        faults.posed("no-such-fault")


def test_each_row_of_the_table_has_a_switch_in_the_series() -> None:
    text = "".join(path.read_text() for path in sorted(SERIES.glob("*.patch")))
    switches = set(re.findall(r"^\+.*?\bkvm_mutant\(\s*(\w+)\s*\)", text, re.M)) | set(
        re.findall(r"\bkvm_mutant\(\s*(\w+)\s*\)", text)
    )
    assert {row.name.replace("-", "_") for row in mutants.load()} <= switches
