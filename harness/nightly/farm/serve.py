# SPDX-License-Identifier: GPL-2.0-only
"""Scheduler and workers of a dask cluster, as one command each; both end with the process that runs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness.errors import UserError
from harness.nightly.farm.dask_cluster import CPUS, KEYS, MEMORY, check_address, need_distributed, security
from harness.runner.processes import available

LOOPBACK = "127.0.0.1"
PORT = 8786


def _tls(keys: Path | None) -> list[str]:
    if keys is None:
        return []
    security(keys)  # says what is missing
    ca, cert, key = (str(keys.absolute() / name) for name in KEYS)
    return ["--tls-ca-file", ca, "--tls-cert", cert, "--tls-key", key]


def scheduler_command(host: str, port: int, keys: Path | None) -> list[str]:
    """Return the command of a scheduler; ``UserError`` for one that would listen on a network without TLS."""
    check_address(host, keys)
    scheme = "tls" if keys else "tcp"
    words = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", f"{scheme}://{host}:{port}"]
    return [*words, "--no-dashboard", "--no-show", *_tls(keys)]


def worker_command(
    address: str, keys: Path | None, jobs: int | None, directory: Path, memory_mib: int | None = None
) -> list[str]:
    """Return the command of a worker that takes as many cells as this machine's CPUs and memory admit."""
    check_address(address, keys)
    here = available()
    jobs = jobs or int(here.cpus)
    words = [sys.executable, "-m", "distributed.cli.dask_worker", address]
    words += ["--nthreads", str(jobs), "--nworkers", "1", "--memory-limit", "0"]
    words += ["--resources", f"{CPUS}={jobs} {MEMORY}={memory_mib or here.memory_mib}"]
    words += ["--no-dashboard", "--death-timeout", "300", "--local-directory", str(directory)]
    return [*words, *_tls(keys)]


def environment() -> dict[str, str]:
    """Return the environment of both: dask must not run again by itself what a dead worker had begun."""
    return {
        **os.environ,
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
        "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "1000",
    }


def become(words: list[str]) -> None:
    """Replace this process by the command; ``UserError`` without distributed."""
    need_distributed()
    try:
        os.execve(words[0], words, environment())
    except OSError as error:
        raise UserError(f"{words[0]}: {error.strerror}") from error
