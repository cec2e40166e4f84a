# SPDX-License-Identifier: GPL-2.0-only
"""The compiler's warnings of a whole tree, although each build compiles only what has changed.

make's output is grouped by target (``--output-sync=target``), so that each warning belongs to the object that
was being made. A build tree remembers the warnings of every object; one that is compiled again has new ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.host.cache import write_atomic

FILE = "warnings.json"
_TARGET = re.compile(r"^  (?:CC|AS)(?: \[M\])? +(\S+\.o)$")
_WARNING = re.compile(r"^(?P<file>[^\s:]+):(?P<line>\d+)(?::\d+)?: warning: (?P<text>.*)$")
_UP = re.compile(r"^(?:\.\./)+")


@dataclass(frozen=True, slots=True)
class Compiled:
    """What one run of make compiled: the warnings of every object, ``FILE: TEXT`` without line numbers."""

    objects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parse(output: str, root: Path) -> Compiled:
    """Read make's grouped output; paths of ``root``, the sources, are made relative."""
    objects: dict[str, list[str]] = {}
    target = ""
    for line in output.splitlines():
        if match := _TARGET.match(line):
            target = match[1]
            objects[target] = []
        elif (match := _WARNING.match(line)) and target:
            file = _UP.sub("", match["file"].removeprefix(f"{root}/"))
            text = f"{file}: {match['text']}"
            if text not in objects[target]:
                objects[target].append(text)
    return Compiled({name: tuple(texts) for name, texts in objects.items()})


def remember(slot: Path, compiled: Compiled) -> dict[str, list[str]]:
    """Add what was compiled to the tree's record in ``slot``; returns the warnings of every object known."""
    path = slot / FILE
    try:
        known: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    known.update({name: list(texts) for name, texts in compiled.objects.items()})
    write_atomic(path, json.dumps(known, indent=0, sort_keys=True))
    return known
