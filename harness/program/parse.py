# SPDX-License-Identifier: GPL-2.0-only
"""The text of programs back to objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.arch.table import by_name
from harness.errors import InputError, Location, Problem, UserError, closest
from harness.program.addresses import GRANULES
from harness.program.context_words import NUMBERS, context_of
from harness.program.program import (
    Access,
    Action,
    At,
    Context,
    Cpu,
    DescriptorLook,
    Host,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    World,
)
from harness.program.render import AFTERWARDS


def parse(text: str, source: str = "program") -> Iterator[tuple[str, Program]]:
    """The programs of a text by name, less memory and epilogue, which ``render`` makes anew.

    Raises ``InputError`` with the line of the first thing that is not understood.
    """
    contexts: list[Context] = []
    actions: list[Action] = []
    name, cpus, hide, shift, e2h0, pressure = "", 1, "", 12, False, 0
    afterwards = False
    for number, line in enumerate(text.splitlines(), 1):
        afterwards |= line.strip() == AFTERWARDS
        words = line.partition("#")[0].partition("=>")[0].split()
        words = words[:-1] if words[-1:] == ["loose"] else words
        if not words:
            continue
        try:
            if words[0] == "program":
                name, cpus, hide, e2h0, pressure = words[1], 1, "", "e2h0" in words, 0
                contexts, actions = [], []
                for word in words[2:]:
                    key, _, value = word.partition("=")
                    cpus = int(value) if key == "cpus" else cpus
                    hide = value if key == "hide" else hide
                    pressure = int(value) if key == "pressure" else pressure
            elif words[0] == "context":
                shift = GRANULES[next(w for w in words if w.startswith("granule=")).partition("=")[2]]
                contexts.append(_parse_context(words))
            elif words[0] == "end":
                world = World(shift, tuple(contexts), cpus, hide, e2h0, pressure)
                yield name, Program(world, tuple(actions))
                afterwards = False
            elif not afterwards and words[0] not in ("frames", "poke", "code"):
                actions.append(_parse_action(words))
        except (UserError, ValueError, IndexError, KeyError, StopIteration) as error:
            near = closest(words[0], VERBS)
            raise InputError(
                [
                    Problem(
                        Location(source, number),
                        f"{line.strip()!r}: {error}",
                        "an action (docs/hunt.md)",
                        near,
                    )
                ]
            ) from None


VERBS = ("context", "s1", "s2", "e2", "read", "write", "execute", "vncr", "peek", "entry", "tlbi", "l2-tlbi",
         "at", "spin", "sample", "stop", "cpu", "host")  # fmt: skip


def _parse_context(words: Sequence[str]) -> Context:
    said = dict(word.split("=", 1) for word in words if "=" in word)
    return context_of({key: int(said[key], 0) for key in NUMBERS if key in said}, words)


def _parse_action(words: Sequence[str]) -> Action:
    verb = words[0]
    numbers = [int(word, 0) for word in words[1:] if word[0].isdigit()]
    match verb:
        case "s1" | "s2" | "e2":
            ctx, rest = (0, list(words[1:])) if verb == "e2" else (int(words[1]), list(words[2:]))
            to = None if rest[2] == "none" else int(rest[2], 0)
            perms = rest[3].replace("-", "") if len(rest) > 3 else ""
            return Map(verb, ctx, int(rest[0], 0), int(rest[1]), to, perms)
        case "entry":
            return DescriptorLook(words[1], int(words[2]), int(words[3], 0), int(words[4]))
        case "peek":
            return Access("peek", at=numbers[0])
        case "vncr":
            return Access("vncr", numbers[0])
        case "read" | "execute":
            return Access(verb, numbers[0], numbers[1], el0=words[-1] == "el0")
        case "write":
            return Access(verb, numbers[0], numbers[1], numbers[2], words[-1] == "el0")
        case "tlbi" | "l2-tlbi":
            by_name(words[2])
            return Tlbi(int(words[1]), words[2], int(words[3], 0) if len(words) > 3 else 0, verb == "l2-tlbi")
        case "at":
            return At(int(words[1]), words[2], int(words[3], 0), words[-1] == "attr")
        case "spin":
            return Spin(numbers[0], numbers[1], numbers[2], words[4])
        case "sample":
            return Sample(numbers[0])
        case "stop":
            return Stop(numbers[0])
        case "cpu":
            return Cpu(numbers[0])
        case "host":
            return Host(words[1], int(words[2], 0))
        case _:
            raise ValueError(f"{verb} is no action")
