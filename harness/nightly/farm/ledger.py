# SPDX-License-Identifier: GPL-2.0-only
"""What a driver has done, in the order it did it: one JSON line each, from which another driver goes on.

Lines are appended by one write each, so a driver that is killed leaves at most its last line unfinished,
which the next one passes over. What was published is known by its directory; the ledger never has to be
ahead of that.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.document.as_json import from_data, to_data
from harness.errors import InfraError, UserError
from harness.nightly.farm.messages import AttemptEnding
from harness.report.publish import utc_now

NAME = "ledger.jsonl"
DRIVER, SUBMITTED, ADOPTED, LOST, ORPHANED, ENDED = (
    "driver",
    "submitted",
    "adopted",
    "lost",
    "orphaned",
    "ended",
)


@dataclass(slots=True)
class LedgerEntry:
    """What the ledger knows of one cell: its last ``attempt``, what to adopt it by, how it ended, what was
    lost.
    """

    attempt: int = 0
    token: str = ""
    ending: AttemptEnding | None = None
    lost: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)


class Ledger:
    """The ledger in ``path``; ``UserError`` while another driver writes it. Use as a context manager.

    ``spent_s`` is what earlier drivers of the run took: each from when it opened the ledger to its last line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states: dict[str, LedgerEntry] = {}
        self.spent_s = 0.0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InfraError(f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise UserError(f"{path.parent}: another nvh drives this run; wait for it, or end it") from error
        self._replay()
        self._append({"what": DRIVER})

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._append({"what": DRIVER, "ends": True})
        os.close(self._file)

    def of(self, key: str) -> LedgerEntry:
        """Return what is known of a cell."""
        return self.states.setdefault(key, LedgerEntry())

    def submitted(self, key: str, attempt: int, token: str) -> None:
        """An attempt was handed to the backend."""
        self._write({"what": SUBMITTED, "key": key, "attempt": attempt, "token": token})

    def adopted(self, key: str, attempt: int) -> None:
        """An attempt that an earlier driver had handed over goes on under this one."""
        self._write({"what": ADOPTED, "key": key, "attempt": attempt})

    def lost(self, key: str, attempt: int, why: str) -> None:
        """An attempt's worker went away."""
        self._write({"what": LOST, "key": key, "attempt": attempt, "why": why})

    def orphaned(self, key: str, attempt: int) -> None:
        """An attempt's driver went away before it ended."""
        self._write({"what": ORPHANED, "key": key, "attempt": attempt})

    def ended(self, key: str, attempt: int, ending: AttemptEnding) -> None:
        """A cell is finished: it will not be run again."""
        self._write({"what": ENDED, "key": key, "attempt": attempt, "ending": to_data(ending)})

    def _write(self, entry: dict[str, Any]) -> None:
        self._apply(entry)
        self._append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps({"at": utc_now(), **entry}, separators=(",", ":")) + "\n"
        os.write(self._file, line.encode())

    def _replay(self) -> None:
        data = self.path.read_bytes()
        last: datetime.datetime | None = None
        for line in data.split(b"\n"):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
                at = datetime.datetime.fromisoformat(entry["at"])
                if last is not None and (entry["what"] != DRIVER or "ends" in entry):
                    self.spent_s += max(0.0, (at - last).total_seconds())
                last = at
                if entry["what"] != DRIVER:
                    self._apply(entry)
            except (ValueError, KeyError, TypeError):
                continue  # cut off when its writer died
        if data and not data.endswith(b"\n"):
            os.write(self._file, b"\n")

    def _apply(self, entry: dict[str, Any]) -> None:
        state = self.of(str(entry["key"]))
        state.attempt = max(state.attempt, int(entry["attempt"]))
        if entry["what"] == SUBMITTED:
            state.token = str(entry["token"])
        elif entry["what"] == LOST:
            state.lost.append(f"attempt {entry['attempt']}: {entry['why']}")
            state.token = ""
        elif entry["what"] == ORPHANED:
            state.orphaned.append(f"attempt {entry['attempt']}: its driver went away")
            state.token = ""
        elif entry["what"] == ENDED:
            state.ending = from_data(AttemptEnding, entry["ending"])
