# SPDX-License-Identifier: GPL-2.0-only
"""Farms that are not there: said at once, before anything is made or waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import EXIT_USER, UserError
from harness.nightly.farm import dask_cluster, serve
from harness.nightly.farm.slurm import check_slurm
from tests.nightly.farm.plans import plan


@pytest.fixture
def closed() -> Iterator[str]:
    """An address of this machine at which nobody listens, and nobody else will meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{bound.getsockname()[1]}"


def test_who_listens_is_fine() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        dask_cluster.check_listening(f"tcp://127.0.0.1:{listening.getsockname()[1]}", None)


def test_a_worker_with_a_wrong_address_does_not_wait(
    closed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "become", lambda _: pytest.fail("it became a worker"))
    assert main(["farm", "worker", closed]) == EXIT_USER
    told = " ".join(capsys.readouterr().err.split())
    assert f"no dask scheduler listens at {closed}: Connection refused; start one with" in told


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1", "is not a scheduler's address; write tcp://HOST:PORT"),
        ("http://127.0.0.1:1", "is not a scheduler's address"),
        ("tcp://127.0.0.1:99999", "is not a scheduler's address"),
        ("tls://127.0.0.1:8786", "needs the farm's keys"),
        ("tcp://192.0.2.1:8786", "is not the loopback interface"),
    ],
)
def test_an_address_that_is_none(address: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        dask_cluster.check_listening(address, None)


def test_keys_want_tls(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="begins with tls://: tls://127"):
        dask_cluster.check_listening("tcp://127.0.0.1:8786", tmp_path)


@pytest.mark.parametrize("backend", ["dask", "slurm"])
def test_a_night_asks_its_scheduler_before_it_makes_anything(
    backend: str,
    closed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("sbatch", "squeue", "scancel"):
        (commands / name).write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2; exit 1\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    out, store = tmp_path / "run", tmp_path / "results.sqlite"
    words = ["nightly", str(plan(tmp_path, passing=1)), "--out", str(out), "--results", str(store)]
    assert main([*words, "--backend", backend, "--scheduler", closed]) == EXIT_USER
    told = " ".join(capsys.readouterr().err.split())
    assert (
        "no dask scheduler listens" if backend == "dask" else "Unable to contact slurm controller"
    ) in told
    assert not out.exists()
    assert not store.exists()


def test_slurm_needs_its_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="needs sbatch, squeue and scancel"):
        check_slurm()
