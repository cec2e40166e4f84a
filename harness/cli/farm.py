# SPDX-License-Identifier: GPL-2.0-only
"""Start a scheduler or a worker of a farm for `nvh nightly --backend dask`, or make its keys.

examples:
  ./nvh farm scheduler                                    on this machine's loopback interface
  ./nvh farm worker tcp://127.0.0.1:8786                  as many cells at once as CPUs and memory admit
  ./nvh farm keys ~/.nvh-farm                             once, on a file system that all machines share
  ./nvh farm scheduler --host 10.0.0.5 --keys ~/.nvh-farm
  ./nvh farm worker tls://10.0.0.5:8786 --keys ~/.nvh-farm
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from harness.cli import common
from harness.errors import UserError
from harness.nightly.farm import dask_cluster, serve


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "what", choices=("scheduler", "worker", "keys"), metavar="WHAT", help="scheduler, worker or keys"
    )
    parser.add_argument(
        "where", nargs="?", metavar="ADDRESS", help="address of the scheduler; for keys, a directory"
    )
    parser.add_argument(
        "--host", default=serve.LOOPBACK, help="address that a scheduler listens on (default: loopback)"
    )
    parser.add_argument("--port", type=common.positive, default=serve.PORT, metavar="N")
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="DIR",
        help="directory of TLS keys; required unless on the loopback interface",
    )
    parser.add_argument("--jobs", type=common.positive, metavar="N", help="cells in parallel on this worker")


def main(arguments: argparse.Namespace) -> int:
    """Become the scheduler or worker, or write keys."""
    if arguments.what == "scheduler":
        serve.become(serve.scheduler_command(arguments.host, arguments.port, arguments.keys))
    if not arguments.where:
        what = "a directory" if arguments.what == "keys" else "the scheduler's address"
        raise UserError(f"nvh farm {arguments.what} needs {what}")
    if arguments.what == "keys":
        dask_cluster.make_keys(Path(arguments.where))
        print(f"keys in {arguments.where}; whoever can read them can run programs on the farm")
        return 0
    dask_cluster.check_listening(arguments.where, arguments.keys)
    scratch = Path(tempfile.gettempdir()) / f"nvh-farm-{os.getuid()}"
    scratch.mkdir(mode=0o700, exist_ok=True)
    serve.become(serve.worker_command(arguments.where, arguments.keys, arguments.jobs, scratch))
    return 0
