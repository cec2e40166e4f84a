# SPDX-License-Identifier: GPL-2.0-only
"""A race that was kept, again: the same program under the same schedule from the same saved state.

What has to be the same is the whole trace: each arrival, hold and release by any CPU with the number of
instructions that all had executed, and what was observed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.document.as_json import from_data
from harness.errors import InputError, Location, Problem
from harness.host.cache import Store
from harness.level import Level
from harness.report.progress import Progress
from harness.reproduce.hunt.campaign import Wanted, stack_for
from harness.reproduce.races.campaign import LANE
from harness.reproduce.races.kept import RECORD, TRACE
from harness.reproduce.races.machine import RaceTarget
from harness.reproduce.races.schedule import Preemption, Schedule
from harness.runner.prepare import Builder
from harness.runner.snapshots import Snapshots
from harness.stack.images import StackImages

OLD_CPUS = 2
"""Of L0, where a record does not say it."""


@dataclass(frozen=True, slots=True)
class KeptRace:
    """The record of a race (``kept.write``) as far as repeating it needs it; ``trace``: what it was then."""

    program: str
    schedule: Schedule
    pa_bits: int
    warm: int
    model: str
    timing: str
    l0_cpus: int
    kernel: str
    mutant: str
    versions: dict[str, str]
    trace: str


@dataclass(frozen=True, slots=True)
class RacedAgain:
    """One repetition: ``red`` when it shows something that is not allowed.

    ``differs``: the first line of the trace that is another one, beginning with 1; 0: the same bytes.
    """

    red: bool
    differs: int
    trace: str


def is_race(directory: Path) -> bool:
    """Whether a hunt for races left ``directory``."""
    return (directory / RECORD).is_file() and (directory / TRACE).is_file()


def read_race(directory: Path) -> KeptRace:
    """Read it; ``InputError`` when it is no record, or a damaged one."""
    path = directory / RECORD
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return KeptRace(
            program=data["program"],
            schedule=tuple(from_data(Preemption, each) for each in data["holds"]),
            pa_bits=int(data["pa_bits"]),
            warm=int(data["warm"]),
            model=data["model"],
            timing=data["timing"],
            l0_cpus=int(data.get("l0_cpus", OLD_CPUS)),
            kernel=data["kernel"],
            mutant=data["mutant"],
            versions=dict(data["versions"]),
            trace=(directory / TRACE).read_text(encoding="utf-8"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        place = Location(str(path))
        raise InputError(
            [Problem(place, f"is not a race that was kept: {error}", "one of hunt --races")]
        ) from error


def prepare(race: KeptRace, progress: Progress) -> tuple[StackImages, RaceTarget]:
    """A machine for ``race``; its directory is temporary, and goes with ``end``."""
    wanted = Wanted(
        seconds=0,
        seed="",
        out=Path(),
        kernel=race.kernel,
        model=race.model,
        timing=race.timing,
        mutant=race.mutant,
    )
    lane = replace(LANE, model=race.model, timing=race.timing, l0_cpus=race.l0_cpus)
    spec = stack_for(lane, wanted)
    # With a mutant the kernel of the record is L0's alone.
    if race.mutant:
        plain = stack_for(lane, replace(wanted, kernel=None))
        levels = {**plain.levels, Level.L0: replace(plain.levels[Level.L0], kernel=race.kernel)}
        spec = replace(plain, levels=levels)
    images = Builder(Store(), progress).images(spec, watched=True)
    place = Path(tempfile.mkdtemp(prefix="nvh-race-"))
    return images, RaceTarget(images, spec, Snapshots(Store()), place, race.mutant)


def repeat(race: KeptRace, target: RaceTarget, times: int) -> Iterator[RacedAgain]:
    """Run it ``times`` times, each from the saved state; the machine's directory is removed at the end."""
    try:
        for _ in range(times):
            ran = target.race_again(race.program, race.schedule, race.pa_bits, race.warm)
            red = bool(ran.batch.splats) or any(each.verdict != "pass" for each in ran.batch.outcomes)
            trace = target.trace(ran)
            yield RacedAgain(red, first_difference(race.trace, trace), trace)
    finally:
        target.close()
        shutil.rmtree(target.directory, ignore_errors=True)


def first_difference(one: str, other: str) -> int:
    """The number of the first line that differs, from 1; 0 when both are the same bytes."""
    if one == other:
        return 0
    lines, others = one.split("\n"), other.split("\n")
    same = (a == b for a, b in zip(lines, others, strict=False))
    return next((i for i, equal in enumerate(same, 1) if not equal), min(len(lines), len(others)) + 1)


def changed_versions(race: KeptRace, images: StackImages) -> list[str]:
    """What is of another version than when the race was found, in words."""
    now = {key: str(row["version"]) for key, row in images.versions().items()}
    return [
        f"{key} {old}, now {now.get(key, 'none')}"
        for key, old in sorted(race.versions.items())
        if now.get(key) != str(old)
    ]
