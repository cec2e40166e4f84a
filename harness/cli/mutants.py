# SPDX-License-Identifier: GPL-2.0-only
"""Run scenarios on L0 kernels or models with an injected fault, and show which faults they notice.

examples:
  ./nvh mutants                                 every mutant: killed by which scenario, or survived and why
  ./nvh mutants --list                          the mutants, what is wrong with each, what should kill it
  ./nvh mutants --select ipas2-no-unmap --json  one mutant and its control, for a machine
  ./nvh mutants --with default                  each mutant against ./nvh run: what is red first, and when
  ./nvh mutants --with accept                   each posed as a patch: against what nvh accept chooses for it
  ./nvh mutants --as-patch s1-no-dsb            the fault as a patch, for nvh accept
  ./nvh mutants --table runs/ID/mutants.json    the table of docs/mutants.md, from such a run
  ./nvh mutants --models                        wrong models instead: builds a QEMU of Debian's source first
  ./nvh mutants --models --select vbar-lost     one of them; docs/model-check.md
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from harness.accept.request import BUDGET_S
from harness.accept.selection import planning, posed
from harness.artefacts.model import QEMU, build_model, load_model
from harness.artefacts.model_source import build_faulty
from harness.artefacts.plugin import plugins_for
from harness.bundle.console_model import refuse_console
from harness.cli import common
from harness.errors import EXIT_PASS, UserError
from harness.host.cache import Store
from harness.level import Level
from harness.mutants import against, campaign, faults, models, models_text
from harness.mutants.against_text import markdown, print_against, read
from harness.mutants.terminal import print_report
from harness.scenario import mutants as table
from harness.scenario.scenario import Overrides
from harness.where import RUNS


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--select", action="append", default=[], metavar="MUTANT", help="only this mutant; repeatable"
    )
    parser.add_argument(
        "--level",
        choices=[str(level) for level in table.TABLES],
        default=str(Level.L0),
        help="whose kernel has the faults (default l0); l1: those of KVM as a guest hypervisor",
    )
    parser.add_argument(
        "--models", action="store_true", help="wrong models instead of kernels with an injected fault"
    )
    parser.add_argument(
        "--seconds",
        type=common.positive,
        default=30,
        metavar="N",
        help="of hunting on each wrong model; default 30",
    )
    parser.add_argument("--model", help="run on this model (name or path) instead of the killers'")
    parser.add_argument("--timing", help="the model's timing: icount (deterministic) or mttcg")
    parser.add_argument("--jobs", type=common.positive, metavar="N", help="cells in parallel")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new directory for the results")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="print the table and run nothing")
    parser.add_argument(
        "--with",
        dest="selection",
        action="append",
        default=[],
        metavar="WHAT",
        help="run each mutant against this selection, up to its first red cell: `default` (what ./nvh run "
        "runs), `accept` (what nvh accept chooses for a patch there), a directory, a file, a cell by id or "
        "glob; may be given again",
    )
    parser.add_argument(
        "--as-patch", metavar="MUTANT", help="print the fault as a patch on the kernel nv, for nvh accept"
    )
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="print such a run's mutants.json as Markdown"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run; returns 0 when every mutant met its expected fate and every control is green, else 1."""
    if arguments.table:
        print("\n".join(markdown(read(arguments.table))))
        return EXIT_PASS
    if arguments.models:
        return _models(arguments)
    if arguments.as_patch:
        (one,) = table.choose(table.load(), [arguments.as_patch])
        print(posed.load(Store(), lambda _: None).patch(one.name, one.fault), end="")
        return EXIT_PASS
    level = Level.parse(arguments.level)
    if arguments.selection and level is not Level.L0:
        raise UserError("--with meets faults of L0's kernel; leave it out, or --level")
    mutants = table.choose(table.load(table.TABLES[level]), arguments.select)
    if arguments.list:
        _list(mutants, arguments.json)
        return 0
    refuse_console(arguments.model, "nvh mutants", "runs cells with plugins and from snapshots")
    overrides = Overrides(model=arguments.model, timing=arguments.timing)
    # What goes on is shown on the terminal; JSON alone goes to standard output.
    console = Console(file=sys.stderr) if arguments.json else Console()
    if arguments.selection:
        return _against(mutants, overrides, console, arguments)
    report, directory = campaign.run(
        mutants, overrides, console, out=arguments.out, jobs=arguments.jobs, level=level
    )
    if arguments.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        print_report(report, console)
        console.print(f"report {directory / campaign.RESULT}", markup=False, highlight=False, soft_wrap=True)
    return report.exit_status


def _against(
    mutants: tuple[table.Mutant, ...], overrides: Overrides, console: Console, arguments: argparse.Namespace
) -> int:
    report, directory = against.run(
        mutants,
        arguments.selection,
        overrides,
        console,
        out=arguments.out,
        jobs=arguments.jobs,
        chosen=_chosen(overrides, arguments.jobs) if arguments.selection == [against.ACCEPT] else None,
    )
    if arguments.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        print_against(report.to_json(), console)
        console.print(f"report {directory / against.RESULT}", markup=False, highlight=False, soft_wrap=True)
    return report.exit_status


def _chosen(overrides: Overrides, jobs: int | None) -> against.Chosen:
    plans = planning.PosedPlans(Store(), overrides, BUDGET_S, jobs)
    return lambda mutant: plans.plan(mutant.name).cells


def _models(arguments: argparse.Namespace) -> int:
    if arguments.model or arguments.timing:
        raise UserError("--models builds its own model; leave out --model and --timing")
    chosen = table.choose(faults.load(), arguments.select, "fault")
    if arguments.list:
        _list_faults(chosen, arguments.json)
        return 0
    console = Console(file=sys.stderr) if arguments.json else Console()

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    out = arguments.out or RUNS / f"model-mutants-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    built, version = _wrong_models({each.by for each in chosen}, say)
    jobs = arguments.jobs or max(1, len(os.sched_getaffinity(0)) // 2)
    report = models.run(chosen, built, version, out, jobs=jobs, hunting_s=arguments.seconds, say=say)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        models_text.print_report(report, console)
        say(f"report {out / models.RESULT}")
    return report.exit_status


def _wrong_models(kinds: set[str], say: Callable[[str], None]) -> tuple[dict[str, Path], str]:
    """Build what makes models wrong, by kind; the versions of QEMU that are."""
    store, made, versions = Store(), dict[str, Path](), []
    if faults.PATCH in kinds:
        built = build_faulty(store, say)
        made[faults.PATCH] = built.path / QEMU
        versions.append(str(built.manifest["version"]))
    if faults.PLUGIN in kinds:
        model = build_model(load_model(models.TEMPLATES[faults.PLUGIN].stem), store, say)
        made[faults.PLUGIN] = plugins_for(model, store, say).file(models.FAULT)
        versions.append(model.version)
    return made, " and ".join(versions)


def _list_faults(chosen: tuple[faults.ModelFault, ...], as_json: bool) -> None:
    if as_json:
        print(json.dumps([dataclasses.asdict(each) for each in chosen], indent=1))
        return
    for each in chosen:
        fate = f"survives: {each.survives}" if each.survives else f"seen by: {each.seen_by}"
        print(f"{each.name:26} {each.wrong} ({each.at})\n{'':26} {fate}")


def _list(mutants: tuple[table.Mutant, ...], as_json: bool) -> None:
    if as_json:
        rows = [
            {"mutant": m.name, "fault": m.fault, "at": m.at, "killers": m.killers, "survives": m.survives}
            for m in mutants
        ]
        print(json.dumps(rows, indent=1))
        return
    for m in mutants:
        fate = f"survives: {m.survives}" if m.survives else f"killed by: {', '.join(m.killers)}"
        print(f"{m.name:26} {m.fault} ({m.at})\n{'':26} {fate}")
