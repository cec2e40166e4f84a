# SPDX-License-Identifier: GPL-2.0-only
"""The results store: one SQLite file that several writers share and that a crash leaves whole.

Write-ahead logging lets readers go on while somebody writes; every write is one transaction, so a result is
there with all its parts or not at all. What is recorded twice counts once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.document.as_json import to_data
from harness.errors import InfraError, UserError
from harness.nightly.history.tables import STEPS, VERSION
from harness.report.cause import cause_of
from harness.report.results import CellResult, HostMachine
from harness.report.safe_text import one_line
from harness.verdict import Verdict

BUSY_S = 60.0
"""How long a writer waits for another one, in seconds."""
NEVER = "never"
RETRY = 1000
"""Numbers of repeats from here on are those of retries (``confirm``): runs of a cell, and no cells."""
UID = 12
"""Hex digits of a run's identity."""
HEADLINE_LIMIT = 500
BATCH = 1000
SHARED = 10_000
"""Sets of artefacts and files whose ids are kept in memory."""
APPLICATION = 0x6E766872  # "nvhr", as PRAGMA application_id


@dataclass(frozen=True, slots=True)
class RecordedCell:
    """One cell of a run as it is recorded.

    ``model`` and ``kernel`` are the names under which the cell is compared from run to run: a model's name
    stays when its build changes. ``result.verdict`` counts; ``original`` is what the cell's own process
    published, None when it published nothing. ``never``: why it did not run at all (the result is only a
    plan then). ``peak_mib`` and ``cpu_seconds`` are what its processes took.
    """

    result: CellResult
    model: str
    kernel: str
    original: Verdict | None
    repeat: int = 1
    never: str = ""
    attempts: int = 1
    worker: str = ""
    peak_mib: float | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a run when it begins.

    ``uid`` is its identity, by which one that goes on, or is recorded again, is known; empty: its name.
    """

    name: str
    plan: str
    directory: Path
    started: str
    host: HostMachine
    nvh_version: str
    nvh_commit: str
    uid: str = ""


@dataclass(slots=True)
class _SharedRows:
    """Ids of rows that many cells share. ``shared`` is asked by the objects themselves, which are immutable:
    their JSON is made only of those that are new.
    """

    subjects: dict[tuple[str, ...], int] = field(default_factory=dict)
    shared: dict[tuple[str, tuple[object, ...]], int] = field(default_factory=dict)


def default_path(runs: Path) -> Path:
    """Return where the store lies: ``$NVH_RESULTS``, else ``results.sqlite`` beside the runs."""
    return Path(os.environ.get("NVH_RESULTS") or runs / "results.sqlite")


class Results:
    """The store in ``path``, made or brought up to date when it is opened; use as a context manager.

    Raises ``UserError`` for a file of a newer nvh and for one that is no results store, ``InfraError`` for
    one that SQLite finds damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            self._open()
        except (OSError, sqlite3.OperationalError) as error:
            raise UserError(f"{path}: {error}; name another file with --results") from error
        except sqlite3.DatabaseError as error:
            raise InfraError(f"{path} is damaged or no results store: {error}; move it away") from error
        self._known = _SharedRows()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was recorded is there."""
        self.connection.close()

    def _open(self) -> None:
        self._write_ahead()
        self.connection.execute("PRAGMA synchronous = NORMAL")
        if self._version() != VERSION or not self._ours():
            self._migrate()
        self.connection.execute("PRAGMA foreign_keys = ON")  # after tables were made anew

    def _migrate(self) -> None:
        with self.transaction():  # alone from here on: a second opener finds it done
            version = self._version()
            tables = self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if tables and not self._ours():
                raise UserError(f"{self.path} is a database of something else; name another file")
            if version > VERSION:
                raise UserError(
                    f"{self.path} was written by a newer nvh (schema {version}, this one reads {VERSION}); "
                    "use that nvh, or name another file with --results"
                )
            if version:
                self._keep_copy(version)
            self.connection.execute(f"PRAGMA application_id = {APPLICATION}")
            for step in STEPS[version:]:
                for statement in filter(str.strip, step.split(";")):
                    self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version = {VERSION}")

    def _write_ahead(self) -> None:
        """Switch to write-ahead logging; SQLite does not wait for others that do the same at once."""
        end = time.monotonic() + BUSY_S
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def _version(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    def _ours(self) -> bool:
        return int(self.connection.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION

    def _keep_copy(self, version: int) -> None:
        """Keep the file as it was before a migration."""
        kept = self.path.with_name(f"{self.path.name}.schema-{version}")
        kept.unlink(missing_ok=True)
        # A connection of its own: this one is in the transaction that the migration will be.
        with (
            contextlib.closing(sqlite3.connect(self.path, timeout=BUSY_S)) as source,
            contextlib.closing(sqlite3.connect(kept)) as copy,
        ):
            source.backup(copy)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write inside one transaction; nothing of it is there when it raises."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def begin(self, run: Begun) -> int:
        """Record that a run began, or goes on; returns its id."""
        uid = run.uid or run.name
        with self.transaction() as db:
            old = "SELECT uid FROM run WHERE uid = name AND name = ? AND directory = ?"
            if found := db.execute(old, (run.name, str(run.directory.absolute()))).fetchone():
                (uid,) = found  # recorded before runs had an identity
            db.execute(
                "INSERT INTO run (uid, name, plan, directory, started, state, host_cpus, host_memory_mib,"
                " nvh_version, nvh_commit) VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, ?)"
                " ON CONFLICT (uid) DO UPDATE SET state = 'running'",
                (
                    uid,
                    run.name,
                    run.plan,
                    str(run.directory.absolute()),
                    run.started,
                    run.host.cpus,
                    run.host.memory_mib,
                    run.nvh_version,
                    run.nvh_commit,
                ),
            )
            return int(db.execute("SELECT id FROM run WHERE uid = ?", (uid,)).fetchone()[0])

    def end(self, run: int, seconds: float, state: str = "done") -> None:
        """Record that a run ended: ``done`` or ``interrupted``, after ``seconds``."""
        with self.transaction() as db:
            db.execute("UPDATE run SET seconds = ?, state = ? WHERE id = ?", (seconds, state, run))

    def record(self, run: int, entries: Iterable[RecordedCell]) -> int:
        """Record cells of a run; returns how many were new.

        A cell that is recorded already stays as it is, unless it had never run: then it ran, or another
        reason is known.
        """
        added = 0
        batch: list[RecordedCell] = []
        for entry in entries:
            batch.append(entry)
            if len(batch) == BATCH:
                added += self._batch(run, batch)
                batch = []
        return added + self._batch(run, batch)

    def _batch(self, run: int, entries: Sequence[RecordedCell]) -> int:
        if not entries:
            return 0
        try:
            with self.transaction() as db:
                return sum(self._one(db, run, entry) for entry in entries)
        except BaseException:  # ids of rows that were rolled back must not be used again
            self._known = _SharedRows()
            raise

    def _one(self, db: sqlite3.Connection, run: int, entry: RecordedCell) -> int:
        cell = entry.result
        cause = None if entry.never else cause_of(cell)
        row = {
            "run": run,
            "subject": self._subject(db, entry),
            "slug": cell.slug,
            "repeat": entry.repeat,
            "verdict": NEVER if entry.never else cell.verdict.value,
            "original": entry.original.value if entry.original else None,
            "headline": one_line(entry.never or cell.headline, HEADLINE_LIMIT),
            "cause": None,
            "quarantine": cell.quarantine,
            "started": cell.started,
            "seconds": cell.seconds,
            "guest_seconds": cell.guest_seconds,
            "machine_seconds": cell.machine.seconds if cell.machine else None,
            "seed": cell.seed,
            "command": cell.command,
            "versions": self._shared(db, "versions", tuple(sorted(cell.versions.items())), cell.versions),
            "files": self._shared(db, "files", cell.files, cell.files),
            "attempts": entry.attempts,
            "worker": entry.worker,
            "peak_mib": entry.peak_mib,
            "cpu_seconds": entry.cpu_seconds,
        }
        if cause:
            db.execute(
                "INSERT INTO cause (digest, kind, title) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (cause.digest, cause.kind, cause.title),
            )
            (row["cause"],) = db.execute("SELECT id FROM cause WHERE digest = ?", (cause.digest,)).fetchone()
        changes = ", ".join(f"{name} = excluded.{name}" for name in row if name not in ("run", "slug"))
        found = db.execute(
            f"INSERT INTO execution ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
            f" ON CONFLICT (run, slug) DO UPDATE SET {changes}"
            f" WHERE execution.verdict = '{NEVER}' RETURNING id",
            tuple(row.values()),
        ).fetchone()
        if found is None:
            return 0
        db.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?)",
            [
                (found[0], f.name, f.kind, f.verdict.value, one_line(f.message, HEADLINE_LIMIT), f.where)
                for f in cell.findings
                if f.verdict is not Verdict.PASS
            ],
        )
        return 1

    def _subject(self, db: sqlite3.Connection, entry: RecordedCell) -> int:
        cell = entry.result
        key = (cell.id, cell.scenario, entry.model, entry.kernel, cell.timing)
        if key not in self._known.subjects:
            db.execute(
                "INSERT INTO subject (cell, scenario, model, kernel, timing) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                key,
            )
            where = "cell = ? AND model = ? AND kernel = ? AND timing = ?"
            found = db.execute(f"SELECT id FROM subject WHERE {where}", (key[0], *key[2:])).fetchone()
            self._known.subjects[key] = int(found[0])
        return self._known.subjects[key]

    def _shared(self, db: sqlite3.Connection, table: str, parts: tuple[object, ...], value: object) -> int:
        """Return the id of a row that many cells share: what they ran on, what files they left.

        ``parts`` are equal where the JSON of ``value`` is.
        """
        key = (table, parts)
        if key not in self._known.shared:
            if len(self._known.shared) >= SHARED:
                self._known.shared.clear()
            text = json.dumps(to_data(value), sort_keys=True, ensure_ascii=False)
            digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]
            db.execute(
                f"INSERT INTO {table} (digest, json) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, text)
            )
            found = db.execute(f"SELECT id FROM {table} WHERE digest = ?", (digest,)).fetchone()
            self._known.shared[key] = int(found[0])
        return self._known.shared[key]
