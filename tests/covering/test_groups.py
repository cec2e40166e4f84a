# SPDX-License-Identifier: GPL-2.0-only
"""The shipped selection: what it has by construction, and that a case of no group is told."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from harness.covering import groups
from harness.covering.arrays import tuples, varying
from harness.covering.cases import CoveringCase
from harness.errors import InputError, UserError
from harness.host.paths import SCENARIOS

RULES = groups.load()


@pytest.fixture(scope="module")
def chosen(cases: list[CoveringCase]) -> dict[str, list[CoveringCase]]:
    return groups.choose_all(RULES, cases)


def families(cases: Iterable[CoveringCase]) -> dict[str, list[CoveringCase]]:
    found: dict[str, list[CoveringCase]] = defaultdict(list)
    for case in cases:
        found[case.family].append(case)
    return found


def lacking(all_of_it: Sequence[CoveringCase], has: Sequence[CoveringCase], strength: int) -> set[object]:
    """Combinations of values that cases have and the selection has not."""
    factors = varying([case.factors for case in all_of_it])
    wanted: set[object] = set().union(*(tuples(case.factors, factors, strength) for case in all_of_it))
    return wanted.difference(*(tuples(case.factors, factors, strength) for case in has))


def test_each_family_has_every_combination(
    cases: list[CoveringCase], chosen: dict[str, list[CoveringCase]]
) -> None:
    for group in RULES.groups:
        found = families(chosen[group.name])
        for family, each in families(groups.candidates(RULES, cases)[group.name]).items():
            obliging = [case for case in each if case.obliges]
            has = [case for case in found[family] if case.obliges]
            assert not lacking(obliging, has, group.strength) if obliging else found[family], family
            others = [case for case in each if not case.obliges]
            loose = [case for case in found[family] if not case.obliges]
            assert not others or not lacking(others, loose, 1), family


def test_the_check_sees_what_is_lacking(chosen: dict[str, list[CoveringCase]]) -> None:
    remote = [case for case in families(chosen["remote"])["s1-remote"] if case.obliges]
    assert lacking(remote, remote[1:], 3)
    assert not lacking(remote, remote, 3)


def test_every_operation_in_each_regime_with_each_granule(
    cases: list[CoveringCase], chosen: dict[str, list[CoveringCase]]
) -> None:
    """But what is red on the right kernel, and forms that qemu-v1 has not and that walk contexts."""
    has = {case.place for each in chosen.values() for case in each}
    may = {case.place for each in groups.candidates(RULES, cases).values() for case in each}
    assert may <= has
    left = {case.place for case in cases if not case.name.startswith("provoke-")} - has
    assert {
        place[0].removesuffix("nxs").removesuffix("os").removesuffix("is") for place in left if place
    } <= {
        "alle1",
        "vmalls12e1",
    }


def test_a_case_of_no_group_is_reported(cases: list[CoveringCase]) -> None:
    new = dataclasses.replace(cases[-1], name="s9-new/vae1/4k")
    with pytest.raises(UserError, match="has cases of s9-new"):
        groups.choose_all(RULES, [*cases, new])


def test_each_group_has_a_cell_and_each_defect_a_scenario(chosen: dict[str, list[CoveringCase]]) -> None:
    text = "".join(path.read_text() for path in (SCENARIOS / "covering").glob("*.yaml"))
    for group in chosen:
        assert f"covering/{group}" in text or f"{group}," in text or f"{group}]" in text, group
    for row in RULES.left_out:
        if "defect-" in row.why:
            name = row.why.partition("(")[2].rstrip(")")
            assert (SCENARIOS / "litmus" / f"{name}.yaml").exists(), name


def test_what_killed_most_comes_first(chosen: dict[str, list[CoveringCase]]) -> None:
    for each in chosen.values():
        kills = [RULES.kills.get(case.family, 0) for case in each]
        assert kills == sorted(kills, reverse=True)


def test_a_defect_of_the_rules_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "covering.yaml"
    path.write_text(groups.FILE.read_text().replace("strength: 3", "strenght: 3", 1))
    with pytest.raises(InputError, match=r"covering.yaml:\d+:\d+: .*strenght"):
        groups.load(path)
