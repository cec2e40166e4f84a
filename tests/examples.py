# SPDX-License-Identifier: GPL-2.0-only
"""Every ``./nvh`` example of a help text or a page, and how a test knows that it does what it says.

``HERE`` and ``MACHINE`` are executed as they stand: without a machine by tests/cli/test_examples_run.py, on
it by tests/real/test_examples.py. The others have a row of ``TESTED``, or a reason of ``REASONS``; both are
checked.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from harness.host.paths import ROOT, SCENARIOS
from harness.runner.project import default_stack, find_cells
from harness.scenario import mutants
from harness.scenario.defaults import MUTANT_KERNEL
from harness.scenario.language import Cell
from harness.scenario.load import select
from harness.scenario.scenario import NO_OVERRIDES
from tests.cli.test_examples import examples as help_examples
from tests.cli.test_examples import whole
from tests.docs.test_docs import commands as page_commands

HERE = (
    "run --list",
    "lint --rules",
    "lint --explain NVH024",
    "lint scenarios/tlbi/tlbi-el2.yaml",
    "lint scenarios/tlbi/tlbi-alle1.yaml",
    "images list",
    "mutants --list",
    "mutants --models --list",
    "mutants --as-patch s1-no-dsb",
    "program mine.nvl",
    "program scenarios/programs/wide-vmid.nvl",
    "nightly images/plans/nightly.yaml --dry-run",
    "farm keys '~/.nvh-farm'",
    "completion bash",
    "completion zsh",
    "completion fish",
    "man",
)
"""Without a machine, in a ``workspace``."""

MACHINE = (
    ("run tlbi-el2 --keep-on-failure --seed 7", 0),
    ("show", 0),
    ("show tlbi-el2 --console l1", 0),
    ("show runs/ID", 0),
    ("trace show tlbi-el2 --around trigger", 0),
    ("trace show tlbi-el2 --format html --out tlbi-el2.html", 0),
    ("trace show tlbi-el2 --format perfetto --out tlbi-el2.pftrace", 0),
    ("trace diff runs/A/cells/tlbi-el2 runs/B/cells/tlbi-el2", 0),
    ("compare runs/before runs/after --page diff.html", 0),
    ("replay tlbi-el2", 0),
    ("run my.yaml --out /tmp/out", 0),
    ("lint --record /tmp/out", 0),
    ("lint my.yaml", 0),
    ("program mine.nvl --on nested", 0),
    ("run 'litmus-trap[family=hidden-os]' --mutant hidden-os-executed", 1),
    ("coverage runs/latest --json", 0),
    ("coverage", 0),
)
"""On the machine, one after the other, with the exit status."""
PLACEHOLDERS = re.compile(r"\bruns/(ID|A|B|before|after)\b")
"""Words that stand for a run of the reader's: the last one. What is left in /tmp is left in the workspace."""

BUILT = {"nv", MUTANT_KERNEL}
MODELS = {default_stack(NO_OVERRIDES).model, "qemu-48bit", "qemu-v1"}
"""Kernels and models that the tests build anyway."""
KERNELS = ("kernel", "l0_kernel", "l1_kernel", "base")
MOST_CELLS = 3
LEAST_SECONDS = 60
MINE = re.compile(
    r"^(nvh-)?bundle$|\.(mbox|yaml|log|txt|zst|json)$|^~|^patches/$|^night|^runs/\w|^20\d{6}T|^over-|^\./|^/tmp"
    r"|/findings/|^(tcp|tls)://|^(self-test|ordinary)$|^10\."
)
"""Words that may name something of the reader's own."""


def words_of(command: str) -> list[str]:
    """The words, less what goes to another program."""
    words = shlex.split(command)
    return words[: words.index("--")] if "--" in words else words


def _parsed(command: str) -> dict[str, object]:
    return vars(whole().parse_args(words_of(command)))


def own(command: str) -> bool:
    """It reads a file, a run, a tree or a host of the reader's, which there is not here."""
    words = words_of(command)
    read = [word for before, word in itertools.pairwise(words) if before not in ("--out", "--keep")]
    return any(MINE.search(word) and not (ROOT / word).exists() for word in read)


def long(command: str) -> bool:
    """It takes minutes by itself: many cells, all mutants, a hunt, a plan or a whole model."""
    arguments = _parsed(command)
    seconds = arguments.get("seconds")
    if isinstance(seconds, int | float) and seconds >= LEAST_SECONDS:
        return True
    if arguments["verb"] in ("nightly", "model", "accept"):
        return True
    if arguments["verb"] == "mutants":
        return not arguments.get("select") or bool(arguments.get("models") or arguments.get("selection"))
    if arguments["verb"] != "run":
        return False
    given = [each for each in _list(arguments.get("what")) if not MINE.search(each)]
    if not given and arguments.get("what"):
        return False
    places = [ROOT / each for each in given if (ROOT / each).exists()]
    return not given or len(picked(places, [g for g in given if not (ROOT / g).exists()])) > MOST_CELLS


def builds(command: str) -> bool:
    """It builds what no other test needs: another kernel, its cell's too, or model, a bundle, images."""
    arguments = _parsed(command)
    if arguments["verb"] == "bundle" or command.startswith("images build"):
        return True
    models = [each for each in _list(arguments.get("model")) if each not in MODELS]
    kernels = [each for key in KERNELS for each in _list(arguments.get(key))]
    if arguments["verb"] == "run" and not own(command):
        named = [each for each in _list(arguments.get("what")) if not (ROOT / each).exists()]
        stacks = [cell.stack for cell in picked([], named)]
        kernels += [level.kernel for stack in stacks for level in stack.levels.values()]
    return bool(models) or not set(kernels) <= BUILT


def person(command: str) -> bool:
    """It waits for somebody at a terminal, or for other machines."""
    arguments = _parsed(command)
    if arguments["verb"] in ("farm", "shell"):
        return True
    return arguments["verb"] == "gdb" and not (arguments.get("only_print") or arguments.get("command"))


@cache
def rows_of_mutants() -> Mapping[str, mutants.Mutant]:
    """Of L0's kernel and of L1's, by name."""
    return {each.name: each for each in (*mutants.load(), *mutants.load(mutants.GUEST_FILE))}


def killer(command: str) -> bool:
    """Its cell and its mutant are a pair of images/mutants.yaml, which ``nvh mutants`` runs."""
    found = re.search(r"-mutant (\S+)", command)
    rows = rows_of_mutants()
    if found is None or found[1] not in rows:
        return False
    cells = [each for each in words_of(command)[1:] if not each.startswith("-")]
    heads = tuple(cell.rstrip("*").partition("[")[0] for cell in cells)
    return any(each.startswith(heads) for each in rows[found[1]].killers)


REASONS: Mapping[str, Callable[[str], bool]] = {
    "the reader's own": own,
    "long": long,
    "builds": builds,
    "a person": person,
    "a pair of the table of mutants": killer,
}
"""Why an example is not executed, by what it says itself."""
TESTED = (
    (r"test( .*)?", ".ci/run", "./nvh test"),
    (r"lint", ".ci/run", "./nvh lint"),
    (r"images gc .*", "tests/cli/test_cli.py", 'nvh("images", "gc", "--budget", "1G")'),
    (r"images lock .*", "tests/artefacts/test_lock.py", "lock"),
    (r"show l1-userspace-storm .*", "tests/examples.py", '("show tlbi-el2 --console l1", 0)'),
    (r"replay three-levels", "tests/examples.py", '("replay tlbi-el2", 0)'),
    (r"run three-levels( --model qemu --kernel nv)?", "tests/examples.py", 'rglob("three-levels.yaml")'),
    (r"run tlbi-alle1", "images/mutants.yaml", 'killers: ["tlbi-alle1[op=alle1is]"]'),
    (r"coverage --model .*", "tests/examples.py", '("coverage runs/latest --json", 0)'),
    (r"compare", "tests/examples.py", '("compare runs/before'),
    (
        r"trace show tlbi-el2 --around 18.402 .*",
        "tests/cli/test_trace.py",
        '"--around", "trigger", "--events"',
    ),
    (r"inspect .*", "tests/real/test_inspect.py", 'main(["inspect", str(cell), "--at", "l1"'),
    (r"gdb .*", "tests/real/test_inspect.py", 'main(["gdb", str(cell), "--at", "l1"'),
    (r"mutants --select ipas2-no-unmap.*", "tests/real/test_mutants.py", 'nvh("mutants", *chosen, "--json"'),
    (
        r"run --sanitize (tlb|model) three-levels",
        "tests/real/test_hunt.py",
        "test_nothing_is_found",
    ),
    (r"run --sanitize tlb --mutant s1-asid-dropped .*", "images/mutants.yaml", "killers: [sanitize-stage1]"),
    (r"program .* --on both", "tests/real/test_programs.py", '"--on", "both"'),
    (r"program .* --shrink .*", "tests/real/test_programs.py", '"--shrink", "--keep"'),
)
"""Patterns of examples that a test executes with other names or numbers: where, and by which words."""


def _list(value: object) -> list[str]:
    many = value if isinstance(value, list | tuple) else [] if value is None or value is False else [value]
    return [str(each) for each in many]


def reason(command: str) -> str:
    """Why ``command`` is not executed, or an empty string."""
    for pattern, place, literal in TESTED:
        if re.fullmatch(pattern, command):
            return f"{place} has one" if literal in (ROOT / place).read_text() else ""
    return next((why for why, holds in REASONS.items() if holds(command)), "")


@cache
def every_cell() -> tuple[Cell, ...]:
    """All shipped cells, read once."""
    return tuple(find_cells([SCENARIOS], [], NO_OVERRIDES))


def picked(places: Sequence[Path], names: Sequence[str]) -> list[Cell]:
    """The cells that files, folders and names pick; ``UserError`` for a name that picks none."""
    of_places = find_cells(places, [], NO_OVERRIDES) if places else []
    return [*of_places, *(select(every_cell(), names) if names else [])]


@cache
def examples() -> tuple[str, ...]:
    """Each example once, without ``./nvh``."""
    found = [shlex.join(words) for _, words in help_examples()]
    for _, line in page_commands():
        found += [shlex.join(shlex.split(part.strip())[1:]) for part in line.split("&&")]
    return tuple(dict.fromkeys(found))


def workspace(place: Path) -> Path:
    """A directory as a reader has it: the checkout's folders, with ``mine.nvl`` and ``my.yaml``."""
    for name in ("scenarios", "images", "nvh", "docs", "quarantine.yaml"):
        (place / name).symlink_to(ROOT / name)
    page = (ROOT / "docs" / "programs.md").read_text()
    (program,) = re.findall(r"^```\n(# what: an IPAS2.*?)^```", page, re.M | re.S)
    (place / "mine.nvl").write_text(program)
    text = next(SCENARIOS.rglob("three-levels.yaml")).read_text()
    (place / "my.yaml").write_text(text.replace("scenario: three-levels", "scenario: my"))
    return place
