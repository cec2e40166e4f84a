# SPDX-License-Identifier: GPL-2.0-only
"""One scenario file: read, checked as a whole, expanded. All its problems come in one error."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.document.nodes import REFUSED, Node, listing, shown
from harness.errors import InputError, Location, Problem, UserError, closest
from harness.level import Level
from harness.scenario import assemble, expectations, matrix, other_formats, schema, step_rules, walks
from harness.scenario.defaults import SANITIZER
from harness.scenario.language import Cell, OracleCheck, StackSpec
from harness.scenario.mutants import kernel_with
from harness.scenario.mutated import mutated
from harness.scenario.vocabulary import Vocabulary, claims

SEE = "docs/language.md"
"""Which page describes scenarios."""
_FIXED = ("scenario", "claims", "matrix")
"""Top-level keys that are the same at every point, and so cannot refer to the matrix."""

_LISTS = {"steps": "$defs/step", "expect": "$defs/expectation"}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says over every scenario. ``kernel`` replaces the kernel of all levels.

    ``l0_kernel``, ``l1_kernel`` and ``l2_kernel`` replace that of one level, whatever ``kernel`` says: a host
    under test below known guests, a guest hypervisor under test on a known host. ``mutant`` gives L0 the
    kernel with injected faults, unless ``kernel`` or ``l0_kernel`` names one, and switches one on;
    ``l1_mutant`` does so at L1 with a fault of a guest hypervisor or of a host. ``sanitize`` turns a
    sanitizer on.
    """

    kernel: str | None = None
    model: str | None = None
    timing: str | None = None
    mutant: str | None = None
    sanitize: str | None = None
    l0_kernel: str | None = None
    l1_kernel: str | None = None
    l2_kernel: str | None = None
    l1_mutant: str | None = None

    @property
    def kernels(self) -> Mapping[Level, str | None]:
        """What replaces the kernel of one level alone."""
        return {Level.L0: self.l0_kernel, Level.L1: self.l1_kernel, Level.L2: self.l2_kernel}

    def check(self, vocabulary: Vocabulary) -> None:
        """Raise ``UserError`` with every name that does not exist; a path must be that of a file."""
        asked = (
            ("kernel", self.kernel, vocabulary.kernels),
            *(("kernel", kernel, vocabulary.kernels) for kernel in self.kernels.values()),
            ("model", self.model, vocabulary.models),
            ("timing", self.timing, vocabulary.timings),
            ("mutant", self.mutant, vocabulary.mutants),
            ("mutant of L1", self.l1_mutant, {*vocabulary.guest_mutants, *vocabulary.mutants}),
        )
        wrong = [_unknown(kind, name, known) for kind, name, known in asked if name is not None]
        if any(wrong):
            raise UserError("\n".join(dict.fromkeys(filter(None, wrong))))

    def apply(self, stack: StackSpec) -> StackSpec:
        """The stack with the given parts replaced."""
        levels = dict(stack.levels)
        if self.kernel is not None:
            kernel = _absolute(self.kernel)
            levels = {lv: dataclasses.replace(spec, kernel=kernel) for lv, spec in levels.items()}
        for level, named in self.kernels.items():
            if named is not None:
                levels[level] = dataclasses.replace(levels[level], kernel=_absolute(named))
        model = stack.model if self.model is None else _absolute(self.model)
        return StackSpec(model, self.timing or stack.timing, levels, self.sanitize or stack.sanitize)

    def change(self, cell: Cell) -> Cell:
        """The cell with the mutants of these overrides, as far as there are any."""
        for level, mutant in ((Level.L0, self.mutant), (Level.L1, self.l1_mutant)):
            if mutant is not None:
                named = self.kernel or self.kernels[level]
                kernel = cell.stack.levels[level].kernel if named else kernel_with(mutant, level)
                cell = mutated(cell, mutant, kernel, level)
        return cell


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    """What is wrong with a name of the command line; nothing for one of ``known`` or the path of a file."""
    if name in known:
        return ""
    is_file = os.path.isfile(name)  # noqa: PTH113 - Path.is_file raises for names that cannot be
    near = closest(name, sorted(known))
    if kind in ("model", "kernel"):
        if "/" in name:
            return "" if is_file else f"no {kind} file {shown(name)}: give a path to a {kind}'s yaml file"
        if is_file:  # a path has a slash
            near = f"./{name}"
    hint = f"; did you mean {near!r}?" if near else ""
    return f"unknown {kind} {shown(name)}; expected {listing(sorted(known))}{hint}"


def _absolute(name: str) -> str:
    """A path made absolute; a name as it is."""
    return str(Path(name).absolute()) if "/" in name else name


NO_OVERRIDES = Overrides()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A checked file: its tree as written, and its cells in matrix order."""

    root: Node
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.root.word("scenario") or ""


def load(path: Path, vocabulary: Vocabulary, overrides: Overrides) -> Scenario:
    """Load one file; ``InputError`` with everything that is wrong with it.

    Relative file names in it count from its own directory.
    """
    try:
        root, found = other_formats.examine(path)
    except InputError as error:
        raise InputError(error.problems, error.see or SEE) from None
    base = path.parent
    later = _deferred(root)
    found += [problem for problem in schema.problems(root) if problem.where not in later]
    points = _points(root, found)
    found += _names(root)
    trees = [_at(root, point) for point in points]
    found += _shapes(root, trees)
    for tree in trees:
        found += _meaning(tree, vocabulary, base)
    if found:
        raise InputError(list(dict.fromkeys(found)), SEE)
    cells = []
    for tree, point in zip(trees, points, strict=True):
        stack = overrides.apply(assemble.stack(tree.map.get("stack"), base))
        cell = assemble.cell(tree, point, stack, base)
        cell = _fitting(cell, tree.map.get("stack"), overrides, vocabulary, found)
        cells.append(overrides.change(_sanitized(cell, vocabulary)))
    if found:
        raise InputError(list(dict.fromkeys(found)), SEE)
    if len({cell.id for cell in cells}) < len(cells):
        raise InputError(
            [root.map["matrix"].problem("two points with the same id", "values without , and =")], SEE
        )
    return Scenario(root, tuple(cells))


def _sanitized(cell: Cell, vocabulary: Vocabulary) -> Cell:
    """The cell with the TLB sanitizer on if one of its oracles judges by that."""
    oracles = [each.oracle for each in cell.expectations if isinstance(each, OracleCheck)]
    if cell.stack.sanitize or not any(oracle in vocabulary.sanitized for oracle in oracles):
        return cell
    return dataclasses.replace(cell, stack=dataclasses.replace(cell.stack, sanitize=SANITIZER))


def _fitting(
    cell: Cell, stack: Node | None, overrides: Overrides, vocabulary: Vocabulary, found: list[Problem]
) -> Cell:
    """The cell on a model on which what it does can be done: L0 may unmap whole contexts for it.

    The default model, and one that the command line names, have another one for that. A model that the
    scenario names itself is refused, and so is one that has none. A scenario that names one with fewer bits
    needs one, whether its steps tell so or not.
    """
    said = stack.word("contexts") if stack is not None else None
    place = walks.walking(cell.steps)
    if said == walks.WHOLE and stack is not None:
        place = place or (stack.map["contexts"].where, "unmaps whole contexts")
    named = (stack.word("model") or "") if stack is not None else ""
    chosen = overrides.model is not None and named in vocabulary.models and vocabulary.wide(named, "") is None
    instead = vocabulary.wide(cell.stack.model, named) if (place or chosen) and said != walks.FEW else None
    if instead is None or (place is None and not instead):
        return cell
    if instead and (not named or overrides.model is not None):
        return dataclasses.replace(cell, stack=dataclasses.replace(cell.stack, model=instead))
    assert place is not None  # a narrow model that the scenario names is replaced above
    where, why = place
    told = f"{cell.id} {why}, on {cell.stack.model} with 52 bits of PA: 46 s a context, a hard lockup for L1"
    other = (
        f"model: {instead}" if instead else "a model file with `narrow:` (images/models/by-path.yaml.example)"
    )
    found.append(Problem(where, told, f"{other}, or `contexts: few` in the stack if that is not so"))
    return cell


def _deferred(root: Node) -> set[Location]:
    """Values whose shape is not to be judged as written: they change, or were refused already."""
    changing = [node for key, node in root.map.items() if key not in _FIXED]
    later = {node.where for top in changing for node in _walk(top) if matrix.has_reference(node)}
    return later | {node.where for node in _walk(root) if node.via == REFUSED}


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.items or node.map.values():
        yield from _walk(child)


def _points(root: Node, found: list[Problem]) -> list[matrix.Point]:
    """The matrix's points; one without parameters when its shape is wrong, so that checks go on."""
    node = root.map.get("matrix")
    if node is not None and schema.problems(node, "properties/matrix"):
        return [{}]
    return matrix.points(node, found) or [{}]


def _names(root: Node) -> Iterator[Problem]:
    """References in the wrong place or to names that the matrix does not have."""
    axes = root.map.get("matrix")
    known = [name for name in (axes.map if axes is not None else ()) if name not in matrix.RESERVED]
    for key, node in root.map.items():
        yield from matrix.wrong_references(node, None if key in _FIXED else known)


def _at(root: Node, point: matrix.Point) -> Node:
    entries = {
        key: node if key in _FIXED else matrix.substitute(node, point) for key, node in root.map.items()
    }
    return Node(root.where, entries, root.keys) if isinstance(root.value, dict) else root


def _shapes(root: Node, trees: list[Node]) -> Iterator[Problem]:
    """Check the shape again where parameters went in, each different outcome once."""
    for key, node in root.map.items():
        if key in _FIXED or key not in schema.document()["properties"]:
            continue
        parts: list[tuple[str, tuple[int, ...]]] = [(f"properties/{key}", ())]
        if key in _LISTS and isinstance(node.value, list):
            parts = [(_LISTS[key], (number,)) for number in range(len(node.items))]
        for part, path in parts:
            if not any(map(matrix.has_reference, _walk(node.at(path)))):
                continue
            seen = set()
            for tree in trees:
                changed = tree.map[key].at(path)
                if any(scalar.via == REFUSED for scalar in _walk(changed)):
                    continue
                outcome = tuple(repr(scalar.value) for scalar in _walk(changed) if scalar.via)
                if outcome not in seen:
                    seen.add(outcome)
                    yield from schema.problems(changed, part)


def _meaning(root: Node, vocabulary: Vocabulary, base: Path) -> Iterator[Problem]:
    """The second pass over one point: what refers to what."""
    for claim in root.map["claims"].items if "claims" in root.map else ():
        if claim.text is not None and claim.text not in claims() and not matrix.names_in(claim):
            known = list(claims())
            yield claim.problem(
                f"unknown claim {shown(claim.text)}", listing(known), closest(claim.text, known)
            )
    nothing = Node(root.where, [])
    told = step_rules.tell(root.map.get("steps", nothing))
    yield from step_rules.check_stack(root.map.get("stack", nothing), vocabulary, base)
    yield from step_rules.check_steps(root.map.get("steps", nothing), told, base, root.map.get("stack"))
    yield from expectations.check(root.map.get("expect", nothing), told, vocabulary)
