# SPDX-License-Identifier: GPL-2.0-only
"""Check sources and scenarios: ruff, mypy, import-linter, yamllint, clang-format, and the scenario rules.

examples:
  ./nvh lint                           the whole project; of C, the lines changed since origin/main
  ./nvh lint my.yaml                   one scenario, with its recorded traces; a plan, kernel or model file
  ./nvh lint --explain NVH024          what a rule means, and what to do
  ./nvh lint --record runs/latest      record good traces beside their scenarios, from cells that ran
  ./nvh lint --populations runs/latest           compare what ran with scenarios/populations.csv
  ./nvh lint --populations runs/latest --write   make their rows of that table
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.artefacts.kernel import load_kernel
from harness.artefacts.model import load_model
from harness.artefacts.rootfs import load_rootfs
from harness.bundle.console_model import load_console
from harness.check.corpus.record import record
from harness.check.corpus.rules import CORPUS
from harness.errors import EXIT_RED, InputError, Problem, UserError, closest
from harness.host.paths import CHECKOUT, SCENARIOS
from harness.litmus import populations
from harness.litmus.left import cells_of, compared, renewed
from harness.litmus.rules import POPULATIONS
from harness.nightly.farm.plan import load_plan
from harness.runner.project import vocabulary
from harness.scenario.lint import lint_paths
from harness.scenario.load import load_paths
from harness.scenario.rules import SHAPE
from harness.scenario.ruleset import LintFinding
from harness.verdict import Verdict

TOOLS = (
    ["ruff", "check"],
    ["ruff", "format", "--check"],
    ["mypy"],
    ["lint-imports"],
    ["yamllint", "--strict", "."],
)
MAIN = "origin/main"


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="SCENARIO", help="scenarios only; default: all"
    )
    parser.add_argument("--rules", action="store_true", help="list the scenario rules")
    parser.add_argument("--explain", metavar="ID", help="print the help of one rule")
    parser.add_argument(
        "--record",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="directories of cells or runs: record their traces in corpus/ beside the scenarios",
    )
    parser.add_argument(
        "--populations",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="directories of cells or runs: compare what ran with the table (docs/populations.md)",
    )
    parser.add_argument(
        "--write", action="store_true", help="with --populations: write the rows of these cells instead"
    )


def main(arguments: argparse.Namespace) -> int:
    """Lint, explain or record; returns 0 when nothing was found, or everything asked for was recorded."""
    if arguments.explain:
        return _explain(arguments.explain)
    if arguments.rules:
        for rule, text in all_rules().items():
            print(f"{rule}  {text.partition(chr(10))[0]}")
        if not arguments.paths:
            return 0
    if arguments.record:
        return _record(arguments.record)
    if arguments.populations:
        return _populations(arguments.populations, write=arguments.write)
    if arguments.write:
        raise UserError("--write goes with --populations DIR")
    status = 0
    if not arguments.paths and CHECKOUT:
        for tool in TOOLS:
            print(f"== {' '.join(tool)}", flush=True)
            done = subprocess.run([_program(tool[0]), *tool[1:]], cwd=CHECKOUT, check=False)
            status = status or done.returncode
        status = changed_c(CHECKOUT) or status
    if not arguments.paths:
        print("== scenarios", flush=True)
    for finding in _findings(arguments.paths or [SCENARIOS]):
        print(finding)
        status = status or EXIT_RED
    return status


def _findings(paths: Sequence[Path]) -> list[LintFinding]:
    """What there is to say of scenarios; ``InputError`` with the defects of all files, of whatever kind."""
    problems: list[Problem] = []
    see = ""
    scenarios = []
    for path in paths:
        load = _other(path)
        try:
            if load is None:
                scenarios.append(path)
            else:
                load(path)
        except InputError as error:
            problems += error.problems
            see = see or error.see
    found: list[LintFinding] = []
    try:
        found = lint_paths(scenarios, vocabulary(), more=(CORPUS, POPULATIONS)) if scenarios else []
    except InputError as error:
        problems += error.problems
        see = see or error.see
    if problems:
        raise InputError(problems, see)
    return found


def _other(path: Path) -> Callable[[Path], object] | None:
    """What reads a file that is no scenario, by the key that names what it is; None for a scenario."""
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return None
    keys = re.findall(r"^([a-z]+)\s*:", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    return None if "scenario" in keys else next((OTHERS[key] for key in keys if key in OTHERS), None)


def _by_path(load: Callable[[str], object]) -> Callable[[Path], object]:
    return lambda path: load(str(path) if path.is_absolute() else f"./{path}")


OTHERS: Mapping[str, Callable[[Path], object]] = {
    "plan": load_plan,
    "kernel": _by_path(load_kernel),
    "model": _by_path(load_model),
    "console": _by_path(load_console),
    "rootfs": _by_path(load_rootfs),
}
"""Kinds of files that are no scenarios, by the key that names them."""


def changed_c(root: Path) -> int:
    """Check the C lines that changed since the merge base with ``origin/main``, else since HEAD.

    Returns 0 when clang-format would leave them as they are. Whole files are not checked: tables are laid
    out by hand.
    """
    base = _git(root, "merge-base", "HEAD", MAIN).stdout.strip() or "HEAD"
    if _git(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        return 0  # an unpacked archive: nothing says what changed
    print(f"== git clang-format {base[:12]}", flush=True)
    words = [_program("git-clang-format"), "--extensions", "c,h", "--binary", _program("clang-format")]
    words += ["--diff", base]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    if "diff --git" in done.stdout or (done.returncode and done.stderr):
        print(done.stdout + done.stderr, end="")
        return EXIT_RED
    return 0


def _program(name: str) -> str:
    """The path of a tool of the extra ``lint``; ``UserError`` where that is not installed."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise UserError(f"{name} is not installed; start nvh lint as ./nvh lint, which installs it")
    return str(path)


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)


def all_rules() -> Mapping[str, str]:
    """Every rule that `nvh lint` knows: id → help."""
    return {**SHAPE.help(), **CORPUS.help(), **POPULATIONS.help()}


def _explain(rule: str) -> int:
    known = all_rules()
    if rule not in known:
        near = f"NVH{int(rule):03}" if rule.isdecimal() else closest(rule.upper(), known)
        near = near if near in known else ""
        hint = f"; did you mean {near!r}?" if near else "; `nvh lint --rules` lists them"
        raise UserError(f"there is no rule {rule!r}{hint}")
    print(f"{rule}  {known[rule]}")
    return 0


def _populations(places: Sequence[Path], *, write: bool) -> int:
    left, known = cells_of(places), populations.read()
    for each in left:
        for wrong in each.problems:
            print(f"{each.cell}: {wrong}")
    status = EXIT_RED if any(each.problems for each in left) else 0
    if write:
        cells = load_paths([SCENARIOS], vocabulary())
        table, told = renewed(known, left, {cell.id for cell in cells})
        populations.write(table)
        print("\n".join(told))
        return status
    for key, verdict, message in compared(left, known):
        status = status if verdict is Verdict.PASS else EXIT_RED
        print(f"{verdict.value:9} {key.cell} {key.model} {key.kernel}: {message}")
    return status


def _record(places: Sequence[Path]) -> int:
    recorded = 0
    for each in record(places, vocabulary()):
        if each.file is None:
            print(f"{each.directory.name}: not recorded: {each.why}")
        else:
            recorded += 1
            print(f"{each.directory.name}: {each.events} events in {each.file}")
    return 0 if recorded else EXIT_RED
