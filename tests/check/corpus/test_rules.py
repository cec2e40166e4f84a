"""Each corpus rule finds something in a bad case and nothing in a good one; recording from a cell."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.check.corpus import recording
from harness.check.corpus.record import read_timeline, record
from harness.check.corpus.recording import Recording
from harness.check.corpus.rules import CORPUS
from harness.errors import InputError, UserError
from harness.runner.project import vocabulary
from harness.scenario.lint import lint, lint_paths
from harness.trace import export
from harness.trace.timeline import Timeline
from tests.check.build import event, mark, timeline
from tests.trace.recorded import DATA

VOCABULARY = vocabulary()
TEXT = """\
scenario: small
summary: A page is unmapped.
claims: [nv-tlbi-v8.6]
matrix: {op: [ipas2e1, ipas2e1is]}
steps:
  - boot: l1
  - run: "true"
    on: l1
    mark: m
expect:
  - existence: exercised
    of: {event: l0.tlbi, op: "${op}"}
    scope: m
  - response: unmapped
    when: {event: l0.tlbi, op: "${op}", vmid: $v, ipa: $a}
    then: {event: l0.shadow_unmap, vmid: $v, covers: $a}
    scope: m
    partners: distinct
"""
CELL = "small[op=ipas2e1is]"


def seen(vmid: int = 3, op: str = "ipas2e1is") -> Timeline:
    return timeline(
        event("l0.kvm.kvm_exit", 0),
        mark("m.begin", 1),
        event("l0.tlbi", 2, op=op, vmid=3, ipa=0x5000),
        event("l0.shadow_unmap", 3, vmid=vmid, start=0, size=1 << 40),
        mark("m.end", 4),
    )


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def keep(scenario: Path, each: Recording) -> Path:
    path = scenario.parent / recording.DIRECTORY / recording.file_name(each.cell, each.mutant)
    recording.write(each, path)
    return path


def advice(scenario: Path) -> list[str]:
    found = lint(scenario, VOCABULARY, more=(CORPUS,))
    return [str(each).removeprefix(f"{scenario.parent}/") for each in found]


def test_a_good_recording_leaves_nothing_to_say(scenario: Path) -> None:
    path = keep(scenario, Recording(CELL, seen(), origin="11.1, nv, icount"))
    assert path.name == "small.op=ipas2e1is.jsonl"
    assert recording.read(path) == Recording(CELL, seen(), origin="11.1, nv, icount")
    assert advice(scenario) == []
    keep(scenario, Recording(CELL, seen(vmid=4), "no-unmap", ("unmapped",)))
    assert advice(scenario) == []


def test_020_nothing_recorded(scenario: Path) -> None:
    (line,) = advice(scenario)
    assert line.startswith("small.yaml:1:11: NVH020 no recorded trace")
    keep(scenario, Recording(CELL, seen(vmid=4), "no-unmap", ("unmapped",)))
    assert "NVH020" in advice(scenario)[0]  # a bad one is not enough
    alone = scenario.with_name("alone.yaml")
    alone.write_text(
        TEXT.partition("expect:")[0].replace("small", "alone") + "expect:\n  - result: a\n    of: step-2\n"
    )
    assert not any("NVH020" in line for line in advice(alone))


def test_021_unreadable_or_of_another_cell(scenario: Path) -> None:
    keep(scenario, Recording(CELL, seen()))
    broken = scenario.parent / "corpus" / "small.broken.jsonl"
    broken.write_text("")
    keep(scenario, Recording("small[op=alle1]", seen()))
    text = advice(scenario)
    assert text[0].startswith("corpus/small.broken.jsonl:1:1: NVH021 empty")
    assert text[1] == (
        "corpus/small.op=alle1.jsonl:1:1: NVH021 is of small[op=alle1], which is no cell of small"
    )


def test_022_a_good_trace_that_does_not_pass(scenario: Path) -> None:
    keep(scenario, Recording(CELL, seen(vmid=4)))
    lines = [line for line in advice(scenario) if "NVH022" in line]
    assert len(lines) == 1
    assert lines[0].startswith(
        "small.yaml:14:5: NVH022 unmapped is fail on its good trace: 1 of 1 l0.tlbi not"
    )


def test_023_a_bad_trace_that_passes(scenario: Path) -> None:
    keep(scenario, Recording(CELL, seen()))
    keep(scenario, Recording(CELL, seen(), "no-unmap", ("unmapped", "renamed")))
    lines = advice(scenario)
    assert (
        "small.yaml:14:5: NVH023 unmapped is pass on the trace of the kernel with the fault no-unmap" in lines
    )
    assert any("NVH023 renamed is gone" in line for line in lines)


def test_024_an_expectation_that_cannot_fail(scenario: Path) -> None:
    scenario.write_text(TEXT + '  - existence: any\n    of: {event: l0.tlbi}\n    count: ">= 0"\n')
    keep(scenario, Recording(CELL, seen()))
    (line,) = advice(scenario)
    assert line.startswith("small.yaml:19:5: NVH024 none of ")
    assert line.endswith(" mutations of its good trace makes any fail")


def test_more_than_one_file_and_the_size(scenario: Path) -> None:
    assert [each.rule for each in lint_paths([scenario], VOCABULARY, more=(CORPUS,))] == ["NVH020"]
    many = dataclasses.replace(seen(), events=tuple(seen().events) * 2000)
    with pytest.raises(InputError, match="at most 262144"):
        keep(scenario, Recording(CELL, many))
    assert not (scenario.parent / "corpus").exists()


def ran(place: Path, scenario: Path, cell: str, what: Timeline, mutant: str = "") -> Path:
    """The directory that a cell leaves, as far as recording looks at it."""
    directory = place / "cells" / cell.replace("[", ".").strip("]")
    directory.mkdir(parents=True)
    job = {
        "cell": {"id": cell, "path": str(scenario), "mutant": mutant},
        "images": {"model": {"version": "11.1"}},
    }  # fmt: skip
    (directory / "cell.json").write_text(json.dumps(job))
    (directory / "timeline.jsonl").write_text("".join(f"{line}\n" for line in export.write(what)))
    return directory


def test_record_from_a_run(scenario: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = ran(run, scenario, "small[op=ipas2e1]", seen(op="ipas2e1"))
    second = ran(run, scenario, CELL, seen())
    done = list(record([run], VOCABULARY))
    assert [each.directory for each in done] == [first]  # one good cell of a scenario is enough
    assert done[0].events == 2
    assert advice(scenario) == []
    (again,) = record([second], VOCABULARY)  # unless it is named
    assert again.file is not None
    kept = recording.read(again.file)
    assert (kept.cell, kept.origin, kept.red) == (CELL, "11.1, nv, icount", ())


def test_record_from_a_wrong_kernel(scenario: Path, tmp_path: Path) -> None:
    name = "small[op=ipas2e1is,mutant=ipas2-no-unmap]"
    (done,) = record([ran(tmp_path / "a", scenario, name, seen(vmid=4), "ipas2-no-unmap")], VOCABULARY)
    assert done.file is not None
    assert done.file.name == "small.op=ipas2e1is.mutant=ipas2-no-unmap.jsonl"
    kept = recording.read(done.file)
    assert (kept.cell, kept.mutant, kept.red) == (CELL, "ipas2-no-unmap", ("unmapped",))
    (missed,) = record([ran(tmp_path / "b", scenario, name, seen(), "ipas2-no-unmap")], VOCABULARY)
    assert missed.why == "no expectation on events notices ipas2-no-unmap"


def test_what_cannot_be_recorded_is_reported(scenario: Path, tmp_path: Path) -> None:
    (bad,) = record([ran(tmp_path / "a", scenario, CELL, seen(vmid=4))], VOCABULARY)
    assert bad.why == "not a good trace: unmapped is fail"
    (gone,) = record([ran(tmp_path / "b", scenario, "small[op=alle1]", seen())], VOCABULARY)
    assert "no cell in" in gone.why
    broken = ran(tmp_path / "c", scenario, CELL, seen())
    (broken / "cell.json").write_text("{}")
    assert next(record([broken], VOCABULARY)).why.startswith("cell.json: KeyError")
    lost = ran(tmp_path / "d", scenario, CELL, seen())
    (lost / "timeline.jsonl").unlink()
    assert "cannot be read" in next(record([lost], VOCABULARY)).why
    with pytest.raises(UserError, match="neither the directory of a cell nor that of a run"):
        list(record([tmp_path / "e"], VOCABULARY))


def test_a_timeline_of_another_version_is_built_from_the_raw_traces(scenario: Path, tmp_path: Path) -> None:
    directory = ran(tmp_path / "a", scenario, CELL, seen())
    setup, mark_line, collected = (DATA / "good_ipas2_series.l0").read_text().partition("nvh-section begin\n")
    old = '{"nvh-timeline":1,"clocks":{"l0":{"offset_ns":0,"error_ns":0,"doubts":[]}}}\n{"type":"mark"}\n'
    (directory / "timeline.jsonl").write_text(old)
    with pytest.raises(InputError, match="not a timeline of version"):
        read_timeline(directory)
    (directory / "l0.setup.log").write_text(setup)
    (directory / "l0.trace.txt").write_text(mark_line + collected)
    assert read_timeline(directory).by_name["l0.tlbi"]


def test_a_run_of_another_checkout_is_recorded_here(tmp_path: Path) -> None:
    """Its work order names a path that is not there; the same scenario of this project is meant."""
    elsewhere = Path("/elsewhere/scenarios/tlbi/tlbi-el2.yaml")
    (done,) = record([ran(tmp_path / "a", elsewhere, "tlbi-el2", seen())], VOCABULARY)
    assert done.why.startswith("not a good trace: alle2 is ")
    (gone,) = record([ran(tmp_path / "b", Path("/elsewhere/scenarios/gone.yaml"), CELL, seen())], VOCABULARY)
    assert "/elsewhere/scenarios/gone.yaml" in gone.why
