# SPDX-License-Identifier: GPL-2.0-only
"""The covering selection as an artefact: a file for each group, with a case's name a line or with programs.

Which cases there are says nvh-litmus itself, built for the host, where ``--describe`` needs no KVM.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.arch.table import TABLE
from harness.artefacts.payloads import LISTER
from harness.covering import groups, programs
from harness.covering.cases import parse
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree

HERE = Path(__file__).parent
DIRECTORY = "covering"
"""Of the artefact, and of /usr/share/nvh at L0."""


def describe(payloads: Artefact) -> str:
    """Return the line of every case that nvh-litmus knows."""
    return command.run([payloads.path / LISTER, "--describe"], timeout_s=60).stdout


def build_covering(store: Store, payloads: Artefact, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact with ``covering/GROUP``; it is made anew when the cases or the rules change."""
    described = describe(payloads)
    key = {
        "cases": hashlib.sha256(described.encode()).hexdigest(),
        "rules": sha256_file(groups.FILE),
        "code": sha256_tree(HERE, "*.py"),
        "programs": sha256_tree(HERE.parent / "program", "*.py"),
        "operations": sha256_file(TABLE),
        "allpairspy": version("allpairspy"),
    }

    def build(work: Path) -> dict[str, Any]:
        progress("covering selection of the litmus cases")
        rules = groups.load()
        chosen = groups.choose_all(rules, parse(described, LISTER))
        (work / DIRECTORY).mkdir()
        for name, cases in chosen.items():
            (work / DIRECTORY / name).write_text("".join(f"{case.name}\n" for case in cases))
        progress("random programs of the default run")
        drawn = {each.name: programs.draw(each, rules.seed) for each in rules.drawings}
        for name, found in drawn.items():
            (work / DIRECTORY / name).write_text(programs.text(found))
        counts = {name: len(each) for name, each in chosen.items()}
        return {"counts": counts | {name: len(each) for name, each in drawn.items()}}

    return store.get_or_build("covering", key, build)
