# SPDX-License-Identifier: GPL-2.0-only
"""What is left of a race that was found: a scenario with its holds, and all there is to know of it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.document.as_json import to_data
from harness.host.cache import write_atomic
from harness.reproduce.hunt.in_words import paragraph
from harness.reproduce.hunt.keep import DEADLINE_S, RUN, RUN_S, claims_of, slug_of
from harness.reproduce.hunt.program_findings import ProgramFinding
from harness.reproduce.races.machine import RaceTrial

RECORD = "finding.json"
TRACE = "trace.txt"


@dataclass(frozen=True, slots=True)
class Race:
    """A finding with the short program and schedule, and how to meet it again.

    ``trace``: all that happened in it, as ``RaceTarget.trace`` has it. ``number`` and ``draw``: program and
    schedule of the hunt with ``seed``. ``again``: how many of the runs that repeated it had the same trace.
    """

    trial: RaceTrial
    finding: ProgramFinding
    trace: str
    seed: str
    number: int
    draw: int
    model: str
    timing: str
    l0_cpus: int
    kernel: str
    mutant: str
    versions: Mapping[str, str]
    runs: int
    again: int
    repeats: int

    @property
    def slug(self) -> str:
        """A file name for the cause."""
        return slug_of(f"race {self.finding.cause}")


def scenario_text(race: Race) -> str:
    """The scenario file: red where the defect is, green where it is not."""
    mutant = f" --mutant {race.mutant}" if race.mutant else ""
    head = [
        f"Found by `./nvh hunt --races --seed {race.seed}{mutant}`, program {race.number}, "
        f"schedule {race.draw}; {len(race.trial.schedule)} preemptions, "
        f"{len(race.trial.program.actions)} actions after {race.runs} runs; "
        f"{race.again} of {race.repeats} repetitions gave the same trace.",
        f"Kernel {race.kernel}, model {race.model}, timing {race.timing}: "
        + "; ".join(f"{name} {version}" for name, version in sorted(race.versions.items()))
        + ".",
        *(f"Schedule: {each}" for each in race.trial.schedule),
    ]
    lines = [line for words in head for line in textwrap.wrap(words, 106, break_long_words=False)]
    lines += ["", *paragraph(race.trial.program, race.finding).splitlines()]
    comments = "\n".join(f"# {line}".rstrip() for line in lines)
    holds = "".join(
        f"  - {each.step(race.trial.pa_bits)}\n    name: hold-{i}\n"
        for i, each in enumerate(race.trial.schedule)
    )
    text = textwrap.indent(race.trial.text.strip(), "      ")
    program = f"nvh-litmus --program - <<'END'\n{text}\n      END"
    before = f"  - run: |\n      {program}\n    on: l0\n    timeout: {RUN_S}\n" * race.trial.warm
    return f"""{comments}
scenario: {race.slug}
summary: Two CPUs meet - {race.finding.cause[:70].replace(":", " -")}
claims: [{", ".join(claims_of(race.trial.program))}]
stack:
  model: {race.model}
  timing: {race.timing}
  l0: {{cpus: {race.l0_cpus}}}
timeout: {DEADLINE_S}
steps:
  - boot: l0
{before}{holds}  - run: |
      {program}
    on: l0
    name: {RUN}
    timeout: {RUN_S}
expect:
  - result: only-what-is-allowed
    of: {RUN}
    values: {{failed: 0, vacuous: 0, passed: 1}}
"""


def write(race: Race, directory: Path) -> Path:
    """Leave the scenario and the record in ``directory``; returns the scenario's path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{race.slug}.yaml"
    write_atomic(directory / TRACE, race.trace)
    write_atomic(path, scenario_text(race))
    record = {
        "cause": race.finding.cause,
        "saw": race.finding.saw,
        "allowed": sorted(race.finding.allowed),
        "schedule": [str(each) for each in race.trial.schedule],
        "holds": [to_data(each) for each in race.trial.schedule],
        "pa_bits": race.trial.pa_bits,
        "warm": race.trial.warm,
        "program": race.trial.text,
        "seed": race.seed,
        "number": race.number,
        "draw": race.draw,
        "runs": race.runs,
        "same": race.again,
        "repeats": race.repeats,
        "mutant": race.mutant,
        "kernel": race.kernel,
        "model": race.model,
        "timing": race.timing,
        "l0_cpus": race.l0_cpus,
        "versions": dict(race.versions),
        "scenario": path.name,
    }
    write_atomic(directory / RECORD, json.dumps(record, indent=1, sort_keys=True))
    return path
