# SPDX-License-Identifier: GPL-2.0-only
"""From the files that the plugin leaves to a verdict: a report is red, and so is anything lost."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from harness.check.sanitizer.counters import (
    FILLS,
    INVALIDATED,
    LOOK,
    MAGIC,
    NAMES,
    RECENT,
    SHARE,
    TLBIS,
    USES,
    SanitizerCounters,
)
from harness.check.sanitizer.to_finding import COUNTERS, LOG, REPORTS, judge
from harness.errors import InfraError, Location
from harness.host.paths import IMAGES
from harness.level import Level
from harness.verdict import Verdict

HERE = Location("s.yaml", 1, 1)
STEPS = RECENT * SHARE * 2
FLOORS = {"uses": USES, "fills": FILLS, "tlbis": TLBIS, "invalidated": INVALIDATED}
QUIET = SanitizerCounters(**{**dict.fromkeys(NAMES, 0), "ready": 1, "vcpus": 2, **FLOORS, "steps": STEPS})
EVENT = {"seq": 7, "pc": "0xffff800080000010", "el": 1}
ENTRY = {"kind": "combined", "regime": "el1&0", "vmid": 1, "asid": 5, "global": False, "level": 3}
ENTRY |= {"page": "0x1000", "ipa": "0x1000", "out": "0x2000", "start": "0x1000", "size": "0x1000"}
ENTRY |= {
    "perms": "rw",
    "root1": "0x0",
    "root2": "0x0",
    "filled": EVENT,
    "where1": "0x9",
    "descriptor1": "0x3",
}
NOW = {"outcome": "mapped", "stage": 2, "level": 3, "out": "0x3000", "perms": "rw"}
NOW |= {"where": "0x9", "descriptor": "0x3003"}
NEAR = {"op": "vae1", "seq": 6, "pe": 1, "el": 2, "vmid": 1, "scope": "is", "xt": "0x1"}
NEAR |= {"pc": "0xffff800080000020", "why": "its ASID is another one"}
REPORT: dict[str, Any] = {
    "finding": "remapped",
    "pe": 0,
    "program": 2,
    "va": "0x1000",
    "use": EVENT,
    "entry": ENTRY,
}
REPORT |= {"entry": ENTRY, "now": NOW, "near": [NEAR], "hcr": hex(1 << 42)}


def leave(place: Path, state: SanitizerCounters, reports: list[dict[str, Any]]) -> None:
    """Write what the plugin writes."""
    values = dataclasses.astuple(state)
    (place / COUNTERS).write_bytes(struct.pack(f"<{1 + len(values)}Q", MAGIC, *values))
    (place / REPORTS).write_text("".join(f"{json.dumps(each)}\n" for each in reports))


def test_nothing_found_passes(tmp_path: Path) -> None:
    leave(tmp_path, QUIET, [])
    finding, state = judge(tmp_path, {}, HERE)
    assert finding.verdict is Verdict.PASS
    assert state == QUIET
    assert f"{USES} uses checked" in finding.message
    assert (tmp_path / LOG).is_file()


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        (["unmapped", "narrowed"], Verdict.UNDECIDED),  # ticks by the host's clock are entries, too
        (["unmapped", "remapped"], Verdict.FAIL),
        (["no-break"], Verdict.FAIL),
    ],
)
def test_a_starved_model_makes_late_invalidations_doubtful(
    tmp_path: Path, findings: list[str], verdict: Verdict
) -> None:
    state = dataclasses.replace(QUIET, reports=len(findings), written=len(findings))
    leave(tmp_path, state, [{**REPORT, "finding": each} for each in findings])
    starved, _ = judge(tmp_path, {}, HERE, "the host gave QEMU 40%")
    assert starved.verdict is verdict
    assert judge(tmp_path, {}, HERE)[0].verdict is Verdict.FAIL


def test_a_report_fails_with_history_and_symbols(tmp_path: Path) -> None:
    maps = {}
    for level, name in ((Level.L0, "host"), (Level.L1, "hyp")):
        maps[level] = tmp_path / f"{level}.map"
        maps[level].write_text(f"ffff800080000000 T {name}\nffff800080001000 T _end\n")
    leave(tmp_path, dataclasses.replace(QUIET, written=1, reports=1), [REPORT])
    finding, _ = judge(tmp_path, maps, HERE)
    assert finding.verdict is Verdict.FAIL
    assert finding.where == str(HERE)
    for words in (
        "1 x remapped:combined",
        "VMID 1, ASID 5: VA 0x1000 -> PA 0x2000",
        "filled at 7 by 0xffff800080000010 hyp+0x10 at l1 (stage 1 0x3 at 0x9)",
        "the tables now say: mapped, PA 0x3000",
        "in program 2 of nvh-litmus",
        "vae1 (is) 0x1 on PE 1 with VMID 1 by 0xffff800080000020 host+0x20 at l0: its ASID is another one",
    ):
        assert words.lower() in finding.message.lower()
    assert "came close" in (tmp_path / LOG).read_text()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"lost": 2}, "2 reports were lost"),
        ({"written": 1}, "1 reports were written and 0 found"),
        ({"overflowed": 1}, "1 entries had no room"),
        ({"disagreed": 1}, "1 uses went where neither the tables nor any entry lead"),
        ({"unknown": 1}, "1 walks left the model's RAM"),
        (
            {"pending": 40, "waiting": 40, "oldest": STEPS - RECENT},
            f"40 disagreements were neither told nor resolved, the oldest for {RECENT} uses",
        ),
    ],
)
def test_what_is_not_known_is_undecided(tmp_path: Path, change: dict[str, int], why: str) -> None:
    leave(tmp_path, dataclasses.replace(QUIET, **change), [])
    finding, _ = judge(tmp_path, {}, HERE)
    assert finding.verdict is Verdict.UNDECIDED
    assert why in finding.message


@pytest.mark.parametrize(
    "change",
    [
        {"pending": 40, "waiting": 0, "oldest": 0},
        {"pending": 40, "waiting": 40, "oldest": STEPS - RECENT + 1},
        {"pending": 1, "waiting": 1, "oldest": STEPS},
        {"pending": 1, "waiting": 1, "steps": 1400, "oldest": 1400 - 1400 // SHARE + 1},
        {"pending": 1, "waiting": 1, "steps": 100, "oldest": 100 - LOOK + 1},
    ],
    ids=["none is open", "open, and just recent", "only just seen", "a short cell", "between two looks"],
)
def test_a_recent_open_disagreement_is_natural(tmp_path: Path, change: dict[str, int]) -> None:
    leave(tmp_path, dataclasses.replace(QUIET, **change), [])
    finding, _ = judge(tmp_path, {}, HERE)
    assert finding.verdict is Verdict.PASS


@pytest.mark.parametrize(("steps", "age"), [(1400, 1400 // SHARE), (100, LOOK), (10 * STEPS, RECENT)])
def test_in_a_short_cell_less_is_long(tmp_path: Path, steps: int, age: int) -> None:
    """Where a defect was open when the cell ended because too few entries came for it to be told."""
    leave(tmp_path, dataclasses.replace(QUIET, pending=1, waiting=1, steps=steps, oldest=steps - age), [])
    finding, _ = judge(tmp_path, {}, HERE)
    assert finding.verdict is Verdict.UNDECIDED
    assert f"the oldest for {age} uses, operations and entries of {steps}" in finding.message


@pytest.mark.parametrize("name", FLOORS)
def test_too_little_is_vacuous(tmp_path: Path, name: str) -> None:
    leave(tmp_path, dataclasses.replace(QUIET, **{name: FLOORS[name] - 1}), [])
    finding, _ = judge(tmp_path, {}, HERE)
    assert finding.verdict is Verdict.VACUOUS
    assert "too little was checked: " in finding.message
    assert f"at least {FLOORS[name]} wanted" in finding.message


def test_one_use_and_no_operation_is_vacuous_and_doubts_and_reports_outweigh_that(tmp_path: Path) -> None:
    little = dataclasses.replace(QUIET, uses=1, fills=1, tlbis=0, invalidated=0)
    leave(tmp_path, little, [])
    assert judge(tmp_path, {}, HERE)[0].verdict is Verdict.VACUOUS
    leave(tmp_path, dataclasses.replace(little, unknown=1), [])
    assert judge(tmp_path, {}, HERE)[0].verdict is Verdict.UNDECIDED
    leave(tmp_path, dataclasses.replace(little, written=1, reports=1), [REPORT])
    assert judge(tmp_path, {}, HERE)[0].verdict is Verdict.FAIL


def test_the_plugin_looks_as_often_as_we_say() -> None:
    text = (IMAGES / "payloads" / "sanitizer" / "judge.h").read_text()
    assert f"#define LOOK {LOOK}\n" in text
    assert LOOK < RECENT


def test_a_plugin_that_did_not_load_is_infra(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="did not load"):
        judge(tmp_path, {}, HERE)


def test_a_plugin_without_ram_is_infra(tmp_path: Path) -> None:
    leave(tmp_path, dataclasses.replace(QUIET, ready=0), [])
    with pytest.raises(InfraError, match="did not find the model's RAM"):
        judge(tmp_path, {}, HERE)


@pytest.mark.parametrize("data", [b"", b"\0" * 8 * (1 + len(NAMES))])
def test_a_foreign_state_is_infra(tmp_path: Path, data: bytes) -> None:
    leave(tmp_path, QUIET, [])
    (tmp_path / COUNTERS).write_bytes(data)
    with pytest.raises(InfraError, match=r"bytes instead|magic"):
        judge(tmp_path, {}, HERE)


@pytest.mark.parametrize("line", ["{", '{"finding": "odd"}', '{"finding": "remapped", "near": []}', "[]"])
def test_a_line_that_is_no_report_is_infra(tmp_path: Path, line: str) -> None:
    leave(tmp_path, QUIET, [])
    (tmp_path / REPORTS).write_text(line + "\n")
    with pytest.raises(InfraError, match="1: no report"):
        judge(tmp_path, {}, HERE)
