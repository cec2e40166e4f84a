# SPDX-License-Identifier: GPL-2.0-only
"""Programs that people write, on the real machine: true EL2 and vEL2 agree, and a kernel with an injected
fault is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import EXIT_PASS, EXIT_RED
from harness.host.paths import SCENARIOS
from harness.program.needs import NOT_NESTED, needs
from harness.reproduce.programs.checker import check_file
from tests.real.conftest import needs_mutants, nvh

PLACE = SCENARIOS / "programs"
DEFECTS = ("beyond-input-size", "unfit-start-level", "narrow-vmid")
BARE = [path.stem for path in sorted(PLACE.glob("*.nvl"))]
NESTED = (
    "wide-vmid",
    "ns-bit",
    "access-flag",
    "contiguous",
    "start-levels",
    "el2-operations-at-el1",
    "output-size",
    "stage1-sizes",
    "hardware-access-flag",
    "without-e2h",
    "memory-types",
    "dirty-state",
)


def run(*words: str) -> tuple[int, list[dict[str, object]]]:
    status, said = nvh("program", *words, "--json")
    data: list[dict[str, object]] = json.loads(said)
    return status, data


def test_true_el2_sees_what_is_allowed_of_every_program() -> None:
    """No kernel is involved: a red one is a defect of the hardware model, or of the reference model."""
    status, data = run(*(str(PLACE / f"{name}.nvl") for name in BARE), "--on", "bare")
    assert [each["why"] for each in data if each["verdicts"] != {"bare": "pass"}] == []
    assert status == EXIT_PASS


def test_vel2_sees_what_is_allowed(tmp_path: Path) -> None:
    files = [str(PLACE / f"{name}.nvl") for name in NESTED]
    status, data = run(*files, "--on", "nested", "--out", str(tmp_path / "out"))
    wanted = {
        checked.name: "not-applicable" if needs(checked.program) & NOT_NESTED else "pass"
        for path in files
        for checked in check_file(Path(path))
    }
    assert {str(each["name"]): each["verdicts"] for each in data} == {
        name: {"nested": verdict} for name, verdict in wanted.items()
    }
    assert status == EXIT_PASS


DELETED = """
program deleted cpus=2
context 0 granule=4k vmid=1 s2
host set-up 0x1000 => v=0x0
s2 0 0x400001000 3 0x200001000 rwx
read 0 0x400001000 => v=0x6e76680200001000
host delete 0x1000 => v=0x0
host kick 0x0 => v=0x0
read 0 0x400001000 => v=0x918997fdffffefff
end
"""


def test_memory_that_is_deleted_reads_as_its_own_address(tmp_path: Path) -> None:
    """Whatever the VMM did last, it answers with the address that KVM tells it."""
    path = tmp_path / "deleted.nvl"
    path.write_text(DELETED)
    status, data = run(str(path), "--on", "nested", "--out", str(tmp_path / "out"))
    assert [(each["verdicts"], each["why"]) for each in data] == [({"nested": "pass"}, {"nested": "pass"})]
    assert status == EXIT_PASS


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defects_are_red_nested_and_green_bare(name: str, tmp_path: Path) -> None:
    """Until Linux is mended: then these go out of the quarantine and into ``NESTED``."""
    status, data = run(str(PLACE / f"{name}.nvl"), "--on", "both", "--out", str(tmp_path / "out"))
    assert status == EXIT_RED
    verdicts = [each["verdicts"] for each in data]
    assert all(isinstance(each, dict) and each["bare"] == "pass" for each in verdicts)
    assert any(isinstance(each, dict) and each["nested"] != "pass" for each in verdicts)


def test_a_wrong_kernel_is_reported_by_its_line_shrunk_and_kept(tmp_path: Path) -> None:
    needs_mutants()
    short = tmp_path / "short.nvl"
    words = ("--mutant", "ipas2-no-unmap", "--shrink", "--keep", str(short), "--out", str(tmp_path / "out"))
    status, said = nvh("program", str(PLACE / "wide-vmid.nvl"), "--on", "nested", *words)
    assert status == EXIT_RED
    (whole,) = check_file(PLACE / "wide-vmid.nvl")
    line = next(n for n, may in zip(whole.lines, whole.allowed, strict=True) if may and "s2" in str(may))
    assert f"line {line} saw v=0xaaaa, allowed s2-translation@0x400000000" in said
    (kept,) = check_file(short)
    assert len(kept.program.actions) < len(whole.program.actions)
    assert nvh("program", str(short), "--on", "nested", "--out", str(tmp_path / "again"))[0] == EXIT_PASS
