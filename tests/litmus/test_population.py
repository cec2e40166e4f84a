# SPDX-License-Identifier: GPL-2.0-only
"""What a run consisted of: counted by the payload's own code, read, and held against a table."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.arch.header import write_headers
from harness.check.finding import RunResult
from harness.errors import InputError
from harness.host.paths import IMAGES, SCENARIOS
from harness.litmus import counted, populations
from harness.litmus.population import STATUS_LOST, case_hash, contradictions, parse_population
from harness.litmus.population import populations as told
from harness.litmus.populations import ExpectedPopulation, Key, expected_of
from harness.scenario.language import Cell
from harness.scenario.load import load_file
from harness.verdict import Verdict
from tests.conftest import need
from tests.scenario.names import VOCABULARY

HERE = Path(__file__).parent
RECORDED = (HERE / "population" / "trap-ttlbis.stdout").read_text()
"""Of a real run of litmus-trap[family=trap-ttlbis]: 60 cases, 20 that trap and 40 that need not."""
PAYLOADS = IMAGES / "payloads"
Count = Callable[[str], str]
RUN = "litmus"
SCENARIO = """\
scenario: mine
summary: Counts.
claims: [nv-tlbi-v8.7]
steps:
  - boot: l0
  - run: nvh-litmus --case 'trap-ttlb/*'
    on: l0
    name: litmus
expect:
  - result: all-passed
    of: litmus
"""


@pytest.fixture(scope="module")
def count(tmp_path_factory: pytest.TempPathFactory) -> Count:
    """The payload's own counting, on this machine."""
    need("gcc", "gcc")
    work = tmp_path_factory.mktemp("population")
    write_headers(work)
    words = [
        "gcc",
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-D_GNU_SOURCE",
        "-o",
        str(work / "population"),
    ]
    words += [f"-I{place}" for place in (PAYLOADS / "litmus", PAYLOADS / "lib", PAYLOADS / "arch", work)]
    sources = [HERE / "population.c", PAYLOADS / "litmus" / "host" / "population.c"]
    subprocess.run([*words, *map(str, sources)], check=True, timeout=60)
    return lambda text: (
        subprocess.run(
            [work / "population"], input=text, capture_output=True, text=True, check=True, timeout=10
        ).stdout
    )


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    return load_file(tmp_path / "mine.yaml", VOCABULARY)[0]


def key(cell: Cell, **changes: str) -> Key:
    return dataclasses.replace(Key(cell.id, "qemu", "nv", RUN), **changes)


def row(text: str = RECORDED) -> ExpectedPopulation:
    return expected_of(told(text)[0])


def found(cell: Cell, text: str, table: populations.Table) -> tuple[Verdict, str]:
    """The one finding on an output."""
    (each,) = counted.findings(cell, {RUN: RunResult(0, text)}, table)
    assert (each.name, each.kind, each.where.split(":")[1]) == ("population", "population", "6")
    return each.verdict, each.message


def altered(**words: object) -> str:
    """The recorded output with other words in its population, and without its cases."""
    line = next(line for line in RECORDED.splitlines() if line.startswith("population="))
    for name, value in words.items():
        line, times = re.subn(rf"\b{name}=\S+", f"{name}={value}", line)
        assert times == 1, name
    return line + "\n"


# --- the payload counts


def test_the_payload_counts_each_outcome(count: Count) -> None:
    """Each verdict and each control once, the attempts, and what was not reached."""
    text = (
        "a/1 pass stale-seen 1 1\n"
        "a/2 fail stale-seen 1 15\n"
        "a/3 pass direct 1 1\n"
        "a/4 pass not-observable 1 1\n"
        "a/5 pass stale-seen 0 1\n"
        "a/6 vacuous lost 1 16 stale=0 lost=1\n"
        'a/7 hang none 0 1 why="x y"\n'
        "a/8 unable-to-fail stale-seen 1 16\n"
        "a/9 not-applicable none 0 0 why=no-FEAT_XS\n"
        "b/1 not-applicable none 0 0 why=no-FEAT_XS\n"
        "b/2 not-applicable none 0 0 why=no-FEAT_NV2\n"
        "select b/3\n"
    )
    seen = parse_population(count(text).strip())
    assert (seen.selected, seen.run, seen.cut, seen.judged) == (12, 11, 1, 5)
    assert (seen.passed, seen.failed, seen.vacuous, seen.unable_to_fail, seen.not_applicable) == (
        4,
        2,
        1,
        1,
        3,
    )
    assert (seen.seen, seen.direct, seen.unobservable, seen.free) == (2, 1, 1, 1)
    assert (seen.lost, seen.worst, seen.worst_case) == (44, 16, "a/6")
    assert seen.reasons == {"no-FEAT_XS": 2, "no-FEAT_NV2": 1}
    assert seen.names == case_hash([*(f"a/{n}" for n in range(1, 10)), "b/1", "b/2", "b/3"])
    assert seen.features == "pages-4k,cpus-2,TLBIOS,TLBIRANGE,XS,E2H0,s2-4k,s2-64k"
    assert list(contradictions(seen, "")) == []


def test_names_in_another_order_are_the_same_and_other_names_are_not(count: Count) -> None:
    names = [
        parse_population(count(text).strip()).names
        for text in ("select x\nselect y\n", "select y\nselect x\n")
    ]
    assert names == [case_hash(["x", "y"])] * 2
    assert case_hash(["x", "z"]) not in names


# --- good


def test_the_recorded_run_is_what_its_row_says(cell: Cell) -> None:
    verdict, message = found(cell, RECORDED, {key(cell): row()})
    assert verdict is Verdict.PASS
    assert message == "litmus: 60 of 60 selected cases judged, 0 seen, 20 direct, 0 unobservable, 40 free"


def test_a_table_read_is_the_table_written(tmp_path: Path, cell: Cell) -> None:
    seen = parse_population(altered(reasons="no-FEAT_XS:3,too-few-CPUs-at-L0:1").strip())
    timed = dataclasses.replace(row(), program="nvh-kvm", iterations=None)
    table = {key(cell): row(), key(cell, run="b"): expected_of(seen), key(cell, run="t"): timed}
    populations.write(table, tmp_path / "t.csv")
    assert populations.read(tmp_path / "t.csv") == table
    assert populations.read(tmp_path / "none.csv") == {}


def test_a_table_with_mistakes_names_each_line(tmp_path: Path, cell: Cell) -> None:
    path = tmp_path / "t.csv"
    populations.write({key(cell): row()}, path)
    head, good = path.read_text().splitlines()
    path.write_text("\n".join([head, good, good, "a,b", good.replace(",60,", ",sixty,", 1)]) + "\n")
    with pytest.raises(InputError) as error:
        populations.read(path)
    assert [problem.where.line for problem in error.value.problems] == [3, 4, 5]
    path.write_text("a,b\n")
    with pytest.raises(InputError, match="the columns"):
        populations.read(path)


# --- bad

MANY = {n: {"selected": n, "run": n, "judged": n, "passed": n, "names": "0" * 16} for n in (59, 61)}


def test_a_broken_feature_probe_is_red(cell: Cell) -> None:
    """All cases not applicable, exit status aside; and a part of them."""
    none = altered(
        judged=0, passed=0, direct=0, free=0, not_applicable=60, lost=0, worst=0, reasons="no-FEAT_TLBIOS:60"
    )
    verdict, message = found(cell, none, {key(cell): row()})
    assert verdict is Verdict.FAIL
    assert "60 not applicable because no-FEAT_TLBIOS, the table has 0: a feature is gone" in message
    assert "no case was judged" in message
    part = altered(judged=40, passed=40, free=20, not_applicable=20, reasons="no-FEAT_XS:20")
    verdict, message = found(cell, part, {key(cell): row()})
    assert (verdict, message.count(";")) == (Verdict.FAIL, 1)


def test_a_run_of_which_nothing_is_judged_is_vacuous_without_a_table(cell: Cell) -> None:
    none = altered(judged=0, passed=0, direct=0, free=0, not_applicable=60, reasons="no-FEAT_XS:60")
    assert found(cell, none, {})[0] is Verdict.VACUOUS


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({**MANY[59], "free": 39}, "cases lost: 59"),
        ({"names": "0" * 16}, "as many cases as in the table and not the same"),
        ({**MANY[61], "free": 41}, counted.UPDATE),
        ({"run": 50, "cut": 10, "judged": 50, "passed": 50, "free": 30}, "cut short: 10 of 60"),
        ({"judged": 58, "passed": 58, "vacuous": 2, "direct": 18}, "2 cases ended without a judgement"),
        ({"direct": 10, "unobservable": 10}, "10 unobservable, the table has 0: less is shown"),
        ({"direct": 30, "free": 30}, counted.UPDATE),
    ],
)  # fmt: skip
def test_fewer_and_more_are_red(cell: Cell, words: dict[str, object], told: str) -> None:
    verdict, message = found(cell, altered(**words), {key(cell): row()})
    assert verdict is Verdict.FAIL
    assert told in message


def test_controls_that_a_starved_model_lost_are_undecided(cell: Cell) -> None:
    """One vCPU stood still while the other went on: nothing follows. What did not run is lost anyway."""
    table = {key(cell): row()}
    lost = altered(judged=58, passed=58, vacuous=2, direct=18)
    (each,) = counted.findings(cell, {RUN: RunResult(1, lost)}, table, starved=True)
    assert (each.verdict, "2 cases ended without a judgement" in each.message) == (Verdict.UNDECIDED, True)
    for words in ({"judged": 57, "passed": 57, "vacuous": 2, "direct": 17}, {**MANY[59], "free": 39}):
        (each,) = counted.findings(cell, {RUN: RunResult(1, altered(**words))}, table, starved=True)
        assert each.verdict is Verdict.FAIL, words


def test_a_run_that_did_not_get_to_its_end_is_red(cell: Cell) -> None:
    """Its cases so far all passed."""
    text = "".join(line for line in RECORDED.splitlines(keepends=True) if line.startswith("case="))
    verdict, message = found(cell, text, {key(cell): row()})
    assert (verdict, "did not get to its end; 60 cases were expected" in message) == (Verdict.FAIL, True)


def test_a_run_that_did_not_end_is_red(cell: Cell) -> None:
    """A background run that the cell's end killed."""
    (each,) = counted.findings(cell, {}, {key(cell): row()})
    assert (each.name, each.verdict) == ("population", Verdict.FAIL)
    assert counted.findings(cell, {}, {}) == []


def test_a_users_copy_of_a_shipped_scenario_is_not_held_against_its_table(cell: Cell) -> None:
    """Under the same name with other cases."""
    copy = dataclasses.replace(cell, id="litmus-trap[family=trap-ttlbis]")
    fewer = {RUN: RunResult(0, altered(selected=59, run=59, judged=59, passed=59, free=39))}
    (each,) = counted.findings(copy, fewer)
    assert (each.verdict, "nothing is known" in each.message) == (Verdict.PASS, True)
    ours = dataclasses.replace(copy, path=str(SCENARIOS / "forwarding" / "litmus-trap.yaml"))
    (each,) = counted.findings(ours, fewer)
    assert (each.verdict, "cases lost: 59" in each.message) == (Verdict.FAIL, True)


def test_a_control_lost_fifteen_times_of_sixteen_is_undecided(cell: Cell) -> None:
    """It held at last, so the case passed; nothing but the attempts tells."""
    for table in ({key(cell): row()}, {}):
        verdict, message = found(cell, altered(lost=15, worst=16, worst_case="trap-ttlb/x"), table)
        assert verdict is Verdict.UNDECIDED
        assert "the control of trap-ttlb/x was lost 15 times of 16" in message


def test_controls_lost_all_over_are_undecided(cell: Cell) -> None:
    assert found(cell, altered(lost=15, worst=2), {key(cell): row()})[0] is Verdict.PASS
    assert found(cell, altered(lost=16, worst=2), {key(cell): row()})[0] is Verdict.UNDECIDED


def test_a_line_that_contradicts_itself_or_its_cases_is_red(cell: Cell) -> None:
    table = {key(cell): row()}
    wrong = RECORDED.replace("obliged=yes control=direct", "obliged=yes control=not-observable", 1)
    verdict, message = found(cell, wrong, table)
    assert (verdict, "but the cases printed make" in message) == (Verdict.FAIL, True)
    other = RECORDED.replace("case=trap-ttlbis/", "case=trap-TTLBIS/", 1)
    assert "names=" in found(cell, other, table)[1]
    for words in ({"passed": 59}, {"judged": 59}, {"cut": 1}, {"not_applicable": 1}):
        assert "contradicts itself" in found(cell, altered(**words), table)[1], words
    assert found(cell, "population=nvh-litmus selected=1\n", table)[0] is Verdict.FAIL


# --- whose row


def test_a_foreign_model_or_kernel_is_held_against_the_reference_with_the_same_features(cell: Cell) -> None:
    stack = dataclasses.replace(cell.stack, model="/home/me/model.yaml")
    foreign = dataclasses.replace(cell, stack=stack)
    table = {key(cell): row(), key(cell, model="qemu-10.0"): dataclasses.replace(row(), judged=9)}
    verdict, message = found(foreign, RECORDED, table)
    assert verdict is Verdict.PASS
    assert "held against qemu with nv, where L1 has the same features" in message
    assert found(foreign, altered(judged=59, passed=59, free=39, vacuous=1), table)[0] is Verdict.FAIL


def test_of_other_features_nothing_is_known_and_that_is_said(cell: Cell) -> None:
    foreign = dataclasses.replace(cell, stack=dataclasses.replace(cell.stack, model="/home/me/model.yaml"))
    less = altered(
        features="pages-4k,cpus-2,TLBIOS", judged=40, passed=40, free=20, not_applicable=20, reasons="a:20"
    )
    verdict, message = found(foreign, less, {key(cell): row()})
    assert verdict is Verdict.PASS
    assert "nothing is known of what to expect" in message
    assert "20 not applicable (a)" in message


def test_a_shipped_cell_without_a_row_is_undecided(cell: Cell) -> None:
    ours = dataclasses.replace(cell, path=str(SCENARIOS / "forwarding" / "mine.yaml"))
    verdict, message = found(ours, RECORDED, {})
    assert (verdict, "no row for mine on qemu with nv" in message) == (Verdict.UNDECIDED, True)
    foreign = dataclasses.replace(ours, stack=dataclasses.replace(ours.stack, model="/home/me/model.yaml"))
    assert found(foreign, RECORDED, {})[0] is Verdict.PASS


def test_a_deliberately_wrong_kernel_has_no_finding(cell: Cell) -> None:
    wrong = dataclasses.replace(cell, mutant="x")
    assert counted.findings(wrong, {RUN: RunResult(1, altered(judged=1))}, {key(cell): row()}) == []


def test_each_population_of_a_run_has_a_row(cell: Cell) -> None:
    """A loop in the shell: the second one is short."""
    table = {key(cell): row(), key(cell, run=f"{RUN}#2"): row()}
    text = altered() + altered(judged=59, passed=59, free=39, vacuous=1)
    each = counted.findings(cell, {RUN: RunResult(0, text)}, table)
    assert [(f.name, f.verdict) for f in each] == [
        (f"population-{RUN}", Verdict.PASS),
        (f"population-{RUN}#2", Verdict.FAIL),
    ]


# --- nvh-kvm

KVM = (
    "population=nvh-kvm selected=1 run=1 cut=0 judged=1 passed=1 failed=0 vacuous=0 iterations={made} "
    "asked={asked} names=00000000000000aa settings=vcpus-1,pages-256,vms-8\n"
)


def test_iterations_of_nvh_kvm_are_counted(cell: Cell) -> None:
    table = {key(cell): row(KVM.format(made=3, asked=3))}
    assert found(cell, KVM.format(made=3, asked=3), table)[0] is Verdict.PASS
    assert "2 iterations, the table has 3" in found(cell, KVM.format(made=2, asked=3), table)[1]
    assert counted.UPDATE in found(cell, KVM.format(made=4, asked=4), table)[1]
    other = KVM.format(made=3, asked=3).replace("pages-256", "pages-1")
    assert "run with vcpus-1,pages-1" in found(cell, other, table)[1]


def test_iterations_that_a_time_ends_are_not(cell: Cell) -> None:
    table = {key(cell): row(KVM.format(made=17, asked=1000))}
    assert found(cell, KVM.format(made=5, asked=1000), table)[0] is Verdict.PASS
    assert found(cell, KVM.format(made=0, asked=1000), table)[0] is Verdict.FAIL


@pytest.mark.parametrize(
    ("cases", "status"),
    [
        ("a pass stale-seen 1 1\nb not-applicable - 0 0 none\n", 0),
        ("a pass stale-seen 1 1\nb vacuous lost 1 16\n", STATUS_LOST),
        ("a vacuous lost 1 16\n", STATUS_LOST),
        ("a vacuous lost 1 16\nb fail stale-seen 1 1\n", 1),
        ("a vacuous lost 1 16\nb unable-to-fail direct 1 1\n", 1),
        ("a pass stale-seen 1 1\nb hang none 0 1\n", 1),
        ("a not-applicable - 0 0 none\n", 1),  # nothing passed
    ],
)
def test_lost_controls_have_a_status_of_their_own(count: Count, cases: str, status: int) -> None:
    assert count(cases).splitlines()[-1] == f"status={status}"
