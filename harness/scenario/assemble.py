# SPDX-License-Identifier: GPL-2.0-only
"""From a checked tree, with the parameters replaced, to one cell. Nothing here finds fault any more."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from harness.document.nodes import Node
from harness.level import Level
from harness.scenario import defaults, matrix, value_grammar
from harness.scenario.expected import expectation
from harness.scenario.language import (
    Arrival,
    Boot,
    Cell,
    Copy,
    GuestRam,
    Hold,
    HostAct,
    LevelSpec,
    Mark,
    Run,
    Send,
    Snapshot,
    StackSpec,
    Step,
    WaitFor,
)
from harness.scenario.step_rules import HOST_ACTS, run_name


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
        steps=_fed(_step(step, number, base) for number, step in enumerate(root.map["steps"].items)),
        expectations=tuple(map(expectation, root.map["expect"].items)),
        allow_vacuous=root.word("vacuous") == "allow",
        timeout=_number(root, "timeout", defaults.SCENARIO_TIMEOUT),
    )


def stack(node: Node | None, base: Path) -> StackSpec:
    """The stack with everything filled in that the scenario does not say."""
    parts = node.map if node is not None else {}
    levels = {level: _level_spec(parts.get(str(level)), defaults.LEVELS[level], base) for level in Level}
    if levels[Level.L2].el2:
        l1 = levels[Level.L1]
        levels[Level.L1] = dataclasses.replace(l1, cmdline=f"{NESTED} {l1.cmdline}".rstrip())
    model = _string(node, "model", defaults.MODEL)
    return StackSpec(
        model=_located(model, base),
        timing=_string(node, "timing", defaults.TIMING),
        levels=levels,
        sanitize=_string(node, "sanitize", ""),
    )


NESTED = "kvm-arm.mode=nested"
"""On L1's command line if its KVM is to give L2 an EL2."""


def _located(name: str, base: Path) -> str:
    """A path, which counts from ``base``, made absolute; a name as it is."""
    return str((base / name).absolute()) if "/" in name else name


def _level_spec(node: Node | None, default: LevelSpec, base: Path) -> LevelSpec:
    if node is None:
        return default
    memory = node.map.get("memory")
    parts = memory.map if memory is not None else {}
    size = _string(memory, "size") if parts else _string(node, "memory")
    rootfs, key = (node.map["rootfs"], "base") if _is_overlaid(node) else (node, "rootfs")
    add = _string(rootfs, "add") if rootfs is not node else ""
    return dataclasses.replace(
        default,
        kernel=_located(_string(node, "kernel", default.kernel), base),
        rootfs=_located(_string(rootfs, key, default.rootfs), base),
        add=str((base / add).absolute()) if add else "",
        cpus=_integer(node, "cpus", default.cpus),
        memory_mib=value_grammar.memory_mib(size) if size else default.memory_mib,
        cmdline=_string(node, "cmdline", default.cmdline),
        ram=GuestRam(
            _string(memory, "backing", default.ram.backing) if parts else default.ram.backing,
            value_grammar.memory_mib(_string(memory, "pluggable")) if "pluggable" in parts else 0,
        ),
        devices=tuple(each.text or "" for each in node.map["devices"].items) if "devices" in node.map else (),
        migratable="migratable" in node.map and node.map["migratable"].value is True,
        el2="el2" in node.map and node.map["el2"].value is True,
    )


def _fed(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps, with the runs marked to which some step sends."""
    found = tuple(steps)
    fed = {step.to for step in found if isinstance(step, Send)}
    return tuple(
        dataclasses.replace(step, fed=True) if isinstance(step, Run) and step.name in fed else step
        for step in found
    )


def _is_overlaid(level: Node) -> bool:
    return "rootfs" in level.map and bool(level.map["rootfs"].map)


def _step(node: Node, number: int, base: Path) -> Step:
    verbs = ("boot", "run", "copy", "wait-for", "send", "hold", "snapshot", *HOST_ACTS, "mark")
    verb = next(verb for verb in verbs if verb in node.map)
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
        case "send":
            return Send(node.where, timeout, _string(node, "send"), _string(node, "to"))
        case "hold":
            return _hold(node, number, timeout)
        case _ if verb in HOST_ACTS:
            return _host_act(node, verb, number, timeout, mark)
        case "snapshot":
            return Snapshot(node.where, timeout, _string(node, "snapshot"))
        case _:
            return Mark(node.where, timeout, _string(node, "mark"))


def _hold(node: Node, number: int, timeout: float) -> Hold:
    hold = node.map["hold"]
    until, after = hold.map["until"], hold.map.get("after")
    deadline = hold.word("deadline")
    return Hold(
        node.where,
        timeout,
        name=run_name(node, number),
        at=_arrival(hold),
        times=_integer(hold, "times", 1) if "times" in hold.map or after is None else None,
        after=None if after is None else _arrival(after),
        arrival=_arrival(until) if "at" in until.map else None,
        held=until.word("held"),
        ended=until.word("step"),
        events=_integer(until, "events", 0) or None,
        deadline_us=defaults.HOLD_US if deadline is None else value_grammar.duration_us(deadline),
        shadow_bits=_integer(hold, "shadow-bits", 0) or None,
    )


def _host_act(node: Node, verb: str, number: int, timeout: float, mark: str | None) -> HostAct:
    said = node.map[verb]
    pages = _integer(said, "pages", 1) if "of" in said.map else 0
    words = " ".join(f"{key}={each.text or each.value}" for key, each in said.map.items()) or said.text
    return HostAct(
        node.where,
        timeout,
        Level.L0,
        f"{verb} {words}",
        run_name(node, number),
        mark=mark,
        act=verb,
        size_kib=0 if said.map else value_grammar.memory_kib(said.text or ""),
        of=_string(said, "of") if said.map else "",
        pages=pages,
        how=_string(said, "how") if said.map else "",
        via=_string(said, "to") if said.map else "",
        times=_integer(said, "times", 1) if said.map else 1,
    )


def _arrival(node: Node) -> Arrival:
    cpu = _integer(node, "cpu", 0) if "cpu" in node.map else None
    return Arrival(value_grammar.place(_string(node, "at")), cpu, _integer(node, "nth", 1))


def _copy(node: Node, timeout: float, mark: str | None, base: Path) -> Copy:
    source, target = _string(node.map["copy"], "from"), _string(node.map["copy"], "to")
    if (there := value_grammar.level_path(target)) is not None:
        level, path = there
        here = str((base / source).absolute())
        return Copy(node.where, timeout, level, here, path, to_level=True, mark=mark)
    there = value_grammar.level_path(source)
    assert there is not None
    return Copy(node.where, timeout, there[0], there[1], target, to_level=False, mark=mark)


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
