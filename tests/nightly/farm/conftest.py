# SPDX-License-Identifier: GPL-2.0-only
"""Backends over real clusters, and orders whose command stands in for a cell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.nightly.farm.backend import ENDED, Backend, News
from harness.nightly.farm.local import Local
from harness.nightly.farm.messages import AttemptEnding, AttemptOrder
from tests.nightly.farm import clusters

STANDIN = Path(__file__).with_name("standin.sh")
ENDS_S = 90.0


def order(run: Path, key: str, attempt: int = 1, deadline_s: float = 60.0) -> AttemptOrder:
    """An order for the stand-in, with its directory."""
    place = run / "attempts" / f"{key}.{attempt}"
    place.mkdir(parents=True)
    (run / "cells").mkdir(exist_ok=True)
    return AttemptOrder(
        key, attempt, str(place), str(run / "cells" / key), deadline_s, 1, 100, command=(str(STANDIN),)
    )


@dataclass(slots=True)
class Seat:
    """A backend as the tests meet it: how to make one for a run, whether its workers can be killed."""

    name: str
    make: Callable[[Path], Backend]
    environment: Mapping[str, str]
    options: tuple[str, ...] = ()


@pytest.fixture(scope="session")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.DaskCluster]:
    """A dask cluster of two workers."""
    pytest.importorskip("distributed")
    with clusters.dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        for _ in range(2):
            cluster.worker()
        yield cluster


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A Slurm of one node, where its daemons are installed and may run."""
    if not clusters.slurm_is_here():
        pytest.skip(
            "slurmctld, slurmd, munge and root are needed (Debian: slurmctld slurmd slurm-client munge)"
        )
    with clusters.slurm_cluster(tmp_path_factory.mktemp("slurm") / "c") as environment:
        yield environment


@pytest.fixture(params=["local", *(pytest.param(name, marks=pytest.mark.real) for name in ("dask", "slurm"))])
def seat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Seat:
    """Each backend in turn."""
    if request.param == "local":
        return Seat("local", lambda _: Local(2), {}, ("--backend", "local", "--jobs", "2"))
    if request.param == "dask":
        from harness.nightly.farm.dask_cluster import Dask

        address = request.getfixturevalue("dask").address
        options = ("--backend", "dask", "--scheduler", address)
        return Seat("dask", lambda run: Dask(address, run.name), {}, options)
    from harness.nightly.farm.slurm import Slurm

    environment: Mapping[str, str] = request.getfixturevalue("slurm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Seat("slurm", Slurm, environment, ("--backend", "slurm"))


@pytest.fixture
def run(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A run's directory; its name is in the names of dask's tasks."""
    place = tmp_path / f"run-{abs(hash(request.node.nodeid)):x}"
    place.mkdir()
    return place


@pytest.fixture
def backend(seat: Seat, run: Path) -> Iterator[Backend]:
    made = seat.make(run)
    yield made
    made.close()


def ends(backend: Backend, count: int, heard: list[News] | None = None) -> dict[str, AttemptEnding]:
    """Poll until so many orders have ended."""
    found: dict[str, AttemptEnding] = {}
    end = time.monotonic() + ENDS_S
    while len(found) < count:
        assert time.monotonic() < end, f"only {sorted(found)} ended"
        for news in backend.poll(0.2):
            if heard is not None:
                heard.append(news)
            if news.what == ENDED and news.ending:
                assert news.key not in found, "it ended twice"
                found[news.key] = news.ending
    return found


def until(backend: Backend, happened: Callable[[], object], what: str) -> None:
    """Poll until something has happened; nothing may end meanwhile."""
    end = time.monotonic() + ENDS_S
    while not happened():
        assert time.monotonic() < end, f"no {what}"
        assert not [news for news in backend.poll(0.1) if news.what == ENDED]


def machine(place: Path) -> int:
    """The process that stands in for QEMU, or 0."""
    path = place / "machine"
    return int(path.read_text() or 0) if path.exists() else 0
