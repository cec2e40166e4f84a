# SPDX-License-Identifier: GPL-2.0-only
"""A driver that tests can kill: ``python -m tests.nightly.farm.drive PLAN RUN BACKEND [ADDRESS]``.

It does what ``nvh nightly`` does, with a stand-in for the cells' process. A run that exists is resumed.
``DIE_AT=MODULE:FUNCTION:N:before`` (or ``after``) in the environment makes it kill itself with SIGKILL around
the n-th call of that function.
"""

from __future__ import annotations

import importlib
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.nightly.farm import nightly
from harness.nightly.farm.backend import Backend
from harness.nightly.farm.local import Local
from tests.nightly.farm.conftest import STANDIN


def backend(words: list[str], directory: Path) -> Backend:
    """The backend that the command line names."""
    if words[0] == "local":
        return Local(2)
    if words[0] == "dask":
        from harness.nightly.farm.dask_cluster import Dask

        return Dask(words[1], directory.name)
    from harness.nightly.farm.slurm import Slurm

    return Slurm(directory)


def die_at(point: str) -> None:
    """Put the end of this process into a function, by its place."""
    module, name, count, when = point.split(":")
    *owners, last = name.split(".")
    owner: Any = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    real, calls = getattr(owner, last), itertools.count(1)

    def called(*words: Any, **more: Any) -> Any:
        now = next(calls) == int(count)
        if now and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*words, **more)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, last, called)


def main(plan: str, place: str, *words: str) -> int:
    """Begin or resume. Ctrl-C works in a background job too, whose children ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    directory = Path(place)
    settings = nightly.Settings(
        directory.parent / "results.sqlite", directory, directory.parent, command=(str(STANDIN),)
    )
    begun = nightly.resume(directory) if directory.exists() else nightly.begin(Path(plan), settings)
    console = Console(width=100, highlight=False)
    return nightly.run(*begun, lambda run: backend(list(words), run), settings, console)


if __name__ == "__main__":
    if "DIE_AT" in os.environ:
        die_at(os.environ["DIE_AT"])
    sys.exit(main(*sys.argv[1:]))
