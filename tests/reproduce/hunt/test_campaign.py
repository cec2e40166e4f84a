# SPDX-License-Identifier: GPL-2.0-only
"""Plans, totals and records of a hunt; the command line's refusals."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from harness.arch.table import load
from harness.cli import hunt as verb
from harness.document.as_json import from_data, to_data
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, InputError, UserError
from harness.program.generate import generate
from harness.program.kernel_defects import DEFECTS
from harness.program.kinds import KINDS
from harness.program.lanes import LANES, ONLY_BARE, QUICK, lanes, plan
from harness.program.sharp import shows_known
from harness.reproduce.hunt import campaign
from harness.reproduce.hunt.campaign import Totals, Wanted
from harness.reproduce.hunt.program_findings import Sharpness
from harness.reproduce.hunt.worker import CAUSES, BatchDone, Note
from harness.reproduce.races import conflicts
from harness.runner.quarantine import load_quarantine


def batch(number: int, op: str = "vae1is") -> BatchDone:
    return BatchDone(
        number,
        "stage1",
        10,
        2.0,
        Sharpness(30, 12, 9),
        {(op, "stage1", "4k", 2)},
        Counter({"pass": 10}),
    )


def wanted(tmp_path: Path, seed: str = "7") -> Wanted:
    return Wanted(seconds=1, seed=seed, out=tmp_path / "hunt")


def test_a_batch_follows_from_seed_and_number_alone() -> None:
    assert [plan("7", n, LANES) for n in range(40)] == [plan("7", n, LANES) for n in range(40)]
    assert [plan("7", n, LANES) for n in range(40)] != [plan("8", n, LANES) for n in range(40)]
    kinds = {plan("7", n, LANES).kind for n in range(400)}
    assert kinds == {name for name, kind in KINDS.items() if not kind.bare}
    assert {plan("7", n, lanes(None, None, bare=True)).kind for n in range(400)} >= set(ONLY_BARE)
    assert {plan("7", n, LANES, ("vncr",)).kind for n in range(20)} == {"vncr"}


def test_programs_of_a_batch_share_its_shape() -> None:
    how = plan("7", 3, LANES)
    programs = [generate(how.seed("7"), how.kind, i, shape=how.shape) for i in range(20)]
    assert len({(p.world.shift, p.world.cpus, p.world.hide) for p in programs}) == 1
    assert len(set(programs)) > 15


def test_no_operation_of_a_feature_that_l1_lacks() -> None:
    for i in range(40):
        program = generate("7", "whole", i, frozenset())
        assert all(
            not getattr(a, "operation", load()[0]).features for a in program.actions if hasattr(a, "op")
        )


def test_another_model_gets_the_programs_that_are_quick_everywhere() -> None:
    (only,) = lanes("qemu", None)
    assert (only.model, only.kinds) == ("qemu", QUICK)
    assert {lane.timing for lane in lanes(None, "mttcg")} == {"mttcg"}


def test_known_defects_are_kept_off() -> None:
    shown = [shows_known(generate("7", kind, i)) for kind in KINDS for i in range(20)]
    assert any(shown)
    assert sum(shown) < len(shown) / 4


def test_totals_survive_their_record(tmp_path: Path) -> None:
    hunt = wanted(tmp_path)
    totals = campaign.begin(hunt)
    totals.add(batch(0), 3.0)
    totals.add(batch(4, "vae1"), 9.0)
    totals.add(dataclasses.replace(batch(2), reached=frozenset({"handle_alle1is"}), functions=7), 12.0)
    assert (totals.reached, totals.functions, totals.last_function) == ({"handle_alle1is"}, 7, 12.0)
    assert (totals.programs, totals.next_batch, totals.last_point, len(totals.points)) == (30, 5, 9.0, 2)
    campaign.save(hunt, totals)
    (hunt.out / CAUSES / "half-done").mkdir(parents=True)
    again = campaign.begin(hunt)
    assert again == totals
    assert not (hunt.out / CAUSES).exists(), "what was interrupted is pursued again"


def test_a_hunt_goes_on_with_its_own_options_only(tmp_path: Path) -> None:
    hunt = wanted(tmp_path)
    campaign.save(hunt, campaign.begin(hunt))
    with pytest.raises(InputError, match="seed"):
        campaign.begin(dataclasses.replace(hunt, seed="8"))
    (hunt.out / campaign.RECORD).write_text("{}")
    with pytest.raises(InputError, match="not the record"):
        campaign.begin(hunt)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    with pytest.raises(InputError, match="not a hunt"):
        campaign.begin(dataclasses.replace(hunt, out=tmp_path / "other"))


def test_exit_statuses() -> None:
    fine = Totals(programs=3)
    assert campaign.exit_status(fine) == EXIT_PASS
    assert campaign.exit_status(Totals()) == EXIT_INFRA, "no program ran"
    assert campaign.exit_status(Totals(programs=3, errors=["x"])) == EXIT_INFRA
    assert campaign.exit_status(Totals(programs=3, errors=["x"], findings=[{}])) == EXIT_RED
    assert campaign.exit_status(Totals(broken=["l0: did not come up"], errors=["x"])) == EXIT_RED


def test_what_broke_beside_the_programs_is_kept() -> None:
    """A kernel of which L0 does not boot runs no program; that is an answer, and not nvh's failure."""
    totals = Totals()
    quiet = Console(quiet=True)
    campaign._take(Note("batch 1: l0: did not come up: it loops", red=True), totals, quiet)
    campaign._take(Note("l0: did not come up: it loops", fatal=True, red=True), totals, quiet)
    campaign._take(Note("batch 2: the disk is full"), totals, quiet)
    assert (len(totals.broken), totals.errors) == (2, [])
    assert from_data(Totals, to_data(totals)).broken == totals.broken
    campaign._take(Note("the disk is full", fatal=True), totals, quiet)
    assert totals.errors == ["the disk is full"]


def test_the_record_is_json(tmp_path: Path) -> None:
    hunt = wanted(tmp_path)
    campaign.save(hunt, campaign.begin(hunt))
    data = json.loads((hunt.out / campaign.RECORD).read_text())
    assert data["options"]["seed"] == "7"
    assert data["totals"]["programs"] == 0


def test_an_unknown_mutant_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'ipas2-no-unmap'"):
        campaign.hunt(dataclasses.replace(wanted(tmp_path), mutant="ipas2-no-unmapp"), Console(quiet=True))


def test_a_known_defect_is_new_by_its_scenario() -> None:
    assert verb.as_new([]) == ()
    assert verb.as_new(["beyond-input-size", "beyond-input-size"]) == ("beyond-input-size",)
    assert set(verb.as_new([""])) == {defect.scenario for defect in DEFECTS}
    with pytest.raises(UserError, match="did you mean 'beyond-input-size'"):
        verb.as_new(["beyond-input-sise"])


def test_programs_of_a_defect_that_is_new_are_not_left_out() -> None:
    programs = [generate("7", "sizes", number) for number in range(60)]
    others = [defect for defect in DEFECTS if not defect.aliases]
    alone = [each for each in programs if shows_known(each) and not shows_known(each, others)]
    assert alone, "they show this one and no other"


def test_a_fixed_kernel_has_no_known_defects() -> None:
    known = load_quarantine()
    every = {defect.scenario for defect in DEFECTS if not defect.of_model}
    assert len(every) < len(DEFECTS), "what is QEMU's stays, whatever the kernel"
    assert campaign.not_expected(known, "nv", "7.3.4-nvh") == ()
    assert campaign.not_expected(known, "nv-mutants", "7.3.4-nvh") == ()
    assert set(campaign.not_expected(known, "nv-fixed", "7.3.4-nvh")) == every
    assert set(campaign.not_expected(known, "nv", "")) == every, "a release that nobody knows is in no range"


def test_a_hunt_for_races_asks_the_same_of_its_own_defects() -> None:
    known = load_quarantine()
    assert campaign.not_expected(known, "nv", "7.3.4-nvh", conflicts.KNOWN) == ()
    fixed = campaign.not_expected(known, "nv-fixed", "7.3.4-nvh", conflicts.KNOWN)
    assert "defect-fault-against-tlbi" in fixed
    assert "defect-fault-against-tlbi" in verb.as_new([""], conflicts.KNOWN)
    with pytest.raises(UserError, match="there is no known defect"):
        verb.as_new(["defect-fault-against-tlbi"])
