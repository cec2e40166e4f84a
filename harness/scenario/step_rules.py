# SPDX-License-Identifier: GPL-2.0-only
"""What the schema cannot say about the stack and the steps: names, levels and order."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.document.nodes import Node, describe, listing, shown
from harness.errors import Problem, closest
from harness.level import Level
from harness.scenario import host_rules, shell, value_grammar
from harness.scenario.vocabulary import Vocabulary

HOST_ACTS = ("migrate", "balloon", "plug", "unplug", "swap-out", "merge", "hwpoison")
"""What L0 does to L1's machine; each ends as a run does, and has a name as a run has."""
BRACKETS = ("boot", "run", "copy", *HOST_ACTS)
"""Steps whose ``mark: m`` puts the markers m.begin and m.end around them."""


@dataclass(slots=True)
class Told:
    """What the steps make for the expectations to refer to.

    ``markers``   name of each marker in the trace → the step it is set by and whether it ends that step
    ``runs``      name of each run → its step number from 0
    ``background``  the runs that go on
    ``holds``       name of each hold → its step number from 0
    ``marks``       words that follow ``mark:``
    """

    markers: dict[str, tuple[int, int]] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    background: set[str] = field(default_factory=set)
    holds: dict[str, int] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)


def tell(steps: Node) -> Told:
    """Collect names from steps of any shape; what is malformed is passed over."""
    told = Told()
    for number, step in enumerate(steps.items):
        if any(verb in step.map for verb in ("run", *HOST_ACTS)):
            name = run_name(step, number)
            told.runs.setdefault(name, number)
            if "background" in step.map and step.map["background"].value is True:
                told.background.add(name)
        if "hold" in step.map:
            told.holds.setdefault(run_name(step, number), number)
        mark = step.word("mark")
        if mark is None:
            continue
        told.marks.add(mark)
        if any(verb in step.map for verb in BRACKETS):
            told.markers.setdefault(f"{mark}.begin", (number, 0))
            told.markers.setdefault(f"{mark}.end", (number, 1))
        else:
            told.markers.setdefault(mark, (number, 0))
    return told


def run_name(step: Node, number: int) -> str:
    """The name ``wait-for`` and ``result`` use; ``number`` counts steps from 0, the default from 1."""
    return step.word("name") or f"step-{number + 1}"


def _level(step: Node, key: str) -> Level | None:
    try:
        return Level.parse(step.word(key) or "")
    except ValueError:
        return None


def raised(top: Level | None, step: Node) -> Level | None:
    """The highest level that is up after ``step``; None for none. A faulty step may boot anything."""
    level = _level(step, "boot")
    if level is None and ("boot" in step.map or not isinstance(step.value, dict)):
        level = Level.L2
    return level if top is None or (level is not None and level > top) else top


def check_stack(stack: Node, vocabulary: Vocabulary, base: Path) -> Iterator[Problem]:
    """Names of the model, its timing, kernels and root file systems."""
    model = stack.map.get("model")
    if model is not None and model.text is not None:
        if "/" in model.text:
            yield from missing_file(model, model.text, base, "a model file")
        else:
            yield from _known(model, vocabulary.models, "model")
    yield from host_rules.check_levels(stack)
    for key, node in stack.map.items():
        if key == "timing":
            yield from _known(node, vocabulary.timings, "timing")
        if key in ("l0", "l1", "l2"):
            yield from _check_level(node, vocabulary, base)


def _check_level(node: Node, vocabulary: Vocabulary, base: Path) -> Iterator[Problem]:
    """Kernel and root file system by name or path, and what is laid over the latter."""
    rootfs = node.map.get("rootfs")
    parts = [("kernel", node.map.get("kernel"), vocabulary.kernels)]
    if rootfs is not None and rootfs.map:
        parts.append(("rootfs", rootfs.map.get("base"), vocabulary.rootfs))
        add = rootfs.map.get("add")
        if add is not None and add.text:
            yield from missing_directory(add, add.text, base, "a directory with files to add to the base")
    else:
        parts.append(("rootfs", rootfs, vocabulary.rootfs))
    for part, named, choices in parts:
        if named is not None and named.text and "/" in named.text:
            yield from missing_file(named, named.text, base, f"a {part} file")
        elif named is not None:
            yield from _known(named, choices, part)


def missing_directory(node: Node, name: str, base: Path, wanted: str) -> Iterator[Problem]:
    """A relative name counts from ``base``."""
    path = base / name
    if "\0" in name or not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for names too long
        yield node.problem(f"no directory {shown(name)}", f"{wanted}, relative to {base}", _near(path, name))


def _near(path: Path, name: str) -> str:
    """The name of what lies beside ``path`` and is called nearly so; empty for nothing."""
    try:
        near = closest(path.name, sorted(entry.name for entry in path.parent.iterdir()))
    except (OSError, ValueError):
        return ""
    return near and str(Path(name).with_name(near))


def _known(node: Node, choices: Collection[str], kind: str) -> Iterator[Problem]:
    names = sorted(choices)
    if node.text and node.text not in names:
        yield node.problem(f"unknown {kind} {shown(node.text)}", listing(names), closest(node.text, names))


def missing_file(node: Node, name: str, base: Path, wanted: str) -> Iterator[Problem]:
    """A relative name counts from ``base``."""
    path = base / name
    if "\0" in name or not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for names too long
        yield node.problem(f"no file {shown(name)}", f"{wanted}, relative to {base}", _near(path, name))


def check_steps(steps: Node, told: Told, base: Path, stack: Node | None = None) -> Iterator[Problem]:
    """Levels that are up, runs that exist, files that are there, names given once."""
    top: Level | None = None
    names: dict[str, Node] = {}
    marks: dict[str, Node] = {}
    holds: dict[str, Node] = {}
    for number, step in enumerate(steps.items):
        top = raised(top, step)
        yield from _needs_boot(step, top)
        if "run" in step.map:
            yield from shell.check(step.map["run"])
            yield from _once(step.map.get("name", step), run_name(step, number), names, "run named")
            if "mark" in step.map and run_name(step, number) in told.background:
                # Its markers would enclose only its start, which nobody means.
                found = "a mark around a background run"
                yield step.map["mark"].problem(found, "'mark' steps before and after what counts")
        if step.word("mark"):
            yield from _once(step.map["mark"], step.word("mark") or "", marks, "mark")
        if "snapshot" in step.map:
            yield from _check_snapshot(step, steps.items[:number], top)
        if "hold" in step.map:
            yield from _once(step.map.get("name", step), run_name(step, number), holds, "hold named")
            yield from _check_hold(step, number, top, told)
        for verb in HOST_ACTS:
            if verb in step.map:
                yield from _once(step.map.get("name", step), run_name(step, number), names, "run named")
                yield from _up(step.map[verb], Level.L1, top)
                yield from host_rules.check_act(step, verb, stack)
                of = step.map[verb].map.get("of")
                if of is not None and of.text:
                    yield from _earlier(of, of.text, number, told)
        if "copy" in step.map:
            yield from _check_copy(step.map["copy"], top, base)
        if "wait-for" in step.map:
            yield from _check_wait(step, number, told)
        to = step.map.get("to") if "send" in step.map else None
        if to is not None and to.text:
            yield from _background(to, to.text, number, told)


def _check_snapshot(step: Node, before: Sequence[Node], top: Level | None) -> Iterator[Problem]:
    """What is saved must be at rest, and is not traced: that begins after the snapshot."""
    if top is None:
        yield step.problem("a snapshot while nothing is booted", "an earlier step such as 'boot: l1'")
    earlier = [each for each in before if "snapshot" in each.map]
    if earlier:
        first = f"one snapshot in a scenario (first in line {earlier[0].where.line})"
        yield step.problem("a second snapshot", first)
        return
    for each in before:
        if "hold" in each.map:
            yield each.problem("a hold before the snapshot", "holds after it; what is saved is at rest")
        if "mark" in each.map:
            yield each.map["mark"].problem("a mark before the snapshot", "marks after it; setup has no trace")
        if "background" in each.map and each.map["background"].value is True:
            found = "a background run before the snapshot"
            yield each.map["background"].problem(found, "runs that end, because what is saved is at rest")


def _needs_boot(step: Node, top: Level | None) -> Iterator[Problem]:
    level = _level(step, "on")
    if level is not None:
        yield from _up(step.map["on"], level, top)


def _up(node: Node, level: Level, top: Level | None) -> Iterator[Problem]:
    if top is None or level > top:
        state = "nothing is booted" if top is None else f"only {top} is booted"
        yield node.problem(f"{level} is used while {state}", f"an earlier step 'boot: {level}'")


def _once(node: Node, name: str, seen: dict[str, Node], kind: str) -> Iterator[Problem]:
    if name in seen:
        first = seen[name].where.line
        yield node.problem(f"a second {kind} {shown(name)}", f"a name of its own (first in line {first})")
    seen.setdefault(name, node)


def _check_copy(copy: Node, top: Level | None, base: Path) -> Iterator[Problem]:
    sides = {}
    for key in ("from", "to"):
        node = copy.map.get(key)
        if node is None or node.text is None:
            return
        try:
            sides[key] = value_grammar.level_path(node.text)
        except ValueError as error:
            yield node.problem(describe(node.text), str(error))
            return
    source, target = copy.map["from"], copy.map["to"]
    if (sides["from"] is None) == (sides["to"] is None):
        both = "neither side" if sides["from"] is None else "both sides"
        yield copy.problem(f"a copy with a level on {both}", "one side such as l1:/tmp/x")
    elif sides["from"] is None:
        if not os.path.isdir(base / (source.text or "").replace("\0", "")):  # noqa: PTH112
            yield from missing_file(source, source.text or "", base, "a file or a directory")
    elif not is_plain_name(target.text or ""):
        yield target.problem(
            describe(target.text), "a file name without directories, for the cell's directory"
        )
    for key, side in sides.items():
        if side is not None:
            yield from _up(copy.map[key], side[0], top)


def is_plain_name(name: str) -> bool:
    """Whether ``name`` stays in its directory and cannot be mistaken for an option."""
    return PurePosixPath(name).name == name and not name.startswith(("-", ".")) and len(name.encode()) <= 255


def _check_wait(step: Node, number: int, told: Told) -> Iterator[Problem]:
    wait = step.map["wait-for"]
    for key in ("process", "of"):
        node = wait.map.get(key)
        if node is not None and node.text:
            yield from _background(node, node.text, number, told)
    for key in ("console", "output"):
        if key in wait.map:
            yield from wrong_expression(wait.map[key])
    if "command" in wait.map:
        yield from shell.check(wait.map["command"])
    at_level = "console" in wait.map or "command" in wait.map
    if at_level and "on" not in step.map:
        yield step.problem("missing key 'on' in a wait-for step", "the level to look at")
    elif not at_level and "on" in step.map and wait.map:
        yield Problem(step.keys["on"], "a level for a background run", "no key 'on': the run has its level")


def _check_hold(step: Node, number: int, top: Level | None, told: Told) -> Iterator[Problem]:
    """Places that can be read, a condition that somebody else can meet, a deadline."""
    hold = step.map["hold"]
    if top is None:
        yield step.problem("a hold while nothing is booted", "an earlier step such as 'boot: l0'")
    for node in (hold, *(hold.map[key] for key in ("after", "until") if key in hold.map)):
        at = node.map.get("at")
        if at is not None and at.text is not None:
            try:
                value_grammar.place(at.text)
            except ValueError as error:
                yield at.problem(describe(at.text), str(error))
    deadline = hold.map.get("deadline")
    if deadline is not None and deadline.text is not None:
        try:
            value_grammar.duration_us(deadline.text)
        except ValueError as error:
            yield deadline.problem(describe(deadline.text), str(error))
    until = hold.map.get("until")
    if until is None:
        return
    cpu, other = hold.map.get("cpu"), until.map.get("cpu")
    if cpu is not None and other is not None and cpu.value == other.value:
        yield other.problem(f"CPU {other.value}, which is the one that is held", "another CPU")
    held = until.map.get("held")
    if held is not None and held.text is not None:
        others = sorted(set(told.holds) - {run_name(step, number)})
        if held.text not in others:
            found = "itself" if held.text == run_name(step, number) else f"unknown hold {shown(held.text)}"
            yield held.problem(
                found, listing(others) if others else "another hold", closest(held.text, others)
            )
    ended = until.map.get("step")
    if ended is not None and ended.text is not None:
        later = sorted({name for name, at in told.runs.items() if at > number} | told.marks | told.background)
        if ended.text not in later:
            expected = listing(later) if later else "a later run or mark"
            yield ended.problem(
                f"no step {shown(ended.text)} ends later", expected, closest(ended.text, later)
            )


def _background(node: Node, name: str, number: int, told: Told) -> Iterator[Problem]:
    earlier = sorted(run for run in told.background if told.runs[run] < number)
    if name not in told.runs:
        near = closest(name, earlier)
        yield node.problem(f"unknown run {shown(name)}", _runs(earlier, "an earlier background run"), near)
    elif name not in told.background:
        yield node.problem(f"{shown(name)} is no background run", "a run with 'background: true'")
    elif name not in earlier:
        yield node.problem(f"{shown(name)} starts only later", _runs(earlier, "an earlier background run"))


def _earlier(node: Node, name: str, number: int, told: Told) -> Iterator[Problem]:
    earlier = sorted(run for run, at in told.runs.items() if at < number)
    if name not in earlier:
        yield node.problem(
            f"unknown run {shown(name)}" if name not in told.runs else f"{shown(name)} starts only later",
            _runs(earlier, "an earlier run"),
            closest(name, earlier),
        )


def _runs(names: list[str], kind: str) -> str:
    return listing(names) if names else kind


def wrong_expression(node: Node) -> Iterator[Problem]:
    """A problem when the node's text is no regular expression."""
    try:
        value_grammar.expression(node.text or "")
    except ValueError as error:
        yield node.problem(describe(node.text), str(error))
