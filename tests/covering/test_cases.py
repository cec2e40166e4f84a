# SPDX-License-Identifier: GPL-2.0-only
"""The lines of ``nvh-litmus --describe``, and --cases."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.covering.cases import FACTORS, KEYS, CoveringCase, parse
from harness.errors import InputError

LINE = (
    "case=s2-unmap/ripas2e1is/4k/2m-from-start/scale1-num0/ttl op=ripas2e1is regime=el1&0-stage2 granule=4k "
    "scope=is l1=vhe size=2m position=0 hint=1 scale=1 num=0 variant=0 place=0 el0=0 tge=0 nv=0 ds=0 "
    "role=own cpus=1 beside=none pes=0 walks=none obliged=yes vm=1+2"
)


def test_a_line() -> None:
    (case,) = parse(LINE, "here")
    assert tuple(case.words) == KEYS
    assert tuple(sorted(case.factors)) == tuple(sorted(FACTORS))
    assert (case.family, case.vm, case.obliges) == ("s2-unmap", "1+2", True)
    assert case.place == ("ripas2e1is", "el1&0-stage2", "4k")
    assert case.factors["operation"] == "ipas2e1"
    assert case.factors["operand"] == "ipa-range"


def test_a_trap_takes_nothing_away() -> None:
    (case,) = parse(LINE.replace("obliged=yes", "obliged=direct"), "here")
    assert case.obliges
    assert case.place is None


@pytest.mark.parametrize(
    "bad", [LINE.replace(" hint=1", ""), LINE.replace("op=ripas2e1is", "op=nothing"), "hello"]
)
def test_what_is_no_case_is_named_with_its_line(bad: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(f"{LINE}\n{bad}\n", "here")
    assert str(caught.value).startswith("here:2")


def test_every_case_describes_itself(cases: list[CoveringCase], lister: Path) -> None:
    named = subprocess.run([lister, "--list"], check=True, capture_output=True, text=True).stdout.split()
    assert [case.name for case in cases] == named
    assert len(set(named)) == len(named) > 20000
    assert len({(case.family, *case.factors.items(), case.words["beside"]) for case in cases}) == len(
        cases
    ), "the words tell any two cases of a family apart"


def test_a_file_of_names_is_run_in_its_order(cases: list[CoveringCase], lister: Path, tmp_path: Path) -> None:
    wanted = [case for case in cases if not case.name.startswith("provoke-")][::997][::-1]
    chosen = tmp_path / "cases"
    chosen.write_text("# a comment\n\n" + "".join(f"{case.name} and more\n" for case in wanted))
    command = [str(lister), "--cases", str(chosen), "--list"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    vms = list(dict.fromkeys(case.vm for case in wanted))
    assert len(vms) > 2
    assert found == [case.name for vm in vms for case in wanted if case.vm == vm]


def test_who_leaves_early_says_the_same(lister: Path, tmp_path: Path) -> None:
    """The host has no arm64 KVM: what is said about that, and the status, come from the child."""
    chosen = tmp_path / "cases"
    chosen.write_text("s2-unmap/ipas2e1/4k/4k-first/no-ttl\n")
    words = [str(lister), "--cases", str(chosen)]
    waits = subprocess.run(words, check=False, capture_output=True, text=True)
    leaves = subprocess.run([*words, "--leave"], check=False, capture_output=True, text=True)
    assert (leaves.returncode, leaves.stderr, leaves.stdout) == (3, waits.stderr, waits.stdout)
    assert "KVM offers no EL2" in leaves.stderr


def test_a_name_that_no_case_has(lister: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "cases"
    chosen.write_text("s2-unmap/ipas2e1/4k/4k-first/no-ttl\nnonsense\n")
    done = subprocess.run([lister, "--cases", chosen, "--list"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no selected case is called nonsense" in done.stderr
    assert (
        subprocess.run([lister, "--cases", tmp_path / "gone"], check=False, capture_output=True).returncode
        == 2
    )
