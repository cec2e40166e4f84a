# SPDX-License-Identifier: GPL-2.0-only
"""Payloads in C are units that know each other in one direction, each with a header for what it offers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.artefacts.payloads import SOURCES

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
DECLARED = re.compile(r"^(?:\w[\w \t*]*?)\b(\w+)\([^;{}]*\)(?:\s*__attribute__\(\(.*\)\))?;", re.MULTILINE)
DEFINED = re.compile(r"^(?!static\b)(?:\w[\w \t*]*?)\b(\w+)\([^;{}]*\)\s*\{", re.MULTILINE)
LABEL = re.compile(r"^(\w+):", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
SPLIT = ("litmus",)
"""Folders in which a header declares what its own unit offers, and nothing of another one's."""
OF_ASSEMBLY = {"litmus/guest/stubs.h"}
"""Headers of labels, whose unit is the assembly beside them."""

Units = Mapping[str, set[str]]


def units(root: Path) -> Units:
    """Which units (``folder/stem``) each unit under ``root`` includes a header of."""
    files = sorted(root.rglob("*.[chS]"))
    places = {path.relative_to(root).as_posix() for path in files}
    found: dict[str, set[str]] = {}
    for path in files:
        unit = path.relative_to(root).with_suffix("").as_posix()
        known = found.setdefault(unit, set())
        for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
            for place in candidates(path.relative_to(root).parent, name):
                if place in places:
                    known.add(Path(place).with_suffix("").as_posix())
                    break
        known.discard(unit)
    return found


def candidates(folder: Path, name: str) -> Iterator[str]:
    """Where an include may lie: beside the file, in a folder above it, or in one that all share."""
    for parent in (folder, *folder.parents):
        yield (parent / name).as_posix().removeprefix("./")
    for shared in ("arch", "lib", "plugin"):
        yield f"{shared}/{name}"


def circle(known: Units) -> list[str]:
    """One circle of units, in order; empty when there is none."""
    done: set[str] = set()

    def walk(unit: str, path: list[str]) -> list[str]:
        if unit in path:
            return path[path.index(unit) :]
        if unit in done:
            return []
        for other in sorted(known.get(unit, ())):
            if found := walk(other, [*path, unit]):
                return found
        done.add(unit)
        return []

    for unit in sorted(known):
        if found := walk(unit, []):
            return found
    return []


def strangers(root: Path, folder: str) -> list[str]:
    """Declarations in headers under ``folder`` whose definition is not in the header's own unit."""
    found = []
    for header in sorted((root / folder).rglob("*.h")):
        name = header.relative_to(root).as_posix()
        declared = set(DECLARED.findall(COMMENT.sub("", header.read_text(encoding="utf-8"))))
        offered = set(DEFINED.findall(COMMENT.sub("", header.read_text(encoding="utf-8"))))
        if name == f"{folder}/families/families.h" or name in OF_ASSEMBLY:
            beside = [*header.parent.glob("*.[cS]")]
        else:
            beside = [header.with_suffix(".c")] if header.with_suffix(".c").exists() else []
        for source in beside:
            text = COMMENT.sub("", source.read_text(encoding="utf-8"))
            offered |= set((LABEL if source.suffix == ".S" else DEFINED).findall(text))
        found += [f"{name}: {each}" for each in sorted(declared - offered)]
    return found


def test_no_circle_of_units() -> None:
    found = units(SOURCES)
    assert len(found) > 100
    assert circle(found) == []


@pytest.mark.parametrize("folder", SPLIT)
def test_a_header_declares_what_its_unit_offers(folder: str) -> None:
    assert list((SOURCES / folder).rglob("*.h"))
    assert strangers(SOURCES, folder) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text('#include "a.h"\n#include "b.h"\n')
    (tmp_path / "a.h").write_text("void a(void);\n")
    (tmp_path / "b.h").write_text("void b(void);\n")
    (tmp_path / "b.c").write_text('#include "b.h"\n')
    assert circle(units(tmp_path)) == []
    (tmp_path / "b.c").write_text('#include "b.h"\n#include "a.h"\n')
    assert circle(units(tmp_path)) == ["a", "b"]


def test_a_strange_declaration_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "a.h").write_text(
        "struct s;\nint *a(struct s *s,\n       int n);\nstatic inline int c(void)\n{\n\treturn 0;\n}\n"
    )
    (folder / "a.c").write_text('#include "a.h"\nint *a(struct s *s, int n)\n{\n\treturn 0;\n}\n')
    assert strangers(tmp_path, "x") == []
    (folder / "b.c").write_text("int b(void)\n{\n\treturn 1;\n}\n")
    (folder / "a.h").write_text((folder / "a.h").read_text() + "int b(void);\n")
    assert strangers(tmp_path, "x") == ["x/a.h: b"]
