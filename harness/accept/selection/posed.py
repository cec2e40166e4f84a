# SPDX-License-Identifier: GPL-2.0-only
"""A fault of the kernel nv-mutants as the one-patch series that it stands for, the switch on for ever.

What `nvh accept` chooses for that patch is what `nvh mutants --with accept` runs, and the patch itself can be
judged: `nvh mutants --as-patch NAME`. It is cut out of images/kernels/series/mutants: the two are one fault.
"""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.accept import apply as applying
from harness.accept import base as bases
from harness.accept import submission
from harness.accept.selection import touched
from harness.accept.selection.touched import Hunk, TouchedFunction
from harness.errors import UserError
from harness.host.cache import Store
from harness.host.paths import IMAGES

SERIES = IMAGES / "kernels" / "series" / "mutants"
_SWITCH = re.compile(r"\bkvm_mutant\(\s*(\w+)\s*\)")
_MACHINERY = re.compile(r"asm/kvm_mutant\.h|kvm_mutant_names|__kvm_mutant")
_WORD = re.compile(r"\b[A-Za-z_]\w+\b")


@dataclass(frozen=True, slots=True)
class FaultyFile:
    """A file of the base, ``before`` and ``after`` all faults, and the hunks (-U0) between the two."""

    before: str
    after: str
    hunks: tuple[Hunk, ...]


class PosedFaults:
    """The files of the right kernel and of the one with all faults, out of which single faults are cut."""

    def __init__(self, files: Mapping[str, FaultyFile]) -> None:
        self._files = files

    def before(self, path: str) -> str:
        """Return a file of the base; empty where no fault is in it."""
        return self._files[path].before if path in self._files else ""

    def posed(self, mutant: str) -> dict[str, str]:
        """Return the files that the fault changes, with it alone; ``UserError`` for an unknown fault."""
        switch = mutant.replace("-", "_")
        found = {
            path: text
            for path, each in self._files.items()
            if (text := with_fault(each, switch)) != each.before
        }
        if not found:
            raise UserError(f"{SERIES} has no fault {mutant}; see nvh mutants --list")
        return found

    def patch(self, mutant: str, fault: str) -> str:
        """Return the fault as a bare diff that `nvh accept` takes; ``fault`` says in words what is wrong."""
        parts = [f"A deliberate fault, {mutant}: {fault}.\n\n"]
        for path, text in self.posed(mutant).items():
            before, after = (each.splitlines(keepends=True) for each in (self.before(path), text))
            parts.append(f"diff --git a/{path} b/{path}\n")
            parts += difflib.unified_diff(before, after, f"a/{path}", f"b/{path}")
        return "".join(parts)

    def touches(self, mutant: str) -> list[TouchedFunction]:
        """Return the functions that the fault's patch changes, as an acceptance would."""
        after = self.posed(mutant)
        diff = "".join(
            f"--- a/{path}\n+++ b/{path}\n" + "".join(_hunks_only(self.before(path), text))
            for path, text in after.items()
        )
        return touched.by_patch(
            [(1, diff)], lambda number, path: after[path] if number else self.before(path)
        )


def _hunks_only(before: str, after: str) -> Iterator[str]:
    lines = [text.splitlines(keepends=True) for text in (before, after)]
    yield from list(difflib.unified_diff(lines[0], lines[1], n=0))[2:]


def with_fault(file: FaultyFile, switch: str) -> str:
    """Return ``file`` with one fault alone: its hunks, and what they need of those without any.

    In a hunk that several faults share, the others are off for ever.
    """
    after = file.after.splitlines(keepends=True)
    blocks = ["".join(after[hunk.new - 1 : hunk.new - 1 + hunk.added]) for hunk in file.hunks]
    wanted = _wanted(file, blocks, switch)
    before = file.before.splitlines(keepends=True)
    out: list[str] = []
    place = 0
    for number, hunk in enumerate(file.hunks):
        first = hunk.old - 1 if hunk.removed else hunk.old  # a hunk that only adds stands behind its line
        out += before[place:first]
        place = first + hunk.removed
        out += [_SWITCH.sub(_fixed(switch), blocks[number])] if number in wanted else before[first:place]
    return "".join([*out, *before[place:]])


def _fixed(switch: str) -> Callable[[re.Match[str]], str]:
    return lambda match: "true" if match[1] == switch else "false"


def _wanted(file: FaultyFile, blocks: Sequence[str], switch: str) -> set[int]:
    """Return the hunks that make the fault, and those without any fault that declare a word they use."""
    found = {n for n, block in enumerate(blocks) if switch in _SWITCH.findall(block)}
    known = set(_WORD.findall(file.before))
    spare = {
        n: set(_WORD.findall(block)) - known
        for n, block in enumerate(blocks)
        if not _SWITCH.search(block) and not _MACHINERY.search(block)
    }
    opens = _opens(file, blocks)
    while found:
        used = {word for n in found for word in _WORD.findall(_SWITCH.sub("", blocks[n]))}
        more = {n for n, words in spare.items() if n not in found and words & used}
        more |= _closing(found, opens)
        if not more:
            break
        found |= more
    return found


def _opens(file: FaultyFile, blocks: Sequence[str]) -> list[int]:
    """Return how many more braces and parentheses each hunk leaves open than what it replaces."""
    before = file.before.splitlines(keepends=True)

    def left(text: str) -> int:
        return sum(text.count(sign) for sign in "({") - sum(text.count(sign) for sign in ")}")

    old = ("".join(before[hunk.old - 1 : hunk.old - 1 + hunk.removed]) for hunk in file.hunks)
    return [left(new) - left(was) for new, was in zip(blocks, old, strict=True)]


def _closing(found: set[int], opens: Sequence[int]) -> set[int]:
    """Return the nearest hunk that evens out what is open: behind one that opens, before one that closes."""
    depth = sum(opens[n] for n in found)
    if not depth:
        return set()
    odd = max(n for n in found if opens[n] * depth > 0)
    places = range(odd + 1, len(opens)) if depth > 0 else range(odd - 1, -1, -1)
    return set(next(([n] for n in places if n not in found and opens[n] * depth < 0), []))


def load(store: Store, progress: Callable[[str], None]) -> PosedFaults:
    """Return the faults of nv-mutants on the kernel ``nv``; errors are those of an acceptance's beginning."""
    base = bases.open_base(bases.CONFIGURATION, store, progress)
    with tempfile.TemporaryDirectory(prefix="nvh-faults-") as place:
        tree, _, _ = applying.apply(submission.read(str(SERIES)), base, Path(place))
        found: dict[str, list[Hunk]] = {}
        for hunk in touched.hunks(tree.diff(context=0)):
            found.setdefault(hunk.path, []).append(hunk)
        return PosedFaults(
            {
                path: FaultyFile(tree.text_at(tree.first, path), tree.text(path), tuple(hunks))
                for path, hunks in found.items()
            }
        )
