# SPDX-License-Identifier: GPL-2.0-only
"""Recorded traces to timelines: decoding, combination of probes, marks, losses, doubts, order."""

from __future__ import annotations

import dataclasses

import pytest

from harness.errors import InputError
from harness.level import Level
from harness.trace import export
from harness.trace.clock import ClockRelation
from harness.trace.event import UNKNOWN
from harness.trace.from_raw import RawTrace, build_timeline
from harness.trace.timeline import Timeline
from tests.trace.recorded import DATA, load, raw

NAMES = sorted({path.name.rsplit(".", 1)[0] for path in DATA.iterdir()})


def test_series() -> None:
    timeline = load("good_ipas2_series")
    first, second, third = timeline.events
    assert (first.name, second.name, third.name) == ("l0.tlbi", "l0.shadow_unmap", "l0.tlbi")
    assert first.fields["op"] == "ipas2e1is"
    assert (first.fields["ipa"], first.fields["vmid"], first.fields["regime"]) == (0x4F1230000, 3, "el1&0")
    assert "size" not in first.fields  # no TTL hint
    assert (second.fields["start"], second.fields["size"]) == (0x4C0000000, 1 << 30)
    assert third.fields["op"] == "vmalle1is"
    assert [(m.name, m.seq) for m in timeline.marks] == [("remap.begin", 0), ("remap.end", 4)]
    assert not timeline.losses
    assert not timeline.doubts


def test_host_regime_follows_e2h_and_tge() -> None:
    text = raw("good_ipas2_series", Level.L0)
    host = text.collected.replace("hcr=0x480000001", "hcr=0x488000001")
    timeline = build_timeline({Level.L0: RawTrace(text.setup, host)}, {})
    assert [e.fields.get("regime") for e in timeline.by_name["l0.tlbi"]] == ["el1&0", "el2"]


def test_probes_combine() -> None:
    timeline = load("good_vmalls12_probes")
    tlbis = timeline.by_name["l0.tlbi"]
    # The IPAS2E1IS was UNDEFINED; the VMALLE1IS reached no context, so it acted on the host's regime.
    assert [(e.fields["op"], e.fields["vmid"], e.fields["regime"]) for e in tlbis] == [
        ("vmalls12e1is", 5, "el1&0"),
        ("vmalle1is", UNKNOWN, "el2"),
    ]
    # L1's own stage 2 and another task's unmap are not shadow unmaps.
    unmap, notified, unexplained = timeline.by_name["l0.shadow_unmap"]
    assert (notified.fields["reason"], notified.fields["vmid"]) == ("notifier", UNKNOWN)
    assert unexplained.fields["reason"] == UNKNOWN
    assert (unmap.fields["vmid"], unmap.fields["size"], unmap.fields["reason"]) == (5, 1 << 40, "tlbi")
    assert timeline.realised["l0.tlbi"].blind is not None
    assert not timeline.doubts


def test_probe_misses_are_losses() -> None:
    (loss,) = load("bad_probe_missed").losses
    assert (loss.count, loss.after_seq, loss.before_seq) == (3, -1, None)
    assert "nvhp_unmap" in loss.reason


def test_losses_are_placed() -> None:
    (loss,) = load("good_loss_before_scope").losses
    assert (loss.after_seq, loss.before_seq, loss.count) == (-1, 0, 17)
    (loss,) = load("bad_loss_in_scope").losses
    assert (loss.after_seq, loss.before_seq, loss.count) == (1, 2, 12)


def test_raw_events_and_doubts() -> None:
    timeline = load("good_raw")
    assert [e.name.split(".")[2] for e in timeline.events] == [
        "kvm_exit",
        "kvm_sys_access",
        "kvm_guest_fault",
        "kvm_exit",
    ]
    assert timeline.events[0].fields["EC"] == "SYS64"
    assert timeline.events[1].fields["PC"] == 0xFFFF8000801A2C40
    (doubt,) = load("bad_raw_garbled").doubts
    assert "half a li" in doubt.text
    assert doubt.seq is None


def test_missing_is_kept_with_its_reason() -> None:
    timeline = load("bad_missing")
    assert "no function handle_alle1is" in timeline.missing["l0.tlbi"]
    assert not timeline.realised


def test_undecodable_record_is_a_doubt() -> None:
    text = raw("good_ipas2_series", Level.L0)
    for old, new in (
        ("instr=0x000c8020", "instr=0x00000000"),
        ("operand=0x", "operands=0x"),
        ("vmid=3", "vmid=x"),
    ):
        bad = text.collected.replace(old, new)
        assert bad != text.collected
        timeline = build_timeline({Level.L0: RawTrace(text.setup, bad)}, {})
        assert any("kvm_nv" in doubt.text for doubt in timeline.doubts), old


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (("nvh-section end\n", ""), "cut short"),
        (("tracing-on 0", "tracing-on 1"), "still recording"),
        (("overrun: 0", "whatever"), "no loss statistics"),
        (("41.200004:", "41.100004:"), "back in time"),
    ],
)
def test_damaged_collection(change: tuple[str, str], doubt: str) -> None:
    text = raw("good_ipas2_series", Level.L0)
    collected = text.collected.replace(*change)
    assert collected != text.collected
    timeline = build_timeline({Level.L0: RawTrace(text.setup, collected)}, {})
    assert any(doubt in each.text for each in timeline.doubts)


def test_setup_trouble_is_a_doubt() -> None:
    text = raw("good_ipas2_series", Level.L0)
    for setup in (text.setup.replace("nvh-fact ready\n", ""), "sh: not found\n" + text.setup, ""):
        timeline = build_timeline({Level.L0: RawTrace(setup, text.collected)}, {})
        assert timeline.doubts


def test_dropped_and_overwritten() -> None:
    text = raw("good_ipas2_series", Level.L0)
    for old, new in (
        ("dropped events: 0", "dropped events: 4"),
        ("commit overrun: 0", "commit overrun: 4"),
        ("entries-written: 5/5", "entries-written: 5/9"),
    ):
        changed = text.collected.replace(old, new, 1)
        assert changed != text.collected
        (loss,) = build_timeline({Level.L0: RawTrace(text.setup, changed)}, {}).losses
        assert (loss.count, loss.after_seq, loss.before_seq) == (4, -1, None)


def test_order_across_levels() -> None:
    timeline = load("good_two_levels")
    (guest,) = timeline.by_name["l1.tlbi"]
    host = timeline.by_name["l0.tlbi"][0]
    assert guest.time_ns == 41_199_900_000
    assert timeline.before(guest, host) is True
    assert timeline.before(host, guest) is False
    # 100 us apart: an error of 60 us on L1's side still tells, 100 us does not.
    for error, answer in ((60_000, True), (100_000, None)):
        loose = load("good_two_levels", ClockRelation(30 * 10**9, error))
        assert loose.before(loose.by_name["l1.tlbi"][0], loose.by_name["l0.tlbi"][0]) is answer
    for clock in (None, ClockRelation(30 * 10**9, 10, ("drift",))):
        unsure = load("good_two_levels", clock)
        assert unsure.before(unsure.by_name["l1.tlbi"][0], unsure.by_name["l0.tlbi"][0]) is None
        pair = unsure.by_name["l0.tlbi"]
        assert unsure.before(pair[0], pair[1]) is True


def test_neighbours_come_from_every_level() -> None:
    timeline = load("bad_two_levels")
    event = timeline.by_name["l0.tlbi"][0]
    assert [e.name for e in timeline.around(event, 1)] == ["l1.tlbi", "l0.tlbi", "l0.shadow_unmap", "l1.tlbi"]


@pytest.mark.parametrize("name", NAMES)
def test_export_round_trip(name: str) -> None:
    timeline = load(name)
    back = export.read(export.write(timeline))
    for field in dataclasses.fields(Timeline):
        assert getattr(back, field.name) == getattr(timeline, field.name), field.name


def test_import_names_bad_lines() -> None:
    lines = list(export.write(load("good_raw")))
    broken = [lines[0], "{", '{"type":"event"}\n', '{"type":"x"}\n', *lines[1:]]
    with pytest.raises(InputError) as caught:
        export.read(broken, "t.jsonl")
    assert [p.where.line for p in caught.value.problems] == [2, 3, 4]
    for bad in ([], ['{"nvh-timeline":9}\n'], ["[]\n"]):
        with pytest.raises(InputError):
            export.read(bad)
