# SPDX-License-Identifier: GPL-2.0-only
"""Plans: which events at which level, the shell text on a tree shaped like tracefs, the vocabulary."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import Location, UserError
from harness.level import Level
from harness.trace import registry, vocabulary
from harness.trace.decode import decoders
from harness.trace.facts import parse_facts
from harness.trace.from_raw import RawTrace, build_timeline
from harness.trace.registry import PROBE_GROUP
from harness.trace.tracing_plan import make_plan

HERE = Location("s.yaml", 3)
SHELLS = [name for name in ("dash", "busybox") if shutil.which(name)] or ["sh"]


def tracefs(root: Path, *events: str) -> Path:
    """A directory with the files of tracefs that the scripts touch; an instance is made as a directory."""
    tree = root / "tracing"
    instance = tree / "instances/nvh"
    for base in (tree, instance):
        (base / "options").mkdir(parents=True)
        (base / "per_cpu/cpu0").mkdir(parents=True)
        for name in ("trace_marker", "tracing_on", "trace", "buffer_size_kb", "error_log", "dynamic_events"):
            (base / name).write_text("")
        (base / "trace_clock").write_text("local [mono]\n")
        (base / "per_cpu/cpu0/stats").write_text("overrun: 0\ndropped events: 0\n")
        (base / "events").mkdir()
        (base / "events/enable").write_text("0\n")
        for event in events:
            directory = base / "events" / event.replace(":", "/")
            directory.mkdir(parents=True)
            (directory / "enable").write_text("0\n")
    return tree


def run(script: str, tree: Path, shell: str) -> str:
    command = [shell, "sh"] if shell == "busybox" else [shell]
    done = subprocess.run(
        command,
        input=script.replace("/sys/kernel/tracing", str(tree)),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def probes_of(plan_event: str, realisation: str) -> list[str]:
    each = registry.load().events[plan_event].realisation(realisation)
    return [f"{PROBE_GROUP}:{name}" for name in each.probes]


@pytest.mark.parametrize("shell", SHELLS)
def test_setup_prefers_the_series(tmp_path: Path, shell: str) -> None:
    tree = tracefs(
        tmp_path, "kvm:kvm_nv_tlbi", "kvm:kvm_nv_tlbi_lost", "kvm:kvm_exit", *probes_of("l0.tlbi", "probes")
    )
    plan = make_plan(["l0.tlbi", "l0.kvm.kvm_exit", "l0.kvm.absent_event"])
    facts = parse_facts(run(plan.setup_script(Level.L0), tree, shell))
    assert facts.realised == {"l0.tlbi": "series", "l0.kvm.kvm_exit": "raw"}
    assert facts.missing == {"l0.kvm.absent_event": "no trace event kvm:absent_event"}
    assert facts.doubts == ["trace clock is not mono"]  # a plain file keeps what was written into it
    assert (tree / "instances/nvh/events/kvm/kvm_nv_tlbi/enable").read_text() == "1\n"
    assert (tree / "instances/nvh/tracing_on").read_text() == "1\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_setup_falls_back_to_probes_and_says_what_failed(tmp_path: Path, shell: str) -> None:
    tree = tracefs(tmp_path, *probes_of("l0.tlbi", "probes"))
    plan = make_plan(["l0.tlbi", "l0.shadow_wp", "l0.tlbi_forward"])
    facts = parse_facts(run(plan.setup_script(Level.L0), tree, shell))
    assert facts.realised == {"l0.tlbi": "probes"}
    assert "kvm_nested_s2_wp" in facts.missing["l0.shadow_wp"]
    assert "no trace event kvm:kvm_nv_tlbi_forward" in facts.missing["l0.tlbi_forward"]
    # The kernel "refused" this one: every definition of it was tried, BTF first.
    tried = [line for line in (tree / "dynamic_events").read_text().splitlines() if "nvhp_nested_wp " in line]
    assert tried == list(registry.load().probes["nvhp_nested_wp"].definitions())


@pytest.mark.parametrize("shell", SHELLS)
def test_marks_and_collection(tmp_path: Path, shell: str) -> None:
    tree = tracefs(tmp_path, "kvm:kvm_exit")
    plan = make_plan(["l0.kvm.kvm_exit"])
    setup = run(plan.setup_script(Level.L0), tree, shell)
    run(plan.mark_command("remap.begin"), tree, shell)
    assert (tree / "instances/nvh/trace_marker").read_text() == "nvh: mark remap.begin\n"
    run(plan.stop_script(), tree, shell)
    assert (tree / "instances/nvh/tracing_on").read_text() == "0\n"
    (tree / "instances/nvh/trace").write_text(
        "# tracer: nop\n#\n# entries-in-buffer/entries-written: 2/2   #P:2\n"
        "  sh-1 [000] ..... 1.0: tracing_mark_write: nvh: mark remap.begin\n"
        "  q-2 [000] ..... 1.1: kvm_exit: TRAP: HSR_EC: 0x0018 (SYS64), PC: 0x10\n"
    )
    timeline = build_timeline(
        {
            Level.L0: RawTrace(
                setup.replace("nvh-fact doubt trace clock is not mono\n", ""),
                run(plan.collect_script(), tree, shell),
            )
        },
        {},
    )
    assert [m.name for m in timeline.marks] == ["remap.begin"]
    assert [e.fields["EC"] for e in timeline.events] == ["SYS64"]
    assert not timeline.doubts


def test_no_tracefs_is_a_doubt_not_a_crash(tmp_path: Path) -> None:
    plan = make_plan(["l0.tlbi"])
    script = plan.setup_script(Level.L0).replace("/sys/kernel/debug/tracing", "/nonexistent")
    facts = parse_facts(run(script, tmp_path / "none", SHELLS[0]))
    assert any("no tracefs" in doubt for doubt in facts.doubts)


def test_mark_names_are_checked() -> None:
    for bad in ("a b", "", "x'y", "é", "a\nb"):
        with pytest.raises(UserError, match="mark"):
            make_plan([]).mark_command(bad)


def test_plan_has_what_is_named_by_level() -> None:
    plan = make_plan(["l0.tlbi", "l0.shadow_unmap", "l1.kvm.kvm_entry", "l0.tlbi"])
    assert list(plan.levels) == [Level.L0, Level.L1]
    assert [spec.name for spec in plan.levels[Level.L0].registered] == ["l0.tlbi", "l0.shadow_unmap"]
    assert plan.levels[Level.L1].raw == (("kvm", "kvm_entry"),)


def test_wrong_names_are_refused() -> None:
    with pytest.raises(UserError, match=r"did you mean 'l0\.shadow_unmap'"):
        make_plan(["l0.shadow_unmp"])
    with pytest.raises(UserError, match="cannot be told apart"):
        make_plan(["l0.kvm.kvm_exit", "l0.other.kvm_exit"])


def test_vocabulary() -> None:
    known = vocabulary.known_events()
    assert {"l0.tlbi", "l0.shadow_unmap", "l0.shadow_wp", "l1.tlbi"} <= set(known)
    assert {"op", "operand", "vmid", "asid", "va", "ipa", "start", "size", "ttl", "regime"} <= known[
        "l0.tlbi"
    ]
    values = vocabulary.known_values("l1.tlbi", "op")
    assert values is not None
    assert "ripas2le1osnxs" in values
    assert vocabulary.known_values("l0.tlbi", "vmid") is None
    assert vocabulary.known_values("l0.tlbi", "colour") is None
    assert vocabulary.known_values("l0.kvm.kvm_exit", "op") is None
    assert vocabulary.is_raw_event("l2.kvm.kvm_exit")
    for bad in ("l3.kvm.kvm_exit", "kvm.kvm_exit", "l0.kvm", "l0.kvm.kvm-exit", "l0.tlbi"):
        assert not vocabulary.is_raw_event(bad)


def test_registry_is_consistent() -> None:
    loaded = registry.load()
    for spec in loaded.events.values():
        for each in spec.realisations:
            if each.model:
                continue
            assert each.decoder in decoders()
            assert each.events or each.probes
            for name in (*each.probes, *each.optional):
                assert name in loaded.probes
    # Runs with the guest's vectors loaded: a breakpoint there is fatal.
    assert not {p.symbol for p in loaded.probes.values()} & {"__kvm_tlbi_s1e2", "kvm_hyp_handle_tlbi_el2"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("lost", ["0", "1"])
@pytest.mark.parametrize("tlbi", ["0", "1"])
def test_a_mark_waits_for_what_the_fast_path_keeps(tmp_path: Path, shell: str, tlbi: str, lost: str) -> None:
    """While the event is on, each CPU is interrupted first: another event is switched and switched back."""
    tree = tracefs(tmp_path, "kvm:kvm_nv_tlbi", "kvm:kvm_nv_tlbi_lost")
    plan = make_plan(["l0.tlbi"])
    run(plan.setup_script(Level.L0), tree, shell)
    events = tree / "instances/nvh/events/kvm"
    (events / "kvm_nv_tlbi/enable").write_text(f"{tlbi}\n")
    switch = events / "kvm_nv_tlbi_lost/enable"
    for script in (plan.mark_command("work.end"), plan.stop_script()):
        switch.write_text(f"{lost}*\n")  # as the kernel shows it while a trigger is attached
        run(script, tree, shell)
        assert switch.read_text() == (f"{lost}\n" if tlbi == "1" else f"{lost}*\n")
    assert (tree / "instances/nvh/trace_marker").read_text() == "nvh: mark work.end\n"


def test_what_the_fast_path_could_not_keep_is_in_doubt() -> None:
    """Where TLBIs were lost, it is not known that there was none."""
    header = "# entries-in-buffer/entries-written: 2/2   #P:1\n"
    lines = (
        " qemu-7 [000] d..1. 1.000010: kvm_nv_tlbi: vcpu=0 instr=0x000c8720 operand=0 vmid=1 hcr=0 vtcr=0\n"
        " qemu-7 [000] d..1. 1.000011: kvm_nv_tlbi_lost: vcpu=0 count=3\n"
    )
    setup = (
        "nvh-fact enabled kvm:kvm_nv_tlbi\nnvh-fact enabled kvm:kvm_nv_tlbi_lost\n"
        "nvh-fact realisation l0.tlbi series\nnvh-fact ready\n"
    )
    text = (
        "nvh-section begin\nnvh-fact tracing-on 0\nnvh-section stats 0\noverrun: 0\ndropped events: 0\n"
        f"nvh-section profile\nnvh-section trace\n{header}{lines}nvh-section end\n"
    )
    seen = build_timeline({Level.L0: RawTrace(setup, text)}, {})
    assert len(seen.by_name["l0.tlbi"]) == 1
    assert ["3 TLBIs of vCPU 0 were lost" in doubt.text for doubt in seen.doubts] == [True]
