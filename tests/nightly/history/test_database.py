# SPDX-License-Identifier: GPL-2.0-only
"""The results store: what is recorded is there once and whole, whoever writes and whatever dies."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import InfraError, UserError
from harness.nightly.history import query
from harness.nightly.history.database import APPLICATION, Results
from harness.nightly.history.tables import FIRST, STEPS, VERSION
from harness.verdict import Verdict
from tests.nightly.history import made

WRITER = """
import sys
from pathlib import Path
from harness.nightly.history.database import Results
from tests.nightly.history import made
store, number, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with Results(store) as results:
    run = results.begin(made.begun(*made.night(number)))
    print("begun", flush=True)
    for place in range(count):
        results.record(run, [made.entry(made.cell(f"w{number}-{place}"))])
    results.end(run, 1.0)
"""


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "r.sqlite")


def rows(results: Results, table: str = "execution") -> int:
    return int(results.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_everything_of_a_cell_is_recorded(results: Results) -> None:
    run = results.begin(made.begun(*made.night(1)))
    lost = made.finding("lost", Verdict.FAIL, "no unmap of 0x1000")
    cell = made.cell("a[x=1]", Verdict.FAIL, lost, made.finding("seen", Verdict.PASS, "1 match"))
    cell = dataclasses.replace(cell, quarantine="known (review by 2027-01-01)")
    entry = made.entry(
        cell, original=Verdict.FAIL, attempts=2, worker="n7:12", peak_mib=901.5, cpu_seconds=19.0
    )
    assert results.record(run, [entry]) == 1
    found = results.connection.execute(
        "SELECT cell, scenario, model, kernel, timing, slug, verdict, original, headline, quarantine,"
        " seconds, machine_seconds, seed, command, attempts, worker, peak_mib, cpu_seconds, c.kind"
        " FROM execution e JOIN subject s ON s.id = e.subject JOIN cause c ON c.id = e.cause"
    ).fetchone()
    assert found == (
        *("a[x=1]", "a", "qemu", "nv", "icount", "a.x=1+qemu+nv+1", "fail", "fail"),
        *("lost: no unmap of 0x1000", "known (review by 2027-01-01)", 20.0, 19.5, 1),
        *("./nvh run 'a[x=1]' --model qemu --kernel nv", 2, "n7:12", 901.5, 19.0, "assertion"),
    )
    assert results.connection.execute("SELECT name, verdict, message FROM finding").fetchall() == [
        ("lost", "fail", "no unmap of 0x1000")
    ]
    (detail,) = query.details(results, query.find_run(results, made.night(1)[0])).values()
    paths = [each["path"] for each in query.files_of(results, {detail.files})[detail.files]]
    assert "timeline.jsonl" in paths
    (versions,) = query.versions_of(results, [1]).values()
    assert versions["model"] == ("QEMU 11.1.3", made.sha("qemu 11.1.3"))


def test_a_cell_that_left_nothing_has_no_verdict_of_its_own(results: Results) -> None:
    run = results.begin(made.begun(*made.night(1)))
    results.record(run, [made.entry(made.cell("a").infra("killed"), original=None)])
    assert results.connection.execute("SELECT verdict, original FROM execution").fetchone() == ("infra", None)


def test_what_is_recorded_twice_counts_once_and_the_first_stays(results: Results) -> None:
    run = results.begin(made.begun(*made.night(1)))
    assert results.record(run, [made.entry(made.cell("a"))]) == 1
    again = made.entry(made.cell("a", Verdict.FAIL, made.finding("x", Verdict.FAIL, "y")))
    assert results.record(run, [again]) == 0
    assert results.connection.execute("SELECT verdict FROM execution").fetchall() == [("pass",)]
    assert rows(results, "finding") == 0
    assert results.begin(made.begun(*made.night(1))) == run


def test_what_had_never_run_is_replaced_when_it_has(results: Results) -> None:
    run = results.begin(made.begun(*made.night(1)))
    results.record(run, [made.entry(made.cell("a"), never="no time", original=None)])
    assert results.connection.execute("SELECT verdict, headline FROM execution").fetchone() == (
        "never",
        "no time",
    )
    assert results.record(run, [made.entry(made.cell("a"))]) == 1
    assert results.record(run, [made.entry(made.cell("a"), never="no time", original=None)]) == 0
    assert results.connection.execute("SELECT verdict, original FROM execution").fetchall() == [
        ("pass", "pass")
    ]


def test_a_batch_is_there_whole_or_not_at_all(results: Results) -> None:
    run = results.begin(made.begun(*made.night(1)))
    bad = made.entry(made.cell("b"))
    object.__setattr__(bad.result, "started", None)
    with pytest.raises(sqlite3.IntegrityError):
        results.record(run, [made.entry(made.cell("a")), bad])
    assert (rows(results), rows(results, "subject")) == (0, 0)
    assert results.record(run, [made.entry(made.cell("a"))]) == 1  # no id of the lost rows is used


def test_several_writers(tmp_path: Path) -> None:
    store = tmp_path / "r.sqlite"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store), str(number), "60"], stdout=subprocess.DEVNULL
        )
        for number in (1, 2, 3)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    with Results(store) as results:
        assert rows(results) == 180
        assert [run.state for run in query.runs(results)] == ["done"] * 3


def test_a_writer_that_is_killed_leaves_whole_rows(tmp_path: Path) -> None:
    store = tmp_path / "r.sqlite"
    words = [sys.executable, "-c", WRITER, str(store), "1", "1000000"]
    writer = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert writer.stdout
    assert writer.stdout.readline() == b"begun\n"
    with Results(store) as results:
        end = time.monotonic() + 60
        while rows(results) < 3:  # at its own pace: it is killed in the midst of writing
            assert time.monotonic() < end
            time.sleep(0.01)
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    with Results(store) as results:
        assert results.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert results.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert rows(results) > 0
        assert query.runs(results)[0].state == "running"


def old_store(path: Path, version: int) -> None:
    """A file as an nvh of that schema left it, with one result in it."""
    db = sqlite3.connect(path)
    for step in STEPS[:version]:
        db.executescript(step)
    db.executescript(
        f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version};"
        "INSERT INTO run (id, name, plan, directory, started, seconds, state, host_cpus, host_memory_mib,"
        " nvh_version, nvh_commit) VALUES"
        " (1, 'old', 'p', '/x', '2026-01-01T00:00:00Z', 5, 'done', 2, 9, '0.1', 'abc');"
        "INSERT INTO subject VALUES (1, 'a', 'a', 'qemu', 'nv', 'icount');"
        "INSERT INTO versions VALUES (1, 'd', '{}'); INSERT INTO files VALUES (1, 'd', '[]');"
        "INSERT INTO execution (run, subject, slug, repeat, verdict, original, headline, quarantine, started,"
        " seconds, command, versions, files) VALUES (1, 1, 'a', 1, 'pass', 'pass', '', '', '', 3, 'c', 1, 1);"
    )
    db.close()


@pytest.mark.parametrize("version", range(1, VERSION))
def test_migration_keeps_what_was_there(tmp_path: Path, version: int) -> None:
    path = tmp_path / "r.sqlite"
    old_store(path, version)
    with Results(path) as results:
        assert results.connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        found = results.connection.execute("SELECT slug, seconds, attempts, worker, peak_mib FROM execution")
        assert found.fetchall() == [("a", 3.0, 1, "", None)]
        assert results.connection.execute("SELECT uid, name, seconds FROM run").fetchall() == [
            ("old", "old", 5.0)
        ]
        assert results.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        run = results.begin(made.begun(*made.night(1)))
        assert results.record(run, [made.entry(made.cell("b"))]) == 1
        migrated = results.connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    with Results(tmp_path / "new.sqlite") as fresh:
        made_new = fresh.connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    assert migrated == made_new
    copy = sqlite3.connect(path.with_name(f"r.sqlite.schema-{version}"))
    assert copy.execute("SELECT slug FROM execution").fetchall() == [("a",)]
    copy.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.sqlite"
    old_store(path, 1)
    monkeypatch.setattr(
        "harness.nightly.history.database.STEPS", (FIRST, "ALTER TABLE run ADD COLUMN x; NONSENSE")
    )
    with pytest.raises(UserError, match="NONSENSE"):
        Results(path)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert "x" not in [row[1] for row in db.execute("PRAGMA table_info(run)")]
    db.close()


def test_foreign_newer_and_damaged_files_are_refused(tmp_path: Path) -> None:
    foreign, newer, damaged = (tmp_path / name for name in ("foreign", "newer", "damaged"))
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE recipes (name)")
    db.commit()
    db.close()
    with pytest.raises(UserError, match="a database of something else"):
        Results(foreign)
    old_store(newer, VERSION - 1)
    db = sqlite3.connect(newer)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(UserError, match="a newer nvh"):
        Results(newer)
    damaged.write_bytes(b"this is no database, and long enough to be none " * 40)
    with pytest.raises(InfraError, match="damaged"):
        Results(damaged)
    with pytest.raises(UserError, match="--results"):
        Results(Path("/proc/nowhere/r.sqlite"))


def test_runs_are_found_by_name(results: Results) -> None:
    made.record(results, 1, [])
    assert query.find_run(results, "latest").name == made.night(1)[0]
    with pytest.raises(UserError, match="did you mean '20261101T010000Z'"):
        query.find_run(results, "20261101T010001Z")


def test_two_runs_of_one_name_are_two(tmp_path: Path, results: Results) -> None:
    numbers = [
        results.begin(
            dataclasses.replace(
                made.begun("over-dask", "2026-11-01T01:00:00Z", tmp_path / place), uid=f"{place}0123456789"
            )
        )
        for place in ("a", "b")
    ]
    for number, verdict in zip(numbers, (Verdict.PASS, Verdict.INFRA), strict=True):
        results.record(number, [made.entry(made.cell("a", verdict))])
    assert len(set(numbers)) == 2
    assert rows(results) == 2
    with pytest.raises(UserError, match="2 runs have the name 'over-dask'; name one by its id") as caught:
        query.find_run(results, "over-dask")
    assert "b0123456789" in str(caught.value)
    assert str(tmp_path / "b") in str(caught.value)
    assert query.find_run(results, "b0123456789").id == numbers[1]


def test_a_run_that_goes_on_is_the_same_also_where_it_began_without_an_identity(results: Results) -> None:
    plain = made.begun("run", "2026-11-01T01:00:00Z", Path("/runs/run"))
    old = results.begin(plain)
    own = dataclasses.replace(plain, uid="abcdef012345")
    assert results.begin(own) == old
    other = dataclasses.replace(own, directory=Path("/elsewhere/run"))
    assert results.begin(other) != old
    assert results.begin(other) == results.begin(other)
