# SPDX-License-Identifier: GPL-2.0-only
"""A finding as files: an ordinary scenario with the shrunk program, and the program as it was found."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.check.sanitizer.reports import MODEL
from harness.host.cache import write_atomic
from harness.program.allowed import allowed_of
from harness.program.program import Map, Program, Tlbi
from harness.program.render import plain
from harness.program.script import script
from harness.reproduce.hunt.in_words import paragraph
from harness.reproduce.hunt.program_findings import SANITIZER, ProgramFinding, outcome_class

NO_KERNEL = "none"
"""What a finding of the bare machine says in place of the kernel's name."""
RECORD = "finding.json"
FOUND = "as-found.txt"
RUN = "program"
"""The step that runs the programs."""
RUN_S = 200
DEADLINE_S = 700
CLAIMS = {
    "ipas2e1": "nv-tlbi-v8.6",
    "vmalls12e1": "nv-tlbi-v8.5",
    "alle1": "nv-tlbi-v8.4",
    "alle2": "nv-tlbi-v8.maz.alle2is",
    "vae2": "nv-tlbi-v8.3",
}
"""Which claim the operations of a family are about (harness/scenario/claims.yaml); E1 operations are
nv-tlbi-v8.8's."""


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """A finding, the program in which it was met and the short one, and how to meet it again.

    ``versions``: what ran, by name. ``confirmed``: the program failed again alone, in a VM of its own.
    """

    program: Program
    finding: ProgramFinding
    original: Program
    seed: str
    batch: int
    index: int
    model: str
    timing: str
    kernel: str
    mutant: str
    versions: Mapping[str, str]
    runs: int
    confirmed: bool = True

    @property
    def slug(self) -> str:
        """A file name for the cause."""
        return slug_of(self.finding.cause)

    @property
    def bare(self) -> bool:
        """Whether it was met on the bare machine, where no kernel was involved."""
        return self.kernel == NO_KERNEL

    @property
    def watched(self) -> str:
        """What ``sanitize`` has to say for it to be seen again; empty for what programs see themselves."""
        if not self.finding.report:
            return ""
        return "model" if self.finding.saw.startswith(f"{SANITIZER}{MODEL}") else "tlb"


def slug_of(cause: str) -> str:
    """Words of ``cause`` that a file name and a scenario's name may have."""
    return re.sub(r"[^a-z0-9]+", "-", cause.lower()).strip("-")[:60]


def claims_of(program: Program) -> list[str]:
    """What the scenario is about."""
    families = [a.operation.family for a in program.actions if isinstance(a, Tlbi)]
    found = {CLAIMS.get(family, "nv-tlbi-v8.8") for family in families}
    return sorted(found) or ["nv-tlbi-v8.1"]


def scenario_text(found: KeptFinding) -> str:
    """The scenario file: red where the defect is, green where it is not."""
    program = found.program
    text = script(program, "hunted")
    length = len(program.actions)
    head = [
        f"Found by `./nvh hunt --seed {found.seed}{f' --mutant {found.mutant}' if found.mutant else ''}`, "
        f"batch {found.batch}, program {found.index}; "
        f"{len(found.original.actions)} actions, shrunk to {length} in {found.runs} runs.",
        f"Kernel {found.kernel}{f' with the fault {found.mutant}' if found.mutant else ''}, "
        f"model {found.model}, timing {found.timing}: "
        + "; ".join(f"{name} {version}" for name, version in sorted(found.versions.items()))
        + ".",
    ]
    if not found.confirmed:
        head.append("It did NOT fail again alone: what came before it in its VM matters.")
    comment = "\n".join(textwrap.fill(line, 108, break_long_words=False) for line in head)
    comment += "\n\n" + paragraph(program, found.finding)
    comment += f"\n\n{found.finding.report}" if found.finding.report else ""
    comments = "\n".join(f"# {line}".rstrip() for line in comment.splitlines())
    return scenario_of(
        comments,
        f"hunt-{found.slug}",
        _summary(found),
        claims_of(program),
        [
            f"model: {found.model}",
            f"timing: {found.timing}",
            *([f"sanitize: {found.watched}"] if found.watched else []),
        ],
        [text],
    )


def scenario_of(
    comments: str,
    name: str,
    summary: str,
    claims: Sequence[str],
    stack: Sequence[str],
    programs: Sequence[str],
    left_out: int = 0,
) -> str:
    """A scenario that runs ``programs`` as nvh-litmus gets them, and wants all of them to pass.

    ``comments``: lines that begin with ``#``. ``stack``: the lines of its stack. ``left_out``: so many of
    them are not applicable, as L0 does not offer L1 what they need.
    """
    lines = "".join(f"\n  {line}" for line in stack)
    return f"""{comments}
scenario: {name}
summary: {summary}
claims: [{", ".join(claims)}]
stack:{lines}
timeout: {DEADLINE_S}
steps:
  - boot: l0
  - run: |
      nvh-litmus --program - <<'END'
{textwrap.indent("".join(programs), "      ").rstrip()}
      END
    on: l0
    name: {RUN}
    timeout: {RUN_S}
expect:
  - result: only-what-is-allowed
    of: {RUN}
    values: {{failed: 0, vacuous: 0, passed: {len(programs) - left_out}}}
"""


def corpus_text(found: KeptFinding) -> str:
    """The shrunk program as a file of scenarios/programs (docs/programs.md)."""
    why = paragraph(found.program, found.finding)
    stack = f"model={found.model} timing={found.timing}"
    stack += f" sanitize={found.watched}" if found.watched else ""
    fault = f" with the fault {found.mutant}" if found.mutant else ""
    number = f"batch {found.batch}, program {found.index}"
    source = f"nvh hunt --seed {found.seed}, {number}; kernel {found.kernel}{fault}"
    if found.bare:
        why += (
            "\nNo kernel was involved: it ran at true EL2 of the bare model. Run it again with `nvh program"
        )
        why += f" hunt-{found.slug}.nvl --on bare`; below a kernel it may pass."
        source = f"nvh hunt --bare --seed {found.seed}, {number}"
    lines = [f"what: {_summary(found)}", *f"why: {why}".splitlines(), f"source: {source}", f"stack: {stack}"]
    keys = ("what:", "why:", "source:", "stack:")
    head = [f"# {line}" if line.startswith(keys) else f"#   {line}" for line in lines]
    return "\n".join(head) + "\n" + plain(found.program, f"hunt-{found.slug}", allowed_of(found.program))


def _summary(found: KeptFinding) -> str:
    stages = {"s2": "stage 2", "s1": "L2's stage 1", "e2": "vEL2's own stage 1"}
    maps = [a for a in found.program.actions if isinstance(a, Map)]
    of = stages[maps[-1].stage] if maps else "operations"
    return f"Hunted ({of}), {found.finding.cause}"[:100].replace(":", " -")


def command(found: KeptFinding, path: Path) -> str:
    """How to run the kept file again: bare what was met bare."""
    return f"./nvh program {path} --on bare" if found.bare else f"./nvh run {path}"


def write(found: KeptFinding, directory: Path) -> Path:
    """Leave all files in ``directory``; returns the scenario's path, of the bare machine the program's.

    A scenario has a kernel, so there is none of what no kernel was involved in.
    """
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / f"hunt-{found.slug}.nvl"
    path = program if found.bare else directory / f"hunt-{found.slug}.yaml"
    if not found.bare:
        write_atomic(path, scenario_text(found))
    write_atomic(program, corpus_text(found))
    write_atomic(directory / FOUND, script(found.original, "as-found"))
    finding = found.finding
    record = {
        "cause": finding.cause,
        "saw": finding.saw,
        "class": outcome_class(finding.saw),
        "allowed": sorted(finding.allowed),
        "actions": len(found.program.actions),
        "found_with": len(found.original.actions),
        "runs": found.runs,
        "confirmed": found.confirmed,
        "seed": found.seed,
        "batch": found.batch,
        "index": found.index,
        "model": found.model,
        "timing": found.timing,
        "kernel": found.kernel,
        "mutant": found.mutant,
        "versions": dict(found.versions),
        "scenario": path.name,
        "command": command(found, path),
        "paragraph": paragraph(found.program, finding),
        "report": finding.report,
    }
    write_atomic(directory / RECORD, json.dumps(record, indent=1, sort_keys=True))
    return path
