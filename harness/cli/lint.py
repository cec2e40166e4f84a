"""Check sources and scenarios: ruff, mypy, and the scenario rules.

examples:
  ./nvh lint                      the whole project
  ./nvh lint my.yaml --rules      one scenario, and what each rule means
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from harness.build.paths import ROOT, SCENARIOS
from harness.cell.project import vocabulary
from harness.errors import EXIT_RED
from harness.scenario.lint import lint_paths, rules

TOOLS = (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"])


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="SCENARIO", help="scenarios only; default: all"
    )
    parser.add_argument("--rules", action="store_true", help="print the scenario rules with their meaning")


def main(arguments: argparse.Namespace) -> int:
    """Lint; returns 0 when nothing was found."""
    if arguments.rules:
        for rule, text in rules().items():
            print(f"{rule}  {text}\n")
    status = 0
    if not arguments.paths:
        for tool in TOOLS:
            print(f"== {' '.join(tool)}", flush=True)
            done = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, check=False)
            status = status or done.returncode
    findings = lint_paths(arguments.paths or [SCENARIOS], vocabulary())
    for finding in findings:
        print(finding)
    return status or (EXIT_RED if findings else 0)
