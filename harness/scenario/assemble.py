"""From a checked tree, with the parameters replaced, to one cell. Nothing here finds fault any more."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from harness.level import Level
from harness.scenario import defaults, grammar, hatch, matrix
from harness.scenario.expectations import PATTERN_KEYS
from harness.scenario.model import (
    Absence,
    Boot,
    Cell,
    ConsoleCheck,
    Copy,
    EventPattern,
    Existence,
    Expectation,
    LevelSpec,
    Mark,
    OracleCheck,
    Precedence,
    PythonCheck,
    Response,
    ResultCheck,
    Run,
    Scalar,
    Scope,
    Snapshot,
    StackSpec,
    Step,
    WaitFor,
)
from harness.scenario.nodes import Node
from harness.scenario.steps import run_name


def cell_id(scenario: str, params: matrix.Point) -> str:
    """``scenario[key=value,...]`` with the keys in matrix order, or the scenario's name alone."""
    if not params:
        return scenario
    return f"{scenario}[{','.join(f'{key}={matrix.in_text(value)}' for key, value in params.items())}]"


def cell(root: Node, params: matrix.Point, stack: StackSpec, base: Path) -> Cell:
    """Build the cell of one point. ``base`` is what relative names of files count from."""
    name = _string(root, "scenario")
    return Cell(
        id=cell_id(name, params),
        scenario=name,
        summary=_string(root, "summary"),
        claims=tuple(str(claim.value) for claim in root.map["claims"].items) if "claims" in root.map else (),
        path=root.where.path,
        params=dict(params),
        stack=stack,
        steps=tuple(_step(step, number, base) for number, step in enumerate(root.map["steps"].items)),
        expectations=tuple(map(_expectation, root.map["expect"].items)),
        allow_vacuous=root.word("vacuous") == "allow",
        timeout=_number(root, "timeout", defaults.SCENARIO_TIMEOUT),
    )


def stack(node: Node | None, base: Path) -> StackSpec:
    """The stack with everything filled in that the scenario does not say."""
    parts = node.map if node is not None else {}
    levels = {level: _level_spec(parts.get(str(level)), defaults.LEVELS[level]) for level in Level}
    model = _string(node, "model", defaults.MODEL)
    return StackSpec(
        model=str((base / model).absolute()) if "/" in model else model,
        timing=_string(node, "timing", defaults.TIMING),
        levels=levels,
    )


def _level_spec(node: Node | None, default: LevelSpec) -> LevelSpec:
    if node is None:
        return default
    return dataclasses.replace(
        default,
        kernel=_string(node, "kernel", default.kernel),
        rootfs=_string(node, "rootfs", default.rootfs),
        cpus=_integer(node, "cpus", default.cpus),
        memory_mib=grammar.memory_mib(_string(node, "memory", f"{default.memory_mib}M")),
        cmdline=_string(node, "cmdline", default.cmdline),
    )


def _step(node: Node, number: int, base: Path) -> Step:
    verb = next(verb for verb in ("boot", "run", "copy", "wait-for", "snapshot", "mark") if verb in node.map)
    timeout = _number(node, "timeout", defaults.STEP_TIMEOUTS[verb])
    mark = node.word("mark") if verb != "mark" else None
    match verb:
        case "boot":
            return Boot(node.where, timeout, _level(node, "boot"), mark=mark)
        case "run":
            background = "background" in node.map and node.map["background"].value is True
            return Run(
                node.where,
                timeout,
                _level(node, "on"),
                _string(node, "run"),
                run_name(node, number),
                background,
                mark=mark,
            )
        case "copy":
            return _copy(node, timeout, mark, base)
        case "wait-for":
            wait = node.map["wait-for"]
            return WaitFor(
                node.where,
                timeout,
                _level(node, "on") if "on" in node.map else None,
                process=wait.word("process"),
                console=wait.word("console"),
                output=wait.word("output"),
                of=wait.word("of"),
                command=wait.word("command"),
            )
        case "snapshot":
            return Snapshot(node.where, timeout, _string(node, "snapshot"))
        case _:
            return Mark(node.where, timeout, _string(node, "mark"))


def _copy(node: Node, timeout: float, mark: str | None, base: Path) -> Copy:
    source, target = _string(node.map["copy"], "from"), _string(node.map["copy"], "to")
    if (there := grammar.level_path(target)) is not None:
        level, path = there
        here = str((base / source).absolute())
        return Copy(node.where, timeout, level, here, path, to_level=True, mark=mark)
    there = grammar.level_path(source)
    assert there is not None
    return Copy(node.where, timeout, there[0], there[1], target, to_level=False, mark=mark)


def _expectation(node: Node) -> Expectation:
    kind = next(key for key in PATTERN_KEYS if key in node.map)
    name, scope = _string(node, kind), _scope(node.map.get("scope"))
    match kind:
        case "existence":
            count = node.map.get("count")
            text = grammar.count(str(count.value)) if count is not None else ">= 1"
            return Existence(node.where, name, _pattern(node.map["of"]), scope, text)
        case "absence":
            given = node.map.get("given")
            return Absence(
                node.where, name, _pattern(node.map["of"]), scope, None if given is None else _pattern(given)
            )
        case "response":
            within = node.word("within")
            return Response(
                node.where,
                name,
                _pattern(node.map["when"]),
                _pattern(node.map["then"]),
                scope,
                None if within is None else grammar.duration_us(within),
            )
        case "precedence":
            return Precedence(
                node.where, name, _pattern(node.map["event"]), _pattern(node.map["first"]), scope
            )
        case "oracle":
            own = _string(node, "name", name)
            return OracleCheck(node.where, own, name, scope, _scalars(node.map.get("options")))
        case "python":
            return PythonCheck(
                node.where,
                name,
                _string(node, "file"),
                hatch.source_of(node),
                hatch.function_of(node),
                tuple(event.text or "" for event in node.map["events"].items),
                scope,
                _scalars(node.map.get("options")),
            )
        case "console":
            negated = "lacks" in node.map
            text = _string(node, "lacks" if negated else "matches")
            return ConsoleCheck(node.where, name, _level(node, "on"), text, negated)
        case _:
            status = node.map.get("exit")
            return ResultCheck(
                node.where,
                name,
                _string(node, "of"),
                None if status is not None and status.text == "any" else _integer(node, "exit", 0),
                node.word("stdout"),
                node.word("stderr"),
                _scalars(node.map.get("values")),
            )


def _pattern(node: Node) -> EventPattern:
    fields = {key: value for key, value in _scalars(node).items() if key != "event"}
    return EventPattern(node.where, _string(node, "event"), fields)


def _scope(node: Node | None) -> Scope:
    if node is None:
        return Scope()
    if node.text is not None:
        return Scope(after=f"{node.text}.begin", before=f"{node.text}.end")
    if "between" in node.map:
        after, before = (item.text for item in node.map["between"].items)
        return Scope(after=after, before=before)
    return Scope(after=node.word("after"), before=node.word("before"))


def _scalars(node: Node | None) -> Mapping[str, Scalar]:
    entries = node.map if node is not None else {}
    return {key: item.value for key, item in entries.items() if isinstance(item.value, str | int)}


def _string(node: Node | None, key: str, default: str = "") -> str:
    text = None if node is None else node.word(key)
    return default if text is None else text


def _number(node: Node, key: str, default: float) -> float:
    value = node.map[key].value if key in node.map else default
    assert isinstance(value, int | float)
    return float(value)


def _integer(node: Node, key: str, default: int) -> int:
    value = node.map[key].value if key in node.map else default
    assert isinstance(value, int)
    return value


def _level(node: Node, key: str) -> Level:
    return Level.parse(_string(node, key))
