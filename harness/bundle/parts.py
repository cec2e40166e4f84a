# SPDX-License-Identifier: GPL-2.0-only
"""What a bundle is made of: the program that runs the cases, the cases there are, lists of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.artefacts.payloads import CROSS, LIB, LISTER, SOURCES, toolchain
from harness.covering import groups
from harness.covering.artefact import DIRECTORY, describe
from harness.covering.cases import CoveringCase, parse
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree
from harness.ktap.manifest import DEFAULT_LIST, Known
from harness.litmus.by_console import COVERING
from harness.litmus.population import case_hash

RUNNER_SOURCES = SOURCES / "bundle"
RUNNER = "nvh-bundle"
RUN_SH = "run.sh"
BUILD_DEADLINE_S = 120
PROVOKE = "provoke-*"


def build_runner(store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact with ``RUNNER``: PID 1 of a bundle's initrd, and what ``run.sh`` starts."""
    key = {"sources": sha256_tree(RUNNER_SOURCES), LIB: sha256_tree(SOURCES / LIB), "toolchain": toolchain()}

    def build(work: Path) -> dict[str, Any]:
        progress("what runs the cases of a bundle")
        command.run(
            ["make", "-C", RUNNER_SOURCES, f"O={work}", f"CROSS_COMPILE={CROSS}"],
            timeout_s=BUILD_DEADLINE_S,
            log=work / "build.log",
        )
        return {"sha256": sha256_file(work / RUNNER)}

    return store.get_or_build("bundle-runner", key, build)


def known_cases(payloads: Artefact) -> tuple[Mapping[str, Known], Mapping[str, CoveringCase]]:
    """Return every case of nvh-litmus, those that hang on purpose last, and what the others are made of."""
    described = {case.name: case for case in parse(describe(payloads), LISTER)}
    words: list[str | Path] = [payloads.path / LISTER, "--list", "--case", PROVOKE]
    provoked = command.run(words, timeout_s=60).stdout.split()
    known = {name: Known(name, int(case.words["cpus"])) for name, case in described.items()}
    return known | {name: Known(name, 0, provoked=True) for name in provoked}, described


def lists_of(covering: Artefact, described: Mapping[str, CoveringCase]) -> Mapping[str, tuple[str, ...]]:
    """Return the names of each group of the covering selection, and of ``DEFAULT_LIST``.

    That is all of them but the cases in which KVM walks whole shadow contexts, which take minutes on a
    machine with 52 bits of PA (docs/litmus.md).
    """
    found = {
        group.name: tuple((covering.path / DIRECTORY / group.name).read_text(encoding="utf-8").split())
        for group in groups.load().groups
    }
    quick = (name for names in found.values() for name in names if described[name].words["walks"] == "none")
    return {DEFAULT_LIST: tuple(dict.fromkeys(quick)), **found}


def selected(payloads: Artefact, covering: Artefact, choose: Iterable[str]) -> tuple[str, ...]:
    """Return the cases that ``choose``, options of nvh-litmus, select, in its order.

    ``InfraError`` when they select none, or are no options.
    """
    words: list[str | Path] = [payloads.path / LISTER, "--list"]
    for word in choose:
        known = word.startswith(COVERING)
        words.append(covering.path / DIRECTORY / word.removeprefix(COVERING) if known else word)
    return tuple(command.run(words, timeout_s=60).stdout.split())


def population(names: Iterable[str]) -> dict[str, Any]:
    """Return how many cases these are, and the sum of their names' hashes."""
    every = list(names)
    return {"cases": len(every), "names": case_hash(every)}


def families(cases: Mapping[str, Known]) -> dict[str, dict[str, Any]]:
    """Return the population of each family; what hangs on purpose is none."""
    found: dict[str, list[str]] = {}
    for case in cases.values():
        if not case.provoked:
            found.setdefault(case.family, []).append(case.name)
    return {family: population(names) for family, names in found.items()}
