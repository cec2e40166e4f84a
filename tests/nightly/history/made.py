# SPDX-License-Identifier: GPL-2.0-only
"""Results with the real schema that nothing ran: as many cells, models, kernels and nights as are wanted.

What is red, and when it turned so, follows from the arguments, so that tests know what a comparison must say.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.check.finding import Finding
from harness.nightly.history.database import Begun, RecordedCell, Results
from harness.report.results import ArtefactVersion, CellResult, FileRef, HostMachine, MachineTime
from harness.scenario.load import slug
from harness.verdict import Verdict

SPLAT = (
    "[  {time}] WARNING: CPU: {cpu} PID: 812 at arch/arm64/kvm/nested.c:1{line} kvm_s2_fault+0x{line}/0x9c"
)
FILES = (
    FileRef("l0.console.log", "console", "l0"),
    FileRef("l0.trace.txt", "trace", "l0"),
    FileRef("timeline.jsonl", "timeline"),
    FileRef("qemu.sh", "command"),
)
OPS = ("ipas2e1is", "vmalle1is", "vae2is", "alle1is", "vmalls12e1is", "ripas2e1is", "aside1is", "vale1is")


def sha(text: str) -> str:
    """A digest for a made version."""
    return hashlib.sha256(text.encode()).hexdigest()


def versions(model: str, kernel: str, build: str = "11.1.3") -> dict[str, ArtefactVersion]:
    """What a made cell ran on; ``build`` is the model's version."""
    return {
        "model": ArtefactVersion(f"QEMU {build}", sha(f"{model} {build}")),
        "kernel l0": ArtefactVersion(f"7.3.0-{kernel}", sha(kernel)),
        "rootfs l0": ArtefactVersion("hypervisor", sha("hypervisor")),
    }


def finding(name: str, verdict: Verdict, message: str, kind: str = "response") -> Finding:
    """A finding of a scenario."""
    return Finding(name, kind, verdict, message, where="scenarios/made.yaml:9:5")


def splat(time: float = 3.5, cpu: int = 1, line: int = 32) -> Finding:
    """A WARN at L0; its numbers differ from cell to cell."""
    text = SPLAT.format(time=f"{time:.6f}", cpu=cpu, line=line)
    return Finding("no-splat-l0", "console", Verdict.FAIL, text)


def cell(
    cell_id: str,
    verdict: Verdict = Verdict.PASS,
    *findings: Finding,
    model: str = "qemu",
    kernel: str = "nv",
    build: str = "11.1.3",
    seconds: float = 20.0,
    repeat: int = 1,
    **changes: object,
) -> CellResult:
    """One made result; ``changes`` replace its fields."""
    timing = "icount"
    made = CellResult(
        id=cell_id,
        slug=f"{slug(cell_id)}+{model}+{kernel}+{repeat}",
        scenario=cell_id.split("[")[0],
        summary="Made for a test.",
        model=model,
        timing=timing,
        kernels=dict.fromkeys(("l0", "l1", "l2"), kernel),
        verdict=verdict,
        started="2026-11-22T01:02:03Z",
        seconds=seconds,
        command=shlex.join(["./nvh", "run", cell_id, "--model", model, "--kernel", kernel]),
        findings=findings or (finding("exercised", Verdict.PASS, "42 matches", "existence"),),
        machine=MachineTime(0.2, seconds - 0.5, 0.1, 1.0, 900) if seconds > 1 else None,
        seed=1,
        files=FILES,
        versions=versions(model, kernel, build),
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def entry(result: CellResult, **changes: object) -> RecordedCell:
    """How a made result is recorded."""
    plain = RecordedCell(result, result.model, result.kernels["l0"], result.verdict)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def begun(name: str, started: str, directory: Path = Path("/nowhere"), plan: str = "made") -> Begun:
    """A made run."""
    return Begun(name, plan, directory, started, HostMachine(2, 24576), "0.1.0", "3f2a91c0d4e8")


def night(number: int) -> tuple[str, str]:
    """Name and start of the run of a night in November, from 1 on."""
    return f"202611{number:02d}T010000Z", f"2026-11-{number:02d}T01:00:00Z"


def record(
    results: Results,
    number: int,
    entries: Iterator[RecordedCell] | list[RecordedCell],
    directory: Path = Path("/nowhere"),
) -> int:
    """Record one whole night; returns the run's id."""
    run = results.begin(begun(*night(number), directory / night(number)[0]))
    results.record(run, entries)
    results.end(run, 3600.0 + 60 * number)
    return run


def many(
    count: int, number: int, models: tuple[str, ...] = ("qemu", "qemu-10.0"), broken: Mapping[str, int] = {}
) -> Iterator[RecordedCell]:
    """A night of ``count`` cells on models and two kernels; a model in ``broken`` splats from that night on.

    Besides, one cell in 97 fails its own assertion each night, one in 211 fails every third night, and one
    in 503 is vacuous from night 4 on.
    """
    kernels = ("nv", "nv-previous")
    for place in range(count):
        model = models[place % len(models)]
        kernel = kernels[place // len(models) % 2]
        point = place // (2 * len(models))
        name = f"made-{point % 61:02d}[op={OPS[point % 8]},granule={4 << 2 * (point % 3)}k,n={point}]"
        build, verdict, found = "11.1.3", Verdict.PASS, ()  # type: tuple[str, Verdict, tuple[Finding, ...]]
        if number >= broken.get(model, 999):
            build = "11.1.4"
            if point % 5 == 0:
                verdict, found = Verdict.FAIL, (splat(1 + point / 7, point % 2, 10 + point % 80),)
        if verdict is Verdict.PASS and point % 97 == 3:
            verdict = Verdict.FAIL
            found = (finding("shadow-unmapped", verdict, f"no l0.shadow_unmap covers {hex(point << 12)}"),)
        elif verdict is Verdict.PASS and point % 211 == 5 and number % 3 == 0:
            verdict, found = Verdict.FAIL, (finding("flushed", Verdict.FAIL, f"{point} stale reads"),)
        elif verdict is Verdict.PASS and point % 503 == 7 and number >= 4:
            verdict, found = Verdict.VACUOUS, (finding("exercised", Verdict.VACUOUS, "no l0.tlbi"),)
        seconds = 15.0 + point % 17 + (60 if point % 401 == 9 and number >= 5 else 0)
        made = cell(name, verdict, *found, model=model, kernel=kernel, build=build, seconds=seconds)
        yield entry(made, worker="node7", peak_mib=900.0, cpu_seconds=seconds)
