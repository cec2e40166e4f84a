# SPDX-License-Identifier: GPL-2.0-only
"""The tables of the results store, as the steps that make them; docs/nightly.md describes them.

``PRAGMA user_version`` counts the steps that a file has been through. A step is never changed once it is
released: what a later version needs is one more step.
"""

from __future__ import annotations

FIRST = """
CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  plan TEXT NOT NULL,
  directory TEXT NOT NULL,
  started TEXT NOT NULL,
  seconds REAL,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'interrupted')),
  host_cpus INTEGER NOT NULL,
  host_memory_mib INTEGER NOT NULL,
  nvh_version TEXT NOT NULL,
  nvh_commit TEXT NOT NULL
);
CREATE TABLE subject (
  id INTEGER PRIMARY KEY,
  cell TEXT NOT NULL,
  scenario TEXT NOT NULL,
  model TEXT NOT NULL,
  kernel TEXT NOT NULL,
  timing TEXT NOT NULL,
  UNIQUE (cell, model, kernel, timing)
);
CREATE TABLE versions (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, json TEXT NOT NULL);
CREATE TABLE files (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, json TEXT NOT NULL);
CREATE TABLE cause (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('splat', 'assertion', 'infrastructure')),
  title TEXT NOT NULL
);
CREATE TABLE execution (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  subject INTEGER NOT NULL REFERENCES subject,
  slug TEXT NOT NULL,
  repeat INTEGER NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('pass', 'vacuous', 'undecided', 'fail', 'infra', 'never')),
  original TEXT CHECK (original IN ('pass', 'vacuous', 'undecided', 'fail', 'infra')),
  headline TEXT NOT NULL,
  cause INTEGER REFERENCES cause,
  quarantine TEXT NOT NULL,
  started TEXT NOT NULL,
  seconds REAL NOT NULL,
  guest_seconds REAL,
  machine_seconds REAL,
  seed INTEGER,
  command TEXT NOT NULL,
  versions INTEGER NOT NULL REFERENCES versions,
  files INTEGER NOT NULL REFERENCES files,
  UNIQUE (run, slug)
);
CREATE INDEX execution_by_subject ON execution (subject, run);
CREATE TABLE finding (
  execution INTEGER NOT NULL REFERENCES execution ON DELETE CASCADE,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  verdict TEXT NOT NULL,
  message TEXT NOT NULL,
  place TEXT NOT NULL
);
CREATE INDEX finding_by_execution ON finding (execution);
"""

MEASURED = """
ALTER TABLE execution ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE execution ADD COLUMN worker TEXT NOT NULL DEFAULT '';
ALTER TABLE execution ADD COLUMN peak_mib REAL;
ALTER TABLE execution ADD COLUMN cpu_seconds REAL;
"""

# SQLite cannot alter a CHECK; the text of the schema may be replaced where the rows stay as they are.
MORE_CAUSES = """
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(
  sql, 'CHECK (kind IN (''splat'', ''assertion'', ''infrastructure''))',
  'CHECK (kind IN (''splat'', ''model'', ''level'', ''assertion'', ''quarantine'', ''infrastructure''))'
) WHERE name = 'cause';
PRAGMA writable_schema = RESET;
"""

# A run has an identity of its own: two directories of one name are two runs. SQLite cannot drop a UNIQUE; the
# table is made anew while nothing watches foreign keys.
IDENTIFIED = """
CREATE TABLE run_again (
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  plan TEXT NOT NULL,
  directory TEXT NOT NULL,
  started TEXT NOT NULL,
  seconds REAL,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'interrupted')),
  host_cpus INTEGER NOT NULL,
  host_memory_mib INTEGER NOT NULL,
  nvh_version TEXT NOT NULL,
  nvh_commit TEXT NOT NULL
);
INSERT INTO run_again SELECT id, name, name, plan, directory, started, seconds, state, host_cpus,
  host_memory_mib, nvh_version, nvh_commit FROM run;
DROP TABLE run;
ALTER TABLE run_again RENAME TO run;
CREATE INDEX run_by_name ON run (name);
"""

STEPS = (FIRST, MEASURED, MORE_CAUSES, IDENTIFIED)
VERSION = len(STEPS)
