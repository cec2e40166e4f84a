# SPDX-License-Identifier: GPL-2.0-only
"""What the schema cannot say of the machines that L0 makes, and of what L0 does to them."""

from __future__ import annotations

from collections.abc import Iterator

from harness.document.nodes import Node
from harness.errors import Problem

ONLY_AT = {"devices": ("l1", "l2"), "migratable": ("l1",), "el2": ("l2",)}
"""Keys that a level's VMM needs, and whose VMMs have them: L0 has none of ours, L1 has EL2 always."""
NEEDS = {
    "balloon": ("devices", "balloon", "devices: [balloon]"),
    "plug": ("memory", "pluggable", "memory: {pluggable: 256M}"),
    "unplug": ("memory", "pluggable", "memory: {pluggable: 256M}"),
    "migrate": ("migratable", "true", "migratable: true"),
}
"""Verb: the key of L1 that it needs, what must be in it, and how that is written."""


def check_levels(stack: Node) -> Iterator[Problem]:
    """Keys that a level cannot have: L0 is no guest, only L1 is migrated, and L1 has EL2 always."""
    for name in ("l0", "l1", "l2"):
        level = stack.map.get(name)
        if level is None:
            continue
        for key, where in ONLY_AT.items():
            if key in level.map and name not in where:
                told = f"it at {' or '.join(where)}, whose VMM has it"
                yield Problem(level.keys[key], f"key {key!r} at {name}", told)
        memory = level.map.get("memory")
        if memory is None:
            continue
        if name == "l0" and memory.map:
            yield memory.problem("a mapping for l0's memory", "a size such as 3G: the model has it")
        if name == "l2" and "pluggable" in memory.map:
            yield Problem(memory.keys["pluggable"], "key 'pluggable' at l2", "it at l1, where verbs use it")


def check_act(step: Node, verb: str, stack: Node | None) -> Iterator[Problem]:
    """A verb of which L1's machine has the device."""
    if verb not in NEEDS:
        return
    key, part, written = NEEDS[verb]
    level = stack.map.get("l1") if stack is not None else None
    node = level.map.get(key) if level is not None else None
    if node is None or not _has(node, part):
        yield step.problem(f"{verb} of an L1 without {written!r}", f"a stack with 'l1: {{{written}}}'")


def _has(node: Node, part: str) -> bool:
    if node.map:
        return part in node.map
    if node.items:
        return any(each.text == part for each in node.items)
    return node.value is True
