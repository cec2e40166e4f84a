# SPDX-License-Identifier: GPL-2.0-only
"""An acceptance's directory as `nvh show` has it: what was found, or how far it came."""

from __future__ import annotations

import shlex
from pathlib import Path

from harness.accept import request
from harness.accept.report import html, reply, store
from harness.errors import InfraError, UserError
from harness.host.paths import PROGRAM
from harness.report.store import CELLS, RESULT, SUMMARY, read_cell
from harness.verdict import Verdict


def place(target: str | None, runs: Path) -> Path | None:
    """Return the directory of the acceptance that ``target`` names, by path or below ``runs``; else None."""
    if target is None:
        return None
    return next((each for each in (Path(target), runs / target) if (each / request.FILE).is_file()), None)


def as_text(directory: Path) -> str:
    """Return the mail and where the rest lies; of an interrupted one the steps that ran and how to go on."""
    if not (directory / store.NAME).is_file():
        return _interrupted(directory)
    data = store.read(directory / store.NAME)
    try:
        mail = (directory / reply.NAME).read_text(encoding="utf-8")
    except OSError as error:
        raise InfraError(f"{directory / reply.NAME}: {error.strerror}; see {store.NAME} there") from error
    took = f"{data['decision']} in {data['seconds']:.0f} s"
    return f"{mail}\n{took}: {data['command']}\nreport {directory / html.NAME}\n"


def as_json(directory: Path) -> str:
    """Return accept.json; ``UserError`` of one that did not come to an end."""
    path = directory / store.NAME
    if not path.is_file():
        raise UserError(
            f"the acceptance in {directory} has not ended; go on with: {request.going_on(directory)}"
        )
    store.read(path)
    return path.read_text(encoding="utf-8")


def _interrupted(directory: Path) -> str:
    begun = request.begun(directory)
    done = sorted(each.parent.name for each in (directory / "steps").glob(f"*/{SUMMARY}"))
    ran = ", ".join(done) or "no run"
    said = shlex.join([PROGRAM, *begun.argv])
    half = sorted(each for each in (directory / "steps").glob("*") if each.is_dir() and each.name not in done)
    begun_too = "".join(f"begun: {each.name}, {_so_far(each)}\n" for each in half)
    return f"not ended: {said}\nwhole: {ran}\n{begun_too}go on with: {request.going_on(directory)}\n"


def _so_far(step: Path) -> str:
    """Say how far a step came: the cells that have a verdict, and those that are not green."""
    cells = sorted(each for each in (step / CELLS).glob("*") if each.is_dir())
    ended = [read_cell(path) for each in cells if (path := each / RESULT).is_file()]
    red = [f"{each.id} is {each.verdict.value}" for each in ended if each.verdict is not Verdict.PASS]
    return "; ".join([f"{len(ended)} of {len(cells)} cells ended", *red])
