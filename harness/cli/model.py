# SPDX-License-Identifier: GPL-2.0-only
"""Check a QEMU: the bare model first, then with a kernel on it.

examples:
  ./nvh model check qemu --bare                 without a kernel: about a minute, nothing is built
  ./nvh model check ~/qemu/build/qemu-system-aarch64 --bare --stop-at-first-red
  ./nvh model check ./my-model.yaml             every step; docs/model-check.md
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console

from harness.artefacts.model import build_model, load_model, uncovered
from harness.bundle.console_model import refuse_console
from harness.cli import common
from harness.host.cache import Store
from harness.host.paths import RUNS
from harness.nightly.model import model_check
from harness.nightly.model.given import model_name
from harness.nightly.model.terminal import print_outcome, print_report, to_json


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("action", choices=["check"], metavar="ACTION", help="what to do: check")
    parser.add_argument("model", help="a shipped model, a model file, or the path of a qemu-system-aarch64")
    parser.add_argument("--bare", action="store_true", help="only the steps that need no kernel")
    parser.add_argument(
        "--stop-at-first-red", action="store_true", help="skip the remaining steps after a red one"
    )
    parser.add_argument(
        "--every-step",
        action="store_true",
        help="boot kernels on a model that a bare step has found wrong, too",
    )
    parser.add_argument(
        "--seconds",
        type=common.positive,
        default=30,
        metavar="N",
        help="seconds of hunting on the bare machine; default 30",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new directory for the steps' results (default: runs/…)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> int:
    """Check a model; returns the exit status of the worst step."""
    refuse_console(
        arguments.model,
        "nvh model check",
        "stops the machine and reads its RAM (`nvh judge --on` asks by a bare image)",
    )
    out = arguments.out or RUNS / f"model-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    console = Console(stderr=arguments.json)
    name = model_name(arguments.model, out)
    store = Store()
    model = build_model(load_model(name), store, lambda _: None)
    if note := uncovered(model):
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    asked = model_check.CheckRequest(model, name, out, store, console, arguments.seconds)
    steps = model_check.check(
        asked,
        bare=arguments.bare,
        stop_at_first_red=arguments.stop_at_first_red,
        every_step=arguments.every_step,
    )
    for told in steps:
        if isinstance(told, model_check.StepDone):
            print_outcome(told, console)
            continue
        print_report(told, console)
        if arguments.json:
            print(json.dumps(to_json(told), indent=1))
        return told.verdict.exit_status
    raise AssertionError("check ends with its report")
