# SPDX-License-Identifier: GPL-2.0-only
"""The real nvh-bundle, built for this machine, with recorded cases behind it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.bundle.parts import RUNNER, RUNNER_SOURCES, families, population
from harness.ktap.manifest import CASES, FORMAT, LISTS, MANIFEST, Bundle, Known, cases_text, read_bundle
from harness.litmus.case_lines import parse_line
from harness.litmus.population import case_hash, evidence_of
from tests.conftest import need

HERE = Path(__file__).parent
RECORDED = HERE.parent / "litmus"
LINES = [
    line
    for file in ("data/recorded.stdout", "population/trap-ttlbis.stdout")
    for line in (RECORDED / file).read_text().splitlines()
    if line.startswith("case=")
]
FEATURES = "pages-4k,cpus-2,TLBIOS,TLBIRANGE,NV2,s2-4k,s2-16k,s2-64k"
ID = "0123456789abcdef"
NOT_APPLICABLE = (
    "case={name} op=vmalls12e1nxs regime=el1&0-stage2 granule=4k scope=local l1=vhe obliged=no control=none "
    "verdict=not-applicable refaults=0 ns=10 why=no-FEAT_XS"
)


def recorded(verdicts: tuple[str, ...] = ("pass",)) -> dict[str, str]:
    """Lines of cases by name: those recorded with one of ``verdicts``, and one that does not apply."""
    found = {line.split()[0].removeprefix("case="): line for line in LINES}
    kept = {
        name: line for name, line in found.items() if any(f" verdict={each} " in line for each in verdicts)
    }
    absent = "s2-all/vmalls12e1nxs/4k/4k-first"
    return {**kept, absent: NOT_APPLICABLE.format(name=absent)}


BASE_PYTHON = Path(sys.base_prefix) / "bin/python3"


def ends(cases: Mapping[str, str]) -> dict[str, tuple[str, str, str, str]]:
    """What the fake has to know of each line: verdict, reason, evidence, hash of the name."""
    found = {}
    for name, text in cases.items():
        line = parse_line(text)
        why = line.why.removeprefix("why=")
        found[name] = (line.verdict, why, evidence_of(line), case_hash([name]))
    return found


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("gcc", "gcc")
    out = tmp_path_factory.mktemp("runner")
    words = ["make", "-C", str(RUNNER_SOURCES), f"O={out}", "CROSS_COMPILE="]
    built = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert built.returncode == 0, built.stderr
    return out / RUNNER


def make_tree(
    runner: Path, tree: Path, cases: Mapping[str, str], mode: str = "whole", features: str = FEATURES
) -> Path:
    """A bundle's tree with the real nvh-bundle and the fake nvh-litmus."""
    (tree / LISTS).mkdir(parents=True, exist_ok=True)
    (tree / "replay.json").write_text(
        json.dumps({"lines": dict(cases), "ends": ends(cases), "features": features, "mode": mode})
    )
    (tree / LISTS / "default").write_text("".join(f"{name}\n" for name in cases))
    (tree / "id").write_text(f"{ID}\n")
    (tree / RUNNER).unlink(missing_ok=True)
    (tree / RUNNER).hardlink_to(runner)
    (tree / "nvh-litmus").write_text(f'#!/bin/sh\nexec {BASE_PYTHON} -IS "{tree}/fake.py" "$@"\n')
    (tree / "nvh-litmus").chmod(0o755)
    (tree / "fake.py").write_text((HERE / "fake_litmus.py").read_text())
    return tree


Run = Callable[..., tuple[int, bytes]]


@pytest.fixture
def run_bundle(runner: Path, tmp_path: Path) -> Run:
    """Run nvh-bundle on lines of cases; returns its exit status and what it printed."""

    def run(
        *options: str, lines: Mapping[str, str] | None = None, mode: str = "whole", features: str = FEATURES
    ) -> tuple[int, bytes]:
        tree = make_tree(runner, tmp_path / "tree", recorded() if lines is None else lines, mode, features)
        done = subprocess.run(
            [tree / RUNNER, *options],
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout

    return run


def write_bundle(directory: Path, names: Mapping[str, int], identity: str = ID) -> Bundle:
    """A bundle without programs: what ``nvh judge`` needs of one. ``names`` of cases with their vCPUs."""
    known = {name: Known(name, cpus) for name, cpus in names.items()}
    known["provoke-l2-hang"] = Known("provoke-l2-hang", 0, provoked=True)
    (directory / LISTS).mkdir(parents=True)
    (directory / CASES).write_bytes(gzip.compress(cases_text(known).encode()))
    (directory / LISTS / "default").write_text("".join(f"{name}\n" for name in names))
    manifest = {
        "format": FORMAT,
        "bare": {"board": "virt", "groups": ["faults", "nested"]},
        "id": identity,
        "nvh": {"version": "0.1.0", "commit": ""},
        "kernel": {"name": "nv", "release": "7.3.4-nvh", "sha256": "0" * 64, "mutant": ""},
        "files": {},
        "cases": {"all": population(names), "families": families(known)},
        "lists": {"default": population(names)},
        "commands": [],
    }
    (directory / MANIFEST).write_text(json.dumps(manifest))
    return read_bundle(directory)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_bundle(tmp_path / "bundle", dict.fromkeys(recorded(), 1))
