# SPDX-License-Identifier: GPL-2.0-only
"""What good files mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError, Location, UserError
from harness.level import Level
from harness.scenario import defaults
from harness.scenario.language import (
    Absence,
    Boot,
    Cell,
    ConsoleCheck,
    Copy,
    EventPattern,
    Existence,
    LevelSpec,
    Limit,
    Mark,
    OracleCheck,
    Precedence,
    PythonCheck,
    Response,
    ResultCheck,
    Run,
    Scope,
    Sequence,
    Universality,
    WaitFor,
)
from harness.scenario.load import load_cell, load_file, load_paths, select, slug
from harness.scenario.patterns import patterns, scope_marks, scope_patterns
from harness.scenario.scenario import Overrides
from tests.scenario.names import HERE, MINIMAL, VOCABULARY

GOOD = HERE / "good"
EVERYTHING = GOOD / "everything.yaml"


def cells_of(text: str, tmp_path: Path) -> list[Cell]:
    file = tmp_path / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    return load_file(file, VOCABULARY)


def everything(cell_id: str = "everything[op=ipas2e1,granule=4k,cpus=1]") -> Cell:
    return load_cell(EVERYTHING, cell_id, VOCABULARY)


def test_defaults() -> None:
    (cell,) = load_file(GOOD / "minimal.yaml", VOCABULARY)
    assert cell.id == cell.scenario == "minimal"
    assert cell.path == str(GOOD / "minimal.yaml")
    assert (cell.claims, cell.params, cell.allow_vacuous) == ((), {}, False)
    assert cell.timeout == defaults.SCENARIO_TIMEOUT
    assert (cell.stack.model, cell.stack.timing) == ("qemu", "icount")
    assert cell.stack.levels == {
        Level.L0: LevelSpec("nv", "hypervisor", 2, 3072),
        Level.L1: LevelSpec("nv", "hypervisor", 2, 1024),
        Level.L2: LevelSpec("nv", "guest", 2, 256),
    }
    assert cell.steps == (Boot(Location(cell.path, 4, 5), defaults.STEP_TIMEOUTS["boot"], Level.L1),)
    pattern = EventPattern(Location(cell.path, 7, 9), "l0.tlbi", {})
    assert cell.expectations == (Existence(Location(cell.path, 6, 5), "seen", pattern, Scope(), ">= 1"),)


def test_matrix_order_exclude_include() -> None:
    assert [cell.id.removeprefix("everything") for cell in load_file(EVERYTHING, VOCABULARY)] == [
        "[op=ipas2e1,granule=4k,cpus=1]",
        "[op=ipas2e1,granule=4k,cpus=2]",
        "[op=ipas2e1,granule=64k,cpus=2]",
        "[op=ipas2e1is,granule=4k,cpus=1]",
        "[op=ipas2e1is,granule=4k,cpus=2]",
        "[op=ipas2e1is,granule=64k,cpus=2]",
        "[op=alle1,granule=4k,cpus=4]",
    ]


def test_include_with_a_partial_point_takes_the_lists(tmp_path: Path) -> None:
    text = MINIMAL + "matrix:\n  a: [1, 2]\n  b: [x, y]\n  exclude: [{a: 2}]\n  include: [{a: 3}]\n"
    params = [tuple(cell.params.values()) for cell in cells_of(text, tmp_path)]
    assert params == [(1, "x"), (1, "y"), (3, "x"), (3, "y")]


def test_stack_and_head() -> None:
    cell = everything()
    assert cell.summary == "Every construct of the language, for ipas2e1 with 4k."
    assert cell.claims == ("nv-tlbi-v8.6", "nv-tlbi-v8.maz.block-size")
    assert (cell.stack.model, cell.stack.timing, cell.allow_vacuous, cell.timeout) == (
        "qemu-10",
        "mttcg",
        True,
        1200.0,
    )
    assert cell.stack.levels[Level.L0] == LevelSpec("debian", "hypervisor", 4, 4096)
    assert cell.stack.levels[Level.L1] == LevelSpec("nv", "hypervisor", 1, 1536, "arm64.nompam 4k")


def test_steps() -> None:
    cell = everything()
    head, tail = cell.steps[:6], cell.steps[6:]
    assert [type(step) for step in head] == [Boot, Mark, Boot, Copy, Run, Run]
    boot, copy, loop, storm = head[2], head[3], head[4], head[5]
    assert isinstance(boot, Boot)
    assert (boot.level, boot.mark, boot.timeout) == (Level.L2, "boot", 300.0)
    assert isinstance(copy, Copy)
    assert (copy.level, copy.to_level, copy.target) == (Level.L1, True, "/tmp/minimal.yaml")
    assert copy.source == str(GOOD / "minimal.yaml")
    assert isinstance(loop, Run)
    assert loop.command == "for x in 1 2; do\n  echo $x ${x} ipas2e1\ndone\n"
    assert (loop.name, loop.mark, loop.background, loop.level) == ("step-5", "remap", False, Level.L1)
    assert isinstance(storm, Run)
    assert (storm.name, storm.background, storm.timeout) == ("storm", True, 2.5)
    assert [step for step in tail if isinstance(step, WaitFor)] == [
        WaitFor(Location(cell.path, 39, 5), 120.0, Level.L2, console="login:"),
        WaitFor(Location(cell.path, 41, 5), 120.0, None, output="dispatching", of="storm"),
        WaitFor(Location(cell.path, 42, 5), 5.0, Level.L1, command="test -e /tmp/done"),
        WaitFor(Location(cell.path, 45, 5), 120.0, None, process="storm"),
    ]
    assert tail[4] == Mark(Location(cell.path, 46, 5), 10.0, "end")
    fetch = Copy(Location(cell.path, 47, 5), 60.0, Level.L1, "/tmp/log", "l1.log", False, mark="fetch")
    assert tail[5] == fetch


def test_expectations() -> None:
    cell = everything()
    exercised, some, quiet, unmapped, asked, raw, clean, greeted, stormed, remapped = cell.expectations
    assert isinstance(exercised, Existence)
    assert exercised.of.fields == {"op": "ipas2e1", "ipa": 0x1000}
    assert (exercised.count, exercised.scope) == ("== 1", Scope("remap.begin", "remap.end"))
    assert isinstance(some, Existence)
    assert (some.count, some.scope) == ("< 5", Scope(after="start"))
    assert isinstance(quiet, Absence)
    assert quiet.given is not None
    assert (quiet.of.event, quiet.given.event, quiet.scope) == (
        "l0.shadow_unmap",
        "l1.tlbi",
        Scope(before="end"),
    )
    assert isinstance(unmapped, Response)
    assert (unmapped.when.event, unmapped.then.fields) == ("l1.tlbi", {"vmid": "$v", "covers": "$a"})
    assert (unmapped.within.us, unmapped.scope) == (2000, Scope("boot.end", "end"))
    assert isinstance(asked, Precedence)
    assert (asked.event.event, asked.first.event) == ("l0.shadow_unmap", "l1.tlbi")
    assert isinstance(raw, Existence)
    assert raw.of.event == "l1.kvm.kvm_exit"
    assert isinstance(clean, ConsoleCheck)
    assert (clean.level, clean.matches, clean.negated) == (Level.L2, "BUG:|WARNING:", True)
    assert isinstance(greeted, ConsoleCheck)
    assert (greeted.level, greeted.matches, greeted.negated) == (Level.L1, "^nvh", False)
    assert isinstance(stormed, ResultCheck)
    assert (stormed.run, stormed.exit, stormed.stderr) == ("storm", None, "^$")
    assert stormed.values == {"bogo": "> 10", "state": "done"}
    assert remapped == ResultCheck(remapped.where, "remapped", "step-5", 0)


def test_yaml_words_keep_their_text() -> None:
    cells = load_file(GOOD / "words.yaml", VOCABULARY)
    assert cells[0].summary == "yes"
    values = [cell.params["word"] for cell in cells]
    assert values == ["on", "off", "yes", "no", "1:30", "2026-01-01", "1_000", 16, -5, True, "true ", "5 "]
    assert cells[9].id == "words[word=true]"
    assert len({cell.id for cell in cells}) == len({slug(cell.id) for cell in cells}) == len(cells)


def test_loading_is_deterministic() -> None:
    assert load_paths([GOOD], VOCABULARY) == load_paths([GOOD], VOCABULARY)


def test_overrides_reach_every_level(tmp_path: Path) -> None:
    model = tmp_path / "nightly.yaml"
    model.write_text("", encoding="utf-8")
    overrides = Overrides(kernel="debian", model=str(model), timing="icount")
    for cell in load_file(EVERYTHING, VOCABULARY, overrides):
        assert {spec.kernel for spec in cell.stack.levels.values()} == {"debian"}
        assert (cell.stack.model, cell.stack.timing) == (str(model), "icount")
    plain = {cell.id for cell in load_file(EVERYTHING, VOCABULARY)}
    assert plain == {cell.id for cell in load_file(EVERYTHING, VOCABULARY, overrides)}


def test_overrides_of_one_level_reach_that_level(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("", encoding="utf-8")
    for level in Level:
        one = Overrides(kernel="debian", **{f"{level}_kernel": str(file)})
        for cell in load_file(EVERYTHING, VOCABULARY, one):
            found = {each: spec.kernel for each, spec in cell.stack.levels.items()}
            assert found == {**dict.fromkeys(Level, "debian"), level: str(file)}


def test_kernels_and_root_file_systems_by_path_count_from_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("kernel.yaml", "rootfs.yaml"):
        (tmp_path / "mine" / name).write_text("", encoding="utf-8")
    text = """
stack:
  l0: {rootfs: mine/rootfs.yaml}
  l1: {kernel: mine/kernel.yaml, rootfs: {add: ./mine}}
  l2: {rootfs: {base: mine/rootfs.yaml, add: mine}}
"""
    (cell,) = cells_of(MINIMAL + text, tmp_path)
    levels, mine = cell.stack.levels, tmp_path / "mine"
    assert [levels[level].kernel for level in Level] == ["nv", str(mine / "kernel.yaml"), "nv"]
    assert [levels[level].rootfs for level in Level] == [
        str(mine / "rootfs.yaml"),
        "hypervisor",
        str(mine / "rootfs.yaml"),
    ]
    assert [levels[level].add for level in Level] == ["", str(mine), str(mine)]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            Overrides(l1_kernel="debain"),
            "unknown kernel 'debain'; expected one of debian, nv; did you mean 'debian'?",
        ),
        (
            Overrides(l2_kernel="./none.yaml"),
            "no kernel file './none.yaml': give a path to a kernel's yaml file",
        ),
        (
            Overrides(l1_mutant="ipa-no-tlb"),
            "unknown mutant of L1 'ipa-no-tlb'; expected one of ipa-no-tlbi, none; "
            "did you mean 'ipa-no-tlbi'?",
        ),
        (
            Overrides(kernel="debain"),
            "unknown kernel 'debain'; expected one of debian, nv; did you mean 'debian'?",
        ),
        (
            Overrides(model="qemu10"),
            "unknown model 'qemu10'; expected one of qemu, qemu-10; did you mean 'qemu-10'?",
        ),
        (Overrides(timing="fast"), "unknown timing 'fast'; expected one of icount, mttcg"),
        (Overrides(model="./none.yaml"), "no model file './none.yaml': give a path to a model's yaml file"),
    ],
)
def test_unknown_overrides(overrides: Overrides, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_file(GOOD / "minimal.yaml", VOCABULARY, overrides)
    assert str(caught.value) == message


def test_model_path_counts_from_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "nightly.yaml").write_text("", encoding="utf-8")
    (cell,) = cells_of(MINIMAL + "stack: {model: models/nightly.yaml}\n", tmp_path)
    assert cell.stack.model == str(tmp_path / "models" / "nightly.yaml")


def test_files_count_from_the_scenarios_own_directory(tmp_path: Path) -> None:
    copy = tmp_path / "scenario.yaml"
    copy.write_bytes(EVERYTHING.read_bytes())
    with pytest.raises(InputError, match=r"no file 'minimal\.yaml'"):
        load_cell(copy, everything().id, VOCABULARY)


def test_load_cell_names_the_closest() -> None:
    with pytest.raises(UserError, match=r"did you mean 'everything\[op=ipas2e1,granule=4k,cpus=2\]'\?"):
        everything("everything[op=ipas2e1,granule=4k,cpu=2]")


def ids(patterns: list[str]) -> list[str]:
    return [cell.id for cell in select(load_paths([GOOD], VOCABULARY), patterns)]


def test_select() -> None:
    everything_ids = [cell.id for cell in load_file(EVERYTHING, VOCABULARY)]
    assert len(ids([])) == 23
    assert ids(["minimal"]) == ["minimal"]
    assert ids(["everything"]) == everything_ids
    assert ids(["everything[op=alle1,granule=4k,cpus=4]"]) == everything_ids[-1:]
    assert ids(["*granule=64k*"]) == [everything_ids[2], everything_ids[5]]
    assert ids(["everything[op=ipas2e1?granule=4k*"]) == everything_ids[:2]
    assert ids(["granule=64k", "minimal", "mini*"]) == [everything_ids[2], everything_ids[5], "minimal"]


def test_select_tells_every_pattern_without_a_match() -> None:
    with pytest.raises(UserError) as caught:
        ids(["minimla", "minimal", "zzz*", ""])
    assert str(caught.value).split("\n") == [
        "no cell is named or matched by 'minimla'; did you mean 'minimal'?",
        "no cell is named or matched by 'zzz*'; `nvh run --list` lists them",
        "no cell is named or matched by ''; `nvh run --list` lists them",
    ]


def test_slug() -> None:
    assert slug("minimal") == "minimal"
    assert slug("a[op=vae2is,granule=4k]") == "a.op=vae2is.granule=4k"
    odd = ["a[x=1/2]", "a[x=1 2]", "a[x=../..]", "a[x=]", "a[x=é]", "a[x=" + "y" * 90 + "]", "a[x=1.y=2]"]
    odd += ["a[x=1,y=2]", "a[x=" + "y" * 91 + "]", "..", "a.x=1.y=2", "[]", "-rf"]
    slugs = [slug(text) for text in odd]
    assert len(set(slugs)) == len(odd)
    for text in slugs:
        assert 0 < len(text) <= 64
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=-")
        assert text[0] not in ".-"


def test_a_file_that_is_no_python_is_reported_with_its_line(tmp_path: Path) -> None:
    text = MINIMAL + "  - python: f\n    file: f.py\n    events: [l0.tlbi]\n"
    file = tmp_path / "minimal.yaml"
    file.write_text(text, encoding="utf-8")
    for source, said in (
        ("def f(seen):\n    return seen.passed('a'\n", r"f\.py:2:\d+: '\(' was never closed"),
        ("x = 1\n", r"no function 'f' in f\.py; expected def f\(seen\): in it"),
        ("async def f(seen): ...\n", "no function 'f'"),
        ("\0", "cannot be read as Python|null bytes"),
        ("#" * 300_000, "too large"),
    ):
        (tmp_path / "f.py").write_text(source, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            load_file(file, VOCABULARY)
    (tmp_path / "f.py").write_bytes(b"\xff")
    with pytest.raises(InputError, match="cannot be read"):
        load_file(file, VOCABULARY)
    (tmp_path / "f.py").write_text("def f(seen): return seen.passed('a')\n", encoding="utf-8")
    (cell,) = load_file(file, VOCABULARY)
    check = cell.expectations[-1]
    assert isinstance(check, PythonCheck)
    assert (check.file, check.function, check.events) == ("f.py", "f", ("l0.tlbi",))


def test_patterns_and_scopes() -> None:
    cell = load_file(GOOD / "patterns.yaml", VOCABULARY)[1]
    always, order, between, until, near, after, oracle = cell.expectations
    assert isinstance(always, Universality)
    assert (always.of.fields, always.holds.event) == ({"op": "ipas2e1is|alle1", "vmid": "$v"}, "l0.tlbi")
    assert (always.holds.fields, always.scope) == ({"vmid": "!= 0", "ipa": ">= $v"}, Scope())
    assert isinstance(order, Sequence)
    assert [each.event for each in order.of] == ["l1.tlbi", "l0.tlbi", "l0.shadow_unmap", "l0.shadow_unmap"]
    assert (order.within, order.scope) == (Limit(events=2), Scope("m.begin", "m.end"))
    assert isinstance(between, Absence)
    assert isinstance(between.scope.after, EventPattern)
    assert isinstance(between.scope.before, EventPattern)
    assert between.scope.after.fields == {"vmid": "$v"}
    assert between.scope.before.where.line == 25
    assert not between.scope.until
    assert isinstance(until, Absence)
    assert until.scope.after == "m.begin"
    assert until.scope.until
    assert isinstance(near, Precedence)
    assert near.within == Limit(events=1)
    assert near.scope.after is None
    assert isinstance(after, Existence)
    assert after.scope.before is None
    assert isinstance(oracle, OracleCheck)
    assert (oracle.name, oracle.oracle, oracle.options) == ("barriers-of-m", "barriers", {"limit": 3})
    assert scope_patterns(between) == (between.scope.after, between.scope.before)
    assert [each.event for each in patterns(until)] == ["l0.kvm.kvm_exit", "l0.tlbi", "l0.shadow_unmap"]
    assert scope_marks(until) == ("m.begin",)
