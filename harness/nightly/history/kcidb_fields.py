# SPDX-License-Identifier: GPL-2.0-only
"""Parts of a KCIDB export: where a test stands, what a kernel was made from, its logs and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.check.splat import find_splats
from harness.nightly.history import query
from harness.nightly.history.database import Results
from harness.report.store import CELLS

ORIGIN = "nvh"
EXCERPT = 16384
"""Most characters of an excerpt that KCIDB takes."""
CONSOLE_READ = 2**20
"""Bytes of a console in which its first splat is looked for, from its end."""
SPLAT_LINES = 80
COMMIT = re.compile(r"\b[0-9a-f]{40}\b")


def word(text: str) -> str:
    """Return a component of a KCIDB path."""
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", text).strip("_") or "x"


def path_of(cell: str) -> str:
    """Return a cell's place in KCIDB's tree of tests: the scenario, then each parameter of its matrix."""
    scenario, _, point = cell.partition("[")
    parts = [scenario, *filter(None, point.removesuffix("]").split(","))]
    return ".".join(["nvh", *map(word, parts)])


def checkout(name: str, release: str, source: str) -> dict[str, Any]:
    """Return what a kernel was made from, as far as its artefact says (``StackImages.versions``)."""
    made: dict[str, Any] = {"id": name, "origin": ORIGIN, "comment": release, "valid": True}
    named = dict(part.split(" ", 1) for part in source.split("; ")[1:] if " " in part)
    label = source.partition("; ")[0]
    if label:
        made["tree_name"] = label.partition(" ")[0]
        made["comment"] = f"{release}, {label}"
    commit = named.get("commit") or ((found := COMMIT.search(release)) and found[0])
    if commit:
        made["git_commit_hash"] = commit
    if named.get("tree"):
        made["misc"] = {"git_tree_hash": named["tree"]}
    if named.get("url"):
        made["git_repository_url"] = named["url"]
    return made


def logs(base: str, slug: str, files: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return where the logs of a test are published below ``base``: the console of the lowest level first."""
    if not base:
        return {}
    found = [
        {"name": each["path"].replace("/", "_"), "url": f"{base}/{CELLS}/{quote(slug)}/{quote(each['path'])}"}
        for each in files
    ]
    consoles = [item for item, each in zip(found, files, strict=True) if each["role"] == "console"]
    others = [item for item in found if item not in consoles[:1]]
    return {
        **({"log_url": consoles[0]["url"]} if consoles else {}),
        **({"output_files": others} if others else {}),
    }


def excerpt(results: Results, execution: int, detail: query.Detail, run: Path) -> str:
    """Return what a red test's logs say: its findings, and the first splat of a console with its trace."""
    told = [detail.headline]
    told += [
        f"{verdict} {name}: {message}" for name, verdict, message in query.findings_of(results, execution)
    ]
    place = run / CELLS / detail.slug
    for console in sorted(place.glob("*.console.log")) if place.is_dir() else ():
        with console.open("rb") as stream:
            stream.seek(max(0, console.stat().st_size - CONSOLE_READ))
            lines = stream.read().decode("utf-8", "replace").split("\n")
        if splats := find_splats("\n".join(lines)):
            begin = splats[0].line - 1
            told += ["", f"{console.name}:", *_one_splat(lines[begin : begin + SPLAT_LINES])]
            break
    return "\n".join(told).replace("\0", "")[:EXCERPT]


def _one_splat(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield line.rstrip("\r")
        if "---[ end trace" in line:
            return
