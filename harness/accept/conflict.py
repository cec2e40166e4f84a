# SPDX-License-Identifier: GPL-2.0-only
"""Why a patch does not apply: the files and hunks, and what kind of mistake it looks like."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.accept.diff_lines import HUNK
from harness.artefacts.kernel.patch import Patch

_CHECKING = re.compile(r"^Checking patch (?:\S+ => )?(\S+?)\.\.\.$")
_REJECTED = re.compile(r"^Rejected hunk #(\d+)\.$")
_APPLYING = re.compile(r"^Applying patch (\S+) with \d+ rejects?\.\.\.$")

Run = Callable[..., tuple[int, str]]
"""Runs git with some words in the series' repository; returns status and output."""


@dataclass(frozen=True, slots=True)
class ConflictingFile:
    """A file that a patch cannot change: its rejected hunks, or, without any, what is wrong with it."""

    file: str
    hunks: tuple[str, ...] = ()
    why: str = ""

    def lines(self) -> list[str]:
        """One line for the file, or one per hunk."""
        if not self.hunks:
            return [f"{self.file}: {self.why}"]
        return [f"{self.file}: {hunk}" for hunk in self.hunks]


@dataclass(frozen=True, slots=True)
class Conflict:
    """What is known of a refused patch. ``kind``: ``other-tree``, ``reversed`` or ``conflict``."""

    kind: str
    places: tuple[ConflictingFile, ...]
    said: tuple[str, ...]

    @property
    def advice(self) -> str:
        """What it looks like, and what to do."""
        return {
            "other-tree": "none of its files exists there: the patch is for another tree",
            "reversed": "it applies in reverse: it is in the base already, or was made the wrong way round",
            "conflict": "rebase the series onto this base, or name with --base the one it was made for",
        }[self.kind]


def hunks_of(text: str) -> dict[str, list[str]]:
    """Return the ``@@`` lines of every file of a diff, by new name (the old one for a deletion)."""
    found: dict[str, list[str]] = {}
    old, current = "", ""
    for line in text.splitlines():
        if line.startswith("--- "):
            old = line[4:].split("\t")[0]
        elif line.startswith("+++ "):
            new = line[4:].split("\t")[0]
            name = old if new == "/dev/null" else new
            current = name.partition("/")[2]
            found.setdefault(current, [])
        elif HUNK.match(line) and current:
            found[current].append(line)
    return found


def examine(patch: Patch, said: str, tree: Path, run: Run) -> Conflict:
    """Say why ``patch`` does not apply to the files in ``tree``, which are those that the series names.

    ``said`` is what `git am` printed. The tree is left as it was.
    """
    with tempfile.TemporaryDirectory(prefix="nvh-reject-") as name:
        bare = Path(name) / "patch.diff"
        bare.write_text(patch.text(), encoding="utf-8", errors="surrogateescape")
        words = ("apply", f"-p{patch.strip}", "--whitespace=nowarn")
        status, _ = run(*words, "-R", "--check", bare)
        kind = "reversed" if status == 0 else "conflict"
        _, text = run(*words, "--reject", "-v", bare)
    for left in tree.rglob("*.rej"):
        left.unlink()
    run("reset", "-q", "--hard")
    run("clean", "-q", "-f", "-d", "-x")
    places = _places(text, hunks_of(patch.text()))
    existing = [path for path in patch.paths() if (tree / path).exists()]
    added = set(re.findall(r"^--- /dev/null\n\+\+\+ [^/\n]+/([^\t\n]+)", patch.text(), re.M))
    if kind == "conflict" and patch.paths() - added and not existing:
        kind = "other-tree"
    lines = [line for line in said.splitlines() if line.startswith(("error:", "fatal:", "CONFLICT"))]
    return Conflict(kind, tuple(places), tuple(dict.fromkeys(lines))[:12])


def _places(text: str, hunks: dict[str, list[str]]) -> list[ConflictingFile]:
    rejected: dict[str, list[str]] = {}
    wrong: dict[str, str] = {}
    checking, applying = "", ""
    for line in text.splitlines():
        if match := _CHECKING.match(line):
            checking = match[1]
        elif match := _APPLYING.match(line):
            applying = match[1]
        elif (match := _REJECTED.match(line)) and applying:
            lines = hunks.get(applying, [])
            number = int(match[1])
            header = lines[number - 1] if number <= len(lines) else ""
            rejected.setdefault(applying, []).append(f"hunk {number} of {len(lines)} ({header})")
        elif line.startswith("error: ") and "patch failed" not in line and "while searching" not in line:
            name, _, why = line.removeprefix("error: ").partition(": ")
            if why and "patch does not apply" not in why:
                wrong.setdefault(name or checking, why)
    places = [ConflictingFile(file, tuple(lines)) for file, lines in rejected.items()]
    places += [ConflictingFile(file, (), why) for file, why in wrong.items() if file not in rejected]
    return sorted(places, key=lambda place: place.file)
