# SPDX-License-Identifier: GPL-2.0-only
"""``nvh judge``: a captured log becomes an ordinary run, with every file that ``nvh run`` leaves."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.attempt.sections import sections
from harness.bundle.build import ARCHIVE
from harness.bundle.console_model import load_console
from harness.bundle.drive import drive
from harness.bundle.programs import programs_of
from harness.check import model_defects
from harness.errors import InfraError, UserError
from harness.host import command
from harness.host.cache import Store
from harness.host.paths import PROGRAM, RUNS
from harness.ktap.bare_cells import bare_cells, write_bare
from harness.ktap.bare_log import BareReading, is_bare, read_bare
from harness.ktap.cells import LoggedMachine, cells, write
from harness.ktap.judge import require_bundle
from harness.ktap.manifest import Bundle, read_bundle
from harness.ktap.read import LOG_MOST, Reading, read
from harness.report.publish import make_run_directory, publish, utc_now
from harness.report.results import ArtefactVersion, CellResult, RunSummary
from harness.runner.run import summary_of

UNPACK_DEADLINE_S = 120
GIVE_LOG = "give the file with the machine's console"
GIVE_BUNDLE = "name the archive or the directory that `nvh bundle` made"
"""What to do about a log, or a bundle, that is not there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is judged, and how the machine is called. Empty names: those that the log tells."""

    log: Path
    bundle: Path
    out: Path | None = None
    model: str = ""
    version: str = ""


def judge(asked: Asked) -> tuple[RunSummary, Path]:
    """Judge and publish; returns the run and its directory.

    ``UserError`` for a file that holds no log of a bundle, or one of another bundle.
    """
    begun = time.monotonic()
    gone = [
        f"{path}: no such file or directory; {what}"
        for path, what in ((asked.log, GIVE_LOG), (asked.bundle, GIVE_BUNDLE))
        if not path.exists()
    ]
    if gone:
        raise UserError("\n".join(gone))
    with opened(asked.bundle) as bundle:
        data, source = _data(asked.log), str(asked.log)
        if is_bare(data):
            bare = read_bare(data, source)
            require_bundle(bare.log, bundle, source)
            return _published(asked, bundle, _of_bare(asked, bundle, bare), begun)
        reading = read(data, source)
        require_bundle(reading.log, bundle, source)
        return _published(asked, bundle, _of_cases(asked, bundle, reading), begun)


def run_on(asked: Asked, console: str, options: Sequence[str] = ()) -> tuple[RunSummary, Path]:
    """Run the bundle on a console model, then judge what it printed; ``asked.log`` does not matter.

    Raises what ``judge`` raises, ``UserError`` for a file that is no console model, ``InfraError`` for a
    machine that cannot be reached.
    """
    model = load_console(console)
    if not asked.bundle.is_dir():
        raise UserError(f"{asked.bundle}: not a directory; name the one that `nvh bundle` made")
    for word in options:
        if not re.fullmatch(r"[a-z-]+=[!-~]+", word):
            raise UserError(f"--set {word!r}: not KEY=VALUE; docs/anywhere.md has the options of a bundle")
    programs = programs_of(model, Store())
    with opened(asked.bundle) as bundle, tempfile.TemporaryDirectory(prefix="nvh-console-") as work:
        log = Path(work) / "console.log"
        driven = drive(
            model,
            asked.bundle,
            log,
            options,
            programs=programs,
            mutant=bundle.kernel["mutant"],
        )
        if not log.stat().st_size:
            raise InfraError(f"{model.name}: its console printed nothing ({driven.why})")
        named = replace(
            asked, log=log, model=asked.model or model.name, version=asked.version or model.version
        )
        return judge(named)


def _data(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(LOG_MOST + 1)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; {GIVE_LOG}") from error


@contextlib.contextmanager
def opened(place: Path) -> Iterator[Bundle]:
    """Give the bundle in a directory, or in the archive of one. ``UserError`` when there is none."""
    if not place.name.endswith(ARCHIVE):
        yield read_bundle(place)
        return
    if not place.is_file():
        raise UserError(f"{place}: no such file; {GIVE_BUNDLE}")
    with tempfile.TemporaryDirectory(prefix="nvh-bundle-") as work:
        plain = Path(work) / "bundle.tar"
        done = command.run(["zstd", "-dqf", place, "-o", plain], timeout_s=UNPACK_DEADLINE_S, check=False)
        if done.returncode:
            raise UserError(f"{place}: not a complete archive: {done.stdout.strip()[:200]}; copy it again")
        try:
            with tarfile.open(plain) as archive:
                archive.extractall(work, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise UserError(f"{place}: {error}; it is not the archive of a bundle, or incomplete") from error
        roots = [path for path in Path(work).iterdir() if path.is_dir()]
        if len(roots) != 1:
            raise UserError(
                f"{place}: {len(roots)} directories in it; name the archive that `nvh bundle` made"
            )
        yield read_bundle(roots[0])


@dataclass(frozen=True, slots=True)
class _Judged:
    """The cells of a log, and how they are kept in a run's directory."""

    cells: Sequence[CellResult]
    write: Callable[[Path], None]
    artefacts: Mapping[str, ArtefactVersion]


def _machine(asked: Asked, name: str, version: str) -> LoggedMachine:
    words = [PROGRAM, "judge", str(asked.log.absolute()), "--bundle", str(asked.bundle.absolute())]
    for option, value in (("--machine", asked.model), ("--version", asked.version)):
        words += [option, value] if value else []
    return LoggedMachine(asked.model or name, asked.version or version, "", utc_now(), shlex.join(words))


def _of_cases(asked: Asked, bundle: Bundle, reading: Reading) -> _Judged:
    begin = reading.log.begin
    machine = _machine(asked, begin["machine"], f"{begin['machine']} {begin['midr']}")
    found = cells(reading, bundle, machine)
    kernel = bundle.kernel
    artefacts = {f"kernel {kernel['name']}": ArtefactVersion(kernel["release"], kernel["sha256"])}
    return _Judged(found, lambda directory: write(found, reading, directory), artefacts)


def _of_bare(asked: Asked, bundle: Bundle, reading: BareReading) -> _Judged:
    begin = reading.log.begin
    machine = _machine(asked, begin["board"], f"{begin['board']} {begin['midr']}")
    found = bare_cells(reading, bundle, machine, model_defects.load())
    return _Judged(found, lambda directory: write_bare(found, reading, directory), {})


def _published(asked: Asked, bundle: Bundle, judged: _Judged, begun: float) -> tuple[RunSummary, Path]:
    directory = make_run_directory(RUNS, asked.out)
    judged.write(directory)
    machine = judged.cells[0]
    versions = {
        f"bundle {bundle.id}": ArtefactVersion(json.dumps(bundle.manifest["nvh"])),
        **judged.artefacts,
    }
    summary = summary_of(directory, machine.started, begun, judged.cells, versions, command=machine.command)
    publish(summary, directory, sections(directory))
    return summary, directory
