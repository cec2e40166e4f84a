# SPDX-License-Identifier: GPL-2.0-only
"""Generate programs for L1 and L2, judge them by a reference model, shrink and keep those that fail.

examples:
  ./nvh hunt --seconds 300 --seed 7                        on the shipped kernel and models
  ./nvh hunt --seconds 300 --mutant ipas2-no-unmap --one   until an injected fault is found
  ./nvh hunt --seconds 3600 --out night                    goes on where `night` ended
  ./nvh hunt --races --seconds 600 --seed 7                schedules of two CPUs (docs/races.md)
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from harness.bundle.console_model import refuse_console
from harness.cli import common
from harness.document.as_json import to_data
from harness.errors import refuse_others
from harness.host.paths import RUNS
from harness.program.kernel_defects import DEFECTS, KernelDefect
from harness.program.kinds import KINDS
from harness.reproduce.hunt import campaign
from harness.reproduce.hunt.terminal import print_totals
from harness.reproduce.races import campaign as races
from harness.reproduce.races.conflicts import CONFLICTS, KNOWN
from harness.runner.project import vocabulary
from harness.scenario.scenario import Overrides


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--seconds", type=common.positive, default=300, metavar="N", help="duration in seconds; default 300"
    )
    parser.add_argument("--seed", help="seed of the programs; default: a random one, which nvh prints")
    parser.add_argument("--model", help="run on this model (name or path) instead of the lanes'")
    parser.add_argument("--kernel", help="L0's kernel (name or path)")
    parser.add_argument("--timing", help="the model's timing: icount (deterministic) or mttcg")
    parser.add_argument(
        "--mutant", default="", help="switch this injected fault on in L0's kernel (docs/mutants.md)"
    )
    parser.add_argument(
        "--kind", action="append", default=[], metavar="KIND", help="only programs of this kind; repeatable"
    )
    parser.add_argument(
        "--jobs", type=common.positive, metavar="N", help="machines at once; default: one per CPU"
    )
    parser.add_argument("--known", action="store_true", help="also run programs in which known defects show")
    parser.add_argument(
        "--as-new",
        action="append",
        nargs="?",
        const="",
        default=[],
        metavar="SCENARIO",
        help="treat the known defect of this scenario as a new one; repeatable; without a name: all of them",
    )
    parser.add_argument(
        "--bare", action="store_true", help="run on the bare machine, at true EL2: tests the model alone"
    )
    parser.add_argument(
        "--no-sanitize", action="store_true", help="run without the TLB sanitizer (docs/sanitizer.md)"
    )
    parser.add_argument(
        "--races",
        action="store_true",
        help="two CPUs at once, under schedules that hold one of them at places in L0's kernel",
    )
    parser.add_argument("--one", action="store_true", help="stop at the first finding")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new directory, or that of a hunt to continue"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def as_new(names: list[str], defects: Sequence[KernelDefect] = DEFECTS) -> tuple[str, ...]:
    """Scenarios of known ``defects``, of all for an empty name; ``UserError`` for another one."""
    known = [defect.scenario for defect in defects]
    refuse_unknown("known defect", filter(None, names), known)
    return tuple(known if "" in names else dict.fromkeys(names))


def refuse_unknown(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """``UserError`` with each of ``names`` that is not among the ``known``, and the nearest that is."""
    choices = list(known)
    refuse_others(names, choices, lambda name: f"there is no {what} {name!r} ({', '.join(choices)})")


def main(arguments: argparse.Namespace) -> int:
    """Hunt; returns 0 when nothing was found, 1 when something was, 3 when it could not go on."""
    kinds = CONFLICTS if arguments.races else KINDS
    refuse_unknown("kind", arguments.kind, kinds)
    refuse_console(
        arguments.model,
        "nvh hunt",
        "sends programs to L0 while it runs, by what came of others, and watches the model by a plugin",
    )
    Overrides(kernel=arguments.kernel, model=arguments.model, timing=arguments.timing).check(vocabulary())
    wanted = campaign.Wanted(
        seconds=arguments.seconds,
        seed=arguments.seed or str(random.SystemRandom().randrange(10**6)),
        out=arguments.out or RUNS / f"hunt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}",
        jobs=arguments.jobs or len(os.sched_getaffinity(0)),
        kernel=arguments.kernel,
        model=arguments.model,
        timing=arguments.timing,
        mutant=arguments.mutant,
        kinds=tuple(arguments.kind),
        with_known=arguments.known,
        one=arguments.one,
        bare=arguments.bare,
        as_new=as_new(arguments.as_new, KNOWN if arguments.races else DEFECTS),
        sanitize=not arguments.no_sanitize,
    )
    console = Console(stderr=arguments.json)
    console.print(
        f"seed {wanted.seed}, {wanted.jobs} machines, {wanted.out}", highlight=False, soft_wrap=True
    )
    if arguments.races:
        found = races.hunt(wanted, console)
        if arguments.json:
            print(json.dumps({"seed": wanted.seed, "totals": found.to_json()}, indent=1))
        else:
            races.print_totals(found, console)
        return found.exit_status
    totals = campaign.hunt(wanted, console)
    if arguments.json:
        print(json.dumps({"options": wanted.same(), "totals": to_data(totals)}, indent=1))
    else:
        print_totals(totals, console)
    return campaign.exit_status(totals)
