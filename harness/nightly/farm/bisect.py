# SPDX-License-Identifier: GPL-2.0-only
"""The first bad one of a list of builds, by a search that knows that cells may be flaky.

One red run proves a build bad, where it is red for the same probable cause as the bad end. A pass proves
little of what fails now and then: the bad end is run several times first, and a build counts as good only
after so many passes that the rate seen there (its lower bound) would have shown with the confidence wanted.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.artefacts.kernel.source_kind import located
from harness.artefacts.kernel.spec import SCHEMA as KERNEL_SCHEMA
from harness.artefacts.model import load_model
from harness.document.data_files import load_document
from harness.errors import UserError, closest
from harness.host.paths import data_names, find_data_file
from harness.nightly.history.interval import CONFIDENCE, repeats_needed, wilson
from harness.report.cause import cause_of
from harness.report.results import CellResult
from harness.verdict import Verdict

GOOD, BAD, SKIP = "good", "bad", "skip"
MOST = 50
"""Runs of one build after which a rare failure is given up."""


@dataclass(frozen=True, slots=True)
class BisectedBuild:
    """One candidate: its name, and the model or kernel file that runs it."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class BuildRun:
    """One run of one build: the digests of the causes that were red (none: it passed) and what to say of it.

    ``judged``: whether the question was asked at all; a build on which it was not is skipped.
    """

    causes: frozenset[str]
    text: str
    judged: bool = True


def seen_of(cells: Sequence[CellResult], where: str = "") -> BuildRun:
    """Return what one run of a build says: a cell that does not pass is bad, whatever it broke at.

    What ended in ``infra`` asked nothing. A build of which no cell is red and one ended so was not judged.
    """
    red = [cell for cell in cells if cell.verdict is not Verdict.PASS]
    text = "; ".join(f"{cell.verdict.value} {cell.id}: {cell.headline}" for cell in red) or "pass"
    lost = not cells or any(cell.verdict is Verdict.INFRA for cell in cells)
    bad = [cause_of(cell) for cell in red if cell.verdict is not Verdict.INFRA]
    causes = frozenset(cause.digest for cause in bad if cause)
    return BuildRun(causes, f"{text} ({where})" if where else text, judged=bool(causes) or not lost)


@dataclass(slots=True)
class ProbedBuild:
    """What is known of one build."""

    build: BisectedBuild
    runs: list[BuildRun] = field(default_factory=list)
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class FirstBad:
    """``first`` is the first bad build, ``last`` the good one before it; those between could not be judged.

    ``rate`` is how often the bad end is red at least (Wilson's lower bound; 1 where it always was),
    ``passes`` how many in a row made a build good, and ``confidence`` that no build of the search was
    called good by chance, were each as flaky as the bad end.
    """

    first: BisectedBuild
    last: BisectedBuild
    between: tuple[BisectedBuild, ...]
    probes: tuple[ProbedBuild, ...]
    rate: float
    passes: int
    confidence: float


class Bisection:
    """A search over builds in order; ``run`` runs one build for the n-th time (from 1, which is its seed)."""

    def __init__(
        self,
        builds: Sequence[BisectedBuild],
        run: Callable[[BisectedBuild, int], BuildRun],
        say: Callable[[str], None],
        repeats: int = 3,
        confidence: float = CONFIDENCE,
    ) -> None:
        if len(builds) < 2:
            raise UserError("a bisection needs at least a good and a bad build")
        self._probes = [ProbedBuild(build) for build in builds]
        self._run = run
        self._say = say
        self._repeats = repeats
        self._confidence = confidence
        self._causes: frozenset[str] = frozenset()
        self._rate = 1.0
        self._passes = 1

    def search(self) -> FirstBad:
        """Return the first bad build; ``UserError`` when the ends are not what they should be."""
        self._bad_end(self._probes[-1])
        if self._judge(0) != GOOD:
            last = self._probes[0].runs[-1]
            raise UserError(f"{self._probes[0].build.name} should be good, but: {last.text}")
        low, high = 0, len(self._probes) - 1
        while (middle := self._next(low, high)) is not None:
            verdict = self._judge(middle)
            if verdict == GOOD:
                low = middle
            elif verdict == BAD:
                high = middle
        goods = sum(probe.verdict == GOOD for probe in self._probes)
        return FirstBad(
            self._probes[high].build,
            self._probes[low].build,
            tuple(probe.build for probe in self._probes[low + 1 : high]),
            tuple(probe for probe in self._probes if probe.runs),
            self._rate,
            self._passes,
            (1 - (1 - self._rate) ** self._passes) ** goods,
        )

    def _bad_end(self, probe: ProbedBuild) -> None:
        for number in range(1, self._repeats + 1):
            self._once(probe, number)
        red = [seen for seen in probe.runs if seen.judged and seen.causes]
        if not red:
            tail = probe.runs[-1].text
            raise UserError(f"{probe.build.name} should be bad, but in {self._repeats} runs: {tail}")
        self._causes = frozenset().union(*(seen.causes for seen in red))
        # Where it is not red every time, the rate may well be lower than what was seen.
        self._rate = 1.0 if len(red) == len(probe.runs) else wilson(len(red), len(probe.runs))[0]
        self._passes = min(MOST, repeats_needed(self._rate, self._confidence))
        probe.verdict = BAD
        self._say(
            f"{probe.build.name} is bad in {len(red)} of {len(probe.runs)} runs: "
            f"{self._passes} passes in a row will mean good"
        )

    def _next(self, low: int, high: int) -> int | None:
        """The untried build nearest to the middle, or None when all between have been tried."""
        middle = (low + high) / 2
        left = [place for place in range(low + 1, high) if not self._probes[place].verdict]
        return min(left, key=lambda place: abs(place - middle), default=None)

    def _judge(self, place: int) -> str:
        probe = self._probes[place]
        probe.verdict = GOOD
        for number in range(1, self._passes + 1):
            seen = self._once(probe, number)
            if seen.judged and seen.causes & self._causes:
                probe.verdict = BAD
                break
            if not seen.judged or seen.causes:  # it cannot be judged, or fails for a reason of its own
                probe.verdict = SKIP
                break
        left = sum(not each.verdict for each in self._probes)
        steps = math.ceil(math.log2(left + 1)) if left else 0
        self._say(f"{probe.build.name} is {probe.verdict}; about {steps} builds to go at most")
        return probe.verdict

    def _once(self, probe: ProbedBuild, number: int) -> BuildRun:
        seen = self._run(probe.build, number)
        probe.runs.append(seen)
        self._say(f"  {probe.build.name} run {number}: {seen.text}")
        return seen


def between(builds: Sequence[BisectedBuild], text: str) -> list[BisectedBuild]:
    """Return the builds of ``GOOD..BAD``, both included; ``UserError`` with the closest name."""
    good, dots, bad = text.partition("..")
    if not dots or not good or not bad:
        raise UserError(f"{text!r} is not a range: write GOOD..BAD")
    names = [build.name for build in builds]
    if not names:
        raise UserError("the list names no build; write a path per line, the oldest first")
    for name in (good, bad):
        if name not in names:
            near = closest(name, names)
            raise UserError(f"no build {name!r} in the list" + (f"; did you mean {near!r}?" if near else ""))
    first, last = names.index(good), names.index(bad)
    if first >= last:
        raise UserError(f"{good} does not come before {bad} in the list")
    return list(builds[first : last + 1])


def model_builds(listed: Path, like: str, place: Path) -> list[BisectedBuild]:
    """Return the builds of a list file (a path per line, oldest first), or of a directory in the order of
    names.

    A path is a model file (``.yaml``) or a QEMU program, which is run with the options of the model
    ``like``. Names are those of the files, or of the directory of a program that is called like every QEMU.
    """
    if listed.is_dir():
        paths = sorted(path for path in listed.iterdir() if path.suffix == ".yaml" or _program(path))
    else:
        try:
            lines = listed.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise UserError(f"{listed}: {error.strerror}; name a file with a path per line") from error
        words = [line.partition("#")[0].strip() for line in lines]
        paths = [(listed.parent / word).absolute() for word in words if word]
    found: list[BisectedBuild] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{listed} names {path}, which does not exist")
        model = path.suffix == ".yaml"
        name = path.stem if model else _name_of(path, [each.name for each in found])
        found.append(BisectedBuild(name, str(path) if model else _as_model(path, name, like, place)))
    if duplicates := {b.name for b in found if sum(o.name == b.name for o in found) > 1}:
        raise UserError(f"{listed} has two builds called {', '.join(sorted(duplicates))}; rename one")
    return found


def _program(path: Path) -> bool:
    return path.is_file() and bool(path.stat().st_mode & 0o111)


def _name_of(path: Path, taken: Sequence[str]) -> str:
    """``qemu-system-aarch64`` says nothing: the nearest directory that does not either is left out."""
    for part in (path.name, *(parent.name for parent in path.parents)):
        if part not in ("qemu-system-aarch64", "bin", "build", "usr", "local", "") and part not in taken:
            return part
    return str(path)


def _as_model(program: Path, name: str, like: str, place: Path) -> str:
    spec = load_model(like)
    data = {
        "model": "".join(c if c.isalnum() or c in ".-" else "-" for c in name.lower()),
        "summary": f"{program}, with the options of {like}.",
        "source": {"path": str(program)},
        "machine": spec.machine,
        "cpu": spec.cpu,
        "timings": {timing: list(words) for timing, words in spec.timings.items()},
        "devices": list(spec.devices),
        "sandbox": spec.sandbox,
        "slowdown": spec.slowdown,
    }
    path = place / f"{data['model']}.yaml"
    path.write_text(json.dumps(data, indent=1))  # which is YAML
    return str(path)


def kernel_builds(kernel: str, span: str, place: Path) -> list[BisectedBuild]:
    """Return a kernel file for every commit of ``GOOD..BAD``, and for GOOD itself, the oldest first.

    ``kernel`` is a kernel file whose source is a git repository; first parents only, as ``git bisect``
    would take them from a linear history. ``UserError`` for a file of another source and for a range that
    git refuses.
    """
    path = find_data_file("kernels", kernel)
    data = load_document(path, KERNEL_SCHEMA)
    if "git" not in data["source"]:
        names = ", ".join(data_names("kernels"))
        raise UserError(f"{path}: its source is not a git repository; copy one of {names} and give it one")
    tree = located(data["source"]["git"]["path"], path.parent)
    good, dots, _ = span.partition("..")
    if not dots:
        raise UserError(f"{span!r} is not a range: write GOOD..BAD")
    first = _git(tree, "rev-parse", "--verify", f"{good}^{{commit}}")
    commits = [*first, *_git(tree, "rev-list", "--reverse", "--first-parent", span)]
    if len(commits) < 2:
        raise UserError(f"{span} holds no commit in {tree}")
    builds = []
    for commit in commits:
        (title,) = _git(tree, "show", "--no-patch", "--format=%h %s", commit)
        own = _absolute({**data, "kernel": f"{data['kernel']}-{commit[:12]}"}, path.parent)
        own["source"]["git"] = {**data["source"]["git"], "path": str(tree), "ref": commit}
        file = place / f"{own['kernel']}.yaml"
        file.write_text(json.dumps(own, indent=1))
        builds.append(BisectedBuild(title, str(file)))
    return builds


def _absolute(data: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A kernel file's paths, which count from its place, as they are from anywhere."""

    def there(value: Any) -> Any:
        if isinstance(value, list):
            return [there(item) for item in value]
        return str(located(value, base).absolute())

    own = dict(data)
    if "config" in own:
        own["config"] = there(own["config"])
    if "series" in own:
        own["series"] = {kind: there(value) for kind, value in own["series"].items()}
    own["source"] = dict(own["source"])
    return own


def _git(tree: Path, *words: str) -> list[str]:
    done = subprocess.run(
        ["git", "-C", str(tree), *words], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise UserError(f"git {words[0]} in {tree} failed: {done.stderr.strip()}")
    return done.stdout.split("\n")[:-1]


def lines_of(outcome: FirstBad) -> Iterator[str]:
    """Yield the result for the terminal."""
    for probe in outcome.probes:
        red = sum(bool(seen.causes) for seen in probe.runs)
        yield f"{probe.verdict:5} {probe.build.name}: {red} of {len(probe.runs)} runs red"
    yield ""
    yield f"first bad: {outcome.first.name}"
    yield f"last good: {outcome.last.name}"
    if outcome.between:
        names = ", ".join(build.name for build in outcome.between)
        yield f"could not be judged: {names}; any of them may be the first"
    yield (
        f"the bad end is red in at least {outcome.rate:.0%} of runs; "
        f"{outcome.passes} passes in a row meant good; "
        f"confidence {outcome.confidence:.1%}"
    )
