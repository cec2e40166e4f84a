# SPDX-License-Identifier: GPL-2.0-only
"""The table of wrong models: the shipped one fits the patch, a damaged one is refused with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.artefacts.model_source import PATCH
from harness.check.answers import GROUPS
from harness.errors import InputError, UserError
from harness.host.paths import ROOT
from harness.mutants import faults
from harness.nightly.model.model_check import STEPS
from harness.scenario.mutants import choose

SHIPPED = faults.load()
TEXT = PATCH.read_text()
ADDED = "\n".join(line for line in TEXT.splitlines() if line.startswith("+"))


def test_the_table_has_the_faults_that_the_patch_has() -> None:
    named = re.findall(r'nvh_fault\("([^"]*)"\)', ADDED)
    assert set(named) == {fault.name for fault in SHIPPED if fault.by == faults.PATCH}


def test_the_patch_says_what_it_is_and_touches_the_cpu_its_tlb_and_its_gic_alone() -> None:
    assert TEXT.startswith("SPDX-License-Identifier: GPL-2.0-only\nSubject: ")
    touched = re.findall(r"^\+\+\+ (\S+)", TEXT, re.M)
    assert touched
    places = ("b/accel/tcg/cputlb.c", "b/hw/intc/arm_gicv3_", "b/target/arm/")
    assert all(name.startswith(places) for name in touched)
    removed = [line for line in TEXT.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert len(removed) < len(SHIPPED) / 2  # a fault is beside the right code, which stays


def test_there_are_enough_of_each_kind() -> None:
    assert len(SHIPPED) >= 45
    for kind, names in {
        "stage 2 kept": {"ipas2e1is-nothing", "ripas2-nothing", "vmalls12e1is-local", "vmid-not-of-walks"},
        "syndromes": {"s1ptw-not-set", "level-always-3", "hpfar-40-bits", "vncr-wnr-not-set"},
        "permissions": {"stage2-af-ignored", "xn-exchanged"},
        "addresses": {"tbi-ignored", "va-47", "range-ds-ignored", "range-below-4-gib"},
        "others": {"fb-ignored", "s12-stage1-only", "vbar-lost", "eret-not-trapped"},
    }.items():
        assert names <= {fault.name for fault in SHIPPED}, kind


def test_steps_are_those_of_the_check_that_need_no_kernel() -> None:
    assert tuple(step.name for step in STEPS if not step.kernel) == faults.STEPS


def test_places_are_functions() -> None:
    for fault in SHIPPED:
        assert re.fullmatch(r"\w+\(\)", fault.at), fault.name


BAD = [
    ("{fault: a, wrong: w, at: f()}", "with neither; expected either seen-by"),
    ("{fault: a, wrong: w, at: f(), seen-by: hunt, survives: s}", "with both; expected either seen-by"),
    ("{fault: none, wrong: w, at: f(), seen-by: hunt}", "the correct model's name"),
    ("{fault: a, wrong: w, at: f(), seen-by: stack}", "stack"),
    ("{fault: a, wrong: w, at: f(), seen-by: hunt, by: plugin}", "by"),
    (
        "{fault: a, wrong: w, at: f(), seen-by: hunt, inject: {at: [MSR HCR_EL2]}}",
        "an injection with only 'at'",
    ),
    ("{fault: a, wrong: w, at: f(), seen-by: hunt, inject: {at: [MSR X_EL2], loses: 1}}", "'MSR X_EL2'"),
    ("{fault: a, wrong: w, at: f(), seen-by: hunt, inject: {at: [TLBI X*], loses: 1}}", "'TLBI X*'"),
    (
        "{fault: a, wrong: w, at: f(), seen-by: hunt, inject: {at: [MSR HCR_EL2], loses: 1, hides: 1}}",
        "both 'loses' and 'hides'",
    ),
    ("{fault: a, wrong: w, seen-by: hunt}", "at"),
]


@pytest.mark.parametrize(("row", "why"), BAD)
def test_a_wrong_row_is_refused(row: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "table.yaml"
    file.write_text(f"faults:\n  - {row}\n")
    with pytest.raises(InputError, match=re.escape(why)) as caught:
        faults.load(file)
    assert f"{file}:2:" in str(caught.value)


def test_a_second_row_of_a_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "table.yaml"
    row = "  - {fault: a, wrong: w, at: f(), seen-by: hunt}\n"
    file.write_text("faults:\n" + 2 * row)
    with pytest.raises(InputError, match="a second fault 'a'") as caught:
        faults.load(file)
    assert f"{file}:3:" in str(caught.value)


def test_choose() -> None:
    first = SHIPPED[0]
    assert choose(SHIPPED, [], "fault") == SHIPPED
    assert choose(SHIPPED, [first.name], "fault") == (first,)
    with pytest.raises(UserError, match=f"did you mean '{first.name}'"):
        choose(SHIPPED, [f"{first.name}s"], "fault")


PAGE = (ROOT / "docs/model-check.md").read_text()


def test_the_documentation_has_the_table() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| .* \| `\w+\(\)` \| (killed|survived) \| ([a-z-]*) ?\| [0-9]+ \| (.+) \|$",
        PAGE,
        re.M,
    )
    said = {name: (fate, step) for name, fate, step, _ in rows}
    assert said == {f.name: ("survived" if f.survives else "killed", f.seen_by) for f in SHIPPED}
    for fault in SHIPPED:
        assert f"| {fault.wrong} | `{fault.at}` |" in PAGE, fault.name
        assert fault.survives in PAGE


def test_the_documentation_has_each_group_of_questions_and_the_sum() -> None:
    section = PAGE.partition("## What is asked\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z0-9]+)` \| .* \| ([0-9]+) \|$", section, re.M)
    assert [name for name, _ in rows] == list(GROUPS)
    (total,) = re.findall(r"^Together ([0-9,]+)\.", section, re.M)
    assert sum(int(count) for _, count in rows) == int(total.replace(",", ""))
