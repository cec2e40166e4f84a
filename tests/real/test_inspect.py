# SPDX-License-Identifier: GPL-2.0-only
"""A stopped L0+L1+L2 seen from its RAM agrees with what the levels, KVM's own dumps and QEMU say of it."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from harness.attempt.job import Job, write_job
from harness.attempt.prefix import Prefix
from harness.attempt.shadows import look_at
from harness.check.finding import Finding, Observations
from harness.check.oracle import ORACLES
from harness.cli.main import main
from harness.errors import Location, UserError
from harness.host.cache import Store
from harness.host.paths import SCENARIOS
from harness.level import Level
from harness.machine.ram.guest import Guest, choose
from harness.machine.ram.inspection import Inspection, inspect
from harness.machine.ram.level_report import OWN, Filter, LevelReport, Mmu, Tables, Vcpu, Vm
from harness.machine.ram.memory import PAGE, ProcessRam, RamFile
from harness.machine.ram.stage2 import LAST_LEVEL, Geometry, LeafRun, vmid, vttbr_base
from harness.report.progress import Progress
from harness.reproduce.debug import gdb, session
from harness.runner.prepare import Builder
from harness.runner.project import default_stack, find_cells
from harness.runner.snapshots import Snapshots
from harness.scenario.language import OracleCheck, Scope
from harness.scenario.scenario import NO_OVERRIDES
from harness.stack import saved
from harness.stack.stack import Stack
from harness.verdict import Verdict

DEADLINE_S = 60.0
DEBUGFS = "/sys/kernel/debug/kvm"
DUMP = re.compile(r"^(0x[0-9a-f]{16})-(0x[0-9a-f]{16}) +\S+ (-?\d) +R (W|-) ", re.M)
CONTEXT = re.compile(r"VTCR: (0x[0-9a-f]{16}) VTTBR: (0x[0-9a-f]{16}) s2: (enabled|disabled)")


@dataclass
class Stopped:
    """The stopped stack, its RAM and kernels, and what the levels had said of themselves before."""

    stack: Stack
    ram: Path
    vmlinux: Mapping[Level, Path]
    dumps: Mapping[Level, Mapping[str, str]]
    said: Mapping[str, str]
    snapshot: Path

    def look(self, at: Level, chosen: Filter | None = None) -> LevelReport:
        return inspect(self.ram, self.vmlinux, at, chosen or Filter(mappings=True))

    def only_vm(self, at: Level, chosen: Filter | None = None) -> Vm:
        (machine,) = self.look(at, chosen).vms
        return machine


def dumps(stack: Stack, level: Level) -> dict[str, str]:
    """Return KVM's debugfs files of the only VM of a level, by name."""
    names = "stage2_page_tables nested/nested_mmu*"
    script = f"cd {DEBUGFS}/[0-9]*-* && for f in {names}; do [ ! -e $f ] || {{ echo @$f; cat $f; }}; done"
    parts = stack.run(level, script, DEADLINE_S).text.split("@")[1:]
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    place = tmp_path_factory.mktemp("stopped")
    spec = default_stack(NO_OVERRIDES)
    store = Store()
    with Progress(Console(file=sys.stderr)) as progress:
        images = Builder(store, progress).images(spec)
    snapshot = Snapshots(store, print).get(images, Prefix(spec, Level.L2))
    assert snapshot is not None
    with saved.open_memory() as memory, Stack(images, spec, place, ram=memory) as stack:
        saved.restore(stack, snapshot.path, b"inspect")
        stack.start(Level.L2, "while :; do :; done")
        said = {
            "l0.vms": stack.run(Level.L0, f"ls -d {DEBUGFS}/[0-9]*-*", DEADLINE_S).text,
            "l1.vms": stack.run(Level.L1, f"ls -d {DEBUGFS}/[0-9]*-*", DEADLINE_S).text,
            "l2.release": stack.run(Level.L2, "uname -r", DEADLINE_S).text.strip(),
        }
        found = {level: dumps(stack, level) for level in (Level.L0, Level.L1)}
        paths = {level: kernel.path / "vmlinux" for level, kernel in images.kernels.items()}
        ready = Stopped(stack, Path(f"/proc/{os.getpid()}/fd/{memory}"), paths, found, said, snapshot.path)
        with stack.agent.running_freely():
            for _ in range(20):
                time.sleep(0.5)
                stack.machine.qmp("stop")
                if running(ready):
                    break
                stack.machine.qmp("cont")
            yield ready


def running(stopped: Stopped) -> list[Vcpu]:
    """The vCPUs that execute L2 just then."""
    return [
        each
        for each in stopped.only_vm(Level.L0).vcpus
        if each.mode == "in-guest" and each.context == "nested"
    ]


def tables(mmu: Mmu) -> Tables:
    assert mmu.tables is not None, mmu.problem
    assert mmu.tables.defects == ()
    return mmu.tables


def nested(machine: Vm) -> Mmu:
    """The only context in use by L2."""
    (found,) = [
        each for each in machine.mmus if each.index is not None and each.valid and each.stage2_enabled
    ]
    return found


def covers(runs: tuple[LeafRun, ...], dump: str) -> int:
    """Assert that each mapping of KVM's own dump is there, level and permission alike; return bytes."""
    total = 0
    for start, end, level, write in DUMP.findall(dump):
        at, stop = int(start, 16), int(end, 16)
        total += stop - at
        while at < stop:
            run = next((each for each in runs if each.ipa <= at < each.ipa + each.size), None)
            assert run is not None, f"KVM's dump maps {at:#x}"
            assert (run.level, run.attributes.write) == (int(level), write == "W")
            at = run.ipa + run.size
    return total


def test_virtual_machines_are_those_in_debugfs(stopped: Stopped) -> None:
    for level in (Level.L0, Level.L1):
        names = re.findall(r"/(\d+)-\d+$", stopped.said[f"{level}.vms"], re.M)
        machines = stopped.look(level).vms
        assert [machine.pid for machine in machines] == [int(name) for name in names]
        assert len(machines) == 1
        assert machines[0].process.startswith("qemu-system")
        assert len(machines[0].vcpus) == 2
        assert machines[0].nested == (level is Level.L0)


def test_release_at_every_level(stopped: Stopped) -> None:
    for level in Level:
        assert stopped.look(level).release == stopped.said["l2.release"]
    assert stopped.look(Level.L2).vms == ()


def test_shadow_context_is_the_stage_2_of_l1s_kernel(stopped: Stopped) -> None:
    """VMID and table that L0 keeps as the key of the shadow context are those that L1's KVM keeps for L2."""
    shadow = nested(stopped.only_vm(Level.L0))
    of_l1 = next(mmu for mmu in stopped.only_vm(Level.L1).mmus if mmu.index is None)
    assert vmid(shadow.vttbr) == of_l1.vmid
    assert shadow.vttbr & ((1 << 48) - 2) == of_l1.pgd_phys
    assert shadow.vtcr & ~(1 << 31) == of_l1.host_vtcr & ~(1 << 31)  # bit 31 is RES1


def test_looking_again_shows_the_same(stopped: Stopped) -> None:
    """drgn reads debugging information with several threads: no name may be ambiguous."""
    first = stopped.look(Level.L0)
    for _ in range(5):
        assert stopped.look(Level.L0) == first


def test_vmm_and_stage_2_agree_on_l1s_memory(stopped: Stopped) -> None:
    """What stage 2 does not map is read through the VMM's page tables: where both map, they give one page."""
    with RamFile(stopped.ram) as ram:
        kernel, memory = Inspection(ram, stopped.vmlinux).kernel(Level.L0)
        guest = Guest(choose(kernel, None), memory)
        for start, size in guest.memory.extents()[::8]:
            for address in (start, start + size - PAGE):
                assert guest.page(address) == (guest.extent(address) or (0, 0))[0]


def test_memory_slots_hold_the_levels_memory(stopped: Stopped) -> None:
    for level in (Level.L0, Level.L1):
        megabytes = stopped.stack.spec.levels[Level(level + 1)].memory_mib
        assert (megabytes << 20) in [slot.size for slot in stopped.only_vm(level).slots]


def test_own_tables_are_those_that_kvm_dumps(stopped: Stopped) -> None:
    for level in (Level.L0, Level.L1):
        own = next(mmu for mmu in stopped.only_vm(level).mmus if mmu.index is None)
        dumped = covers(tables(own).runs, stopped.dumps[level]["stage2_page_tables"])
        assert dumped > 16 << 20
        assert tables(own).mapped >= dumped


def test_shadow_contexts_are_those_that_kvm_dumps(stopped: Stopped) -> None:
    machine = stopped.only_vm(Level.L0)
    seen = 0
    for mmu in machine.mmus:
        text = stopped.dumps[Level.L0].get(f"nested/nested_mmu{mmu.index}", "")
        if key := CONTEXT.search(text):
            seen += 1
            assert (int(key[1], 16), int(key[2], 16)) == (mmu.vtcr, mmu.vttbr)
            assert mmu.stage2_enabled == (key[3] == "enabled")
            assert covers(tables(mmu).runs, text) > 0
    assert seen == sum(mmu.valid for mmu in machine.mmus if mmu.index is not None) >= 1


def test_vttbr_in_the_cpus_is_a_context(stopped: Stopped) -> None:
    """What QEMU has in VTTBR_EL2 is VMID and table of a context that the RAM shows."""
    program = gdb_program()
    machine = stopped.only_vm(Level.L0)
    keys = {(mmu.vmid, mmu.pgd_phys) for mmu in machine.mmus}
    output = in_gdb(stopped, program, Level.L0, 'thread apply all printf "VTTBR %lx\\n", $VTTBR_EL2')
    values = [int(value, 16) for value in re.findall(r"^VTTBR ([0-9a-f]+)$", output, re.M)]
    loaded = {(vmid(value), value & ((1 << 48) - 2)) for value in values if value}
    assert len(values) == 2
    assert loaded
    assert loaded <= keys


def test_l2_runs_in_the_shadow_context(stopped: Stopped) -> None:
    machine = stopped.only_vm(Level.L0)
    shadow = nested(machine)
    assert running(stopped)
    for vcpu in running(stopped):
        assert vcpu.mmu == shadow.name
        assert vcpu.registers["VTTBR_EL2"] & ~1 == shadow.vttbr
        assert vcpu.registers["VTCR_EL2"] == shadow.vtcr
        assert vcpu.registers["HCR_EL2"] & 1  # VM


def test_shadow_agrees_with_the_composition_until_it_is_corrupted(stopped: Stopped) -> None:
    chosen = Filter(compose=True, mappings=True)
    shadow = nested(stopped.only_vm(Level.L0, chosen))
    held = shadow.composition
    assert held is not None
    assert (held.disagreements, held.unknown) == ((), 0)
    assert held.agreeing == tables(shadow).mapped > 16 << 20
    run = tables(shadow).runs[0]
    place, descriptor = leaf_of(stopped, shadow, run)
    with stopped.ram.open("r+b") as file:
        for wrong, says in ((descriptor ^ (1 << 30), "give another page"), (0, "")):
            os.pwrite(file.fileno(), wrong.to_bytes(8, "little"), place)
            try:
                changed = nested(stopped.only_vm(Level.L0, chosen))
            finally:
                os.pwrite(file.fileno(), descriptor.to_bytes(8, "little"), place)
            assert changed.composition is not None
            found = changed.composition.disagreements
            assert [each.ipa for each in found] == ([run.ipa] if says else [])
            assert all(says in each.text for each in found)
            assert changed.composition.agreeing < held.agreeing
    again = nested(stopped.only_vm(Level.L0, chosen)).composition
    assert again is not None
    assert again.disagreements == ()


def leaf_of(stopped: Stopped, mmu: Mmu, run: LeafRun) -> tuple[int, int]:
    """Return the offset in the RAM file and the value of the first descriptor of ``run``, by another walk."""
    geometry = Geometry.from_vtcr(mmu.host_vtcr)
    with RamFile(stopped.ram) as ram:
        table = mmu.pgd_phys
        for level in range(geometry.start_level, run.level + 1):
            mask = geometry.entries(level) - 1
            address = table + 8 * (run.ipa >> geometry.shift(level) & mask)
            descriptor = int.from_bytes(ram.read(address, 8), "little")
            table = descriptor & 0xFFFF_FFFF_F000
        return address - ram.base, descriptor


def memory_of_qemu(stopped: Stopped) -> ProcessRam:
    machine = stopped.stack.machine
    return ProcessRam(machine.pid, machine.spec.memory_mib << 20, stopped.ram)


def test_memory_of_the_process_is_the_ram(stopped: Stopped) -> None:
    with memory_of_qemu(stopped) as ram, RamFile(stopped.ram) as file:
        chosen = Filter(compose=True, mappings=True)
        seen, kept = (Inspection(each, stopped.vmlinux).report(Level.L0, chosen) for each in (ram, file))
    assert seen == kept


def test_what_l1_takes_away_without_a_tlbi_stays_in_the_shadow_and_is_found(stopped: Stopped) -> None:
    """L1's descriptor of what the shadow maps is cleared in its memory: no TLBI will ever come."""
    shadow = nested(stopped.only_vm(Level.L0))
    ipa = tables(shadow).runs[0].ipa
    place, descriptor = leaf_of_l1(stopped, shadow, ipa)
    assert judged(stopped).verdict is Verdict.PASS
    with stopped.ram.open("r+b") as file:
        os.pwrite(file.fileno(), bytes(8), place)
        try:
            found = judged(stopped)
        finally:
            os.pwrite(file.fileno(), descriptor.to_bytes(8, "little"), place)
    assert found.verdict is Verdict.FAIL
    assert f"maps IPA {ipa:#x} + " in found.message
    assert "L1's tables do not map it" in found.message
    assert judged(stopped).verdict is Verdict.PASS


def judged(stopped: Stopped) -> Finding:
    """What shadow-subset says of the machine as it stands, which has no TLBI of L1 under way."""
    check = OracleCheck(Location("s.yaml", 1), "shadow-subset", "shadow-subset", Scope())
    with memory_of_qemu(stopped) as ram:
        look = look_at(ram, stopped.vmlinux, Level.L2)
    return ORACLES["shadow-subset"](check, Observations(looks=(look, look)))


def leaf_of_l1(stopped: Stopped, shadow: Mmu, ipa: int) -> tuple[int, int]:
    """Return the offset in the RAM file and the value of L1's leaf descriptor for ``ipa``."""
    geometry = Geometry.from_vtcr(shadow.vtcr)
    table, level = vttbr_base(shadow.vttbr, geometry), geometry.start_level
    with RamFile(stopped.ram) as ram:
        kernel, memory = Inspection(ram, stopped.vmlinux).kernel(Level.L0)
        guest = Guest(choose(kernel, None), memory)
        while True:
            address = table + 8 * (ipa >> geometry.shift(level) & (geometry.entries(level) - 1))
            descriptor = int.from_bytes(guest.memory.read(address, 8), "little")
            assert descriptor & 1
            if level == LAST_LEVEL or descriptor & 3 == 1:
                behind = guest.extent(address)
                assert behind is not None
                return behind[0] - ram.base, descriptor
            table, level = geometry.output(descriptor, LAST_LEVEL), level + 1


def test_filters(stopped: Stopped) -> None:
    whole = nested(stopped.only_vm(Level.L0))
    run = tables(whole).runs[0]
    chosen = Filter(vm=0, mmu=whole.index, start=run.ipa, end=run.ipa + 1, mappings=True)
    machine = stopped.only_vm(Level.L0, chosen)
    assert [mmu.index for mmu in machine.mmus] == [whole.index]
    (only,) = tables(machine.mmus[0]).runs
    assert (only.ipa, only.pa) == (run.ipa, run.pa)
    assert [mmu.index for mmu in stopped.only_vm(Level.L0, Filter(mmu=OWN)).mmus] == [None]
    with pytest.raises(UserError, match="l0 has no VM 7; it has"):
        stopped.look(Level.L0, Filter(vm=7))
    with pytest.raises(UserError, match="VM 0 has no context 99"):
        stopped.look(Level.L0, Filter(mmu=99))


def test_what_cannot_be_looked_into(stopped: Stopped) -> None:
    with pytest.raises(UserError, match="l0 has no VM 3"):
        inspect(stopped.ram, stopped.vmlinux, Level.L1, through=3)
    with pytest.raises(UserError, match="nothing says which vmlinux l1 runs"):
        inspect(stopped.ram, {Level.L0: stopped.vmlinux[Level.L0]}, Level.L1)
    with RamFile(stopped.ram, base=0x8000_0000) as ram, pytest.raises(UserError, match="does not fit"):
        Inspection(ram, stopped.vmlinux).report(Level.L0)


def test_command_line(stopped: Stopped, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ram").symlink_to(stopped.ram)
    words = ["inspect", str(tmp_path), "--at", "l1"]
    for level in (Level.L0, Level.L1):
        words += ["--vmlinux", f"{level}={stopped.vmlinux[level]}"]
    assert main([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["level"] == "l1"
    assert data["vms"][0]["pid"] == stopped.only_vm(Level.L1).pid
    assert main(words) == 0
    assert "l1: Linux " in capsys.readouterr().out


def gdb_program() -> str:
    try:
        return gdb.find_gdb()
    except UserError as error:
        pytest.skip(str(error))


def in_gdb(stopped: Stopped, program: str, level: Level, *commands: str) -> str:
    """Run gdb commands on the machine and return what gdb prints; the machine stays stopped."""
    machine = stopped.stack.machine
    debuggee = session.Debuggee(machine.directory, stopped.vmlinux, stopped.ram)
    script = session.prepare(debuggee, level)
    if not (machine.directory / gdb.SOCKET).exists():
        gdb.serve(machine.qmp, machine.directory)
    log = machine.directory / "gdb.log"
    log.unlink(missing_ok=True)
    first = ["set logging file gdb.log", "set logging enabled on", "nvh-where"]
    assert session.run(program, script, [*first, *commands, "disconnect"]) == 0
    return log.read_text()


@pytest.fixture
def cell(stopped: Stopped, tmp_path: Path) -> Path:
    """A cell's directory with the machine that it kept: here the snapshot of three booted levels."""
    (chosen,) = find_cells([SCENARIOS / "boot" / "three-levels.yaml"], ["three-levels"], NO_OVERRIDES)
    job = Job(chosen, stopped.stack.images, "three-levels", "./nvh run three-levels")
    write_job(tmp_path, job)
    (tmp_path / "failure").symlink_to(stopped.snapshot)
    return tmp_path


def test_kept_machine_is_inspected(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(cell), "--at", "l1", "--mmu", "own", "--mappings"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("l1: Linux ")
    assert re.search(r"^ +0x\w+ - 0x\w+ -> 0x\w+  level [23]", printed, re.M)


def test_kept_machine_is_debugged(cell: Path, capfd: pytest.CaptureFixture[str]) -> None:
    gdb_program()
    commands = ["nvh-break l1 kvm_handle_wfx", "continue", "print $nvh_level()", "backtrace 2"]
    words = [word for each in commands for word in ("--command", each)]
    assert main(["gdb", str(cell), "--at", "l1", *words]) == 0
    printed = capfd.readouterr().out
    assert re.search(r"^cpu 0: l\d pc 0x", printed, re.M), printed
    assert "hit Breakpoint 1, kvm_handle_wfx (vcpu=" in printed
    assert "$1 = 1" in printed
    assert [path.name for path in cell.iterdir() if path.suffix == ".sock"] == []


def test_gdb_tells_the_levels_apart(stopped: Stopped) -> None:
    """The last test of the module: it lets the machine run on."""
    program = gdb_program()
    shadow = nested(stopped.only_vm(Level.L0))
    for level in Level:
        function = "do_idle" if level is Level.L2 else "kvm_handle_wfx"
        said = in_gdb(
            stopped,
            program,
            level,
            f"nvh-break {level} {function}",
            "continue",
            "print $nvh_level()",
            "backtrace 3",
            "nvh-where",
        )
        assert re.search(rf"hit Breakpoint 1, {function} \(", said), said
        assert f"$1 = {int(level)}" in said
        assert f"#0  {function} (" in said
        assert re.search(rf"^cpu \d: {level} pc 0x\w+", said, re.M), said
        if level is Level.L2:
            context = f"BADDR {shadow.pgd_phys:#x}: VM 0, nested"
            assert re.search(rf"^cpu \d: l2 pc 0x\w+ .*{context}", said, re.M), said
