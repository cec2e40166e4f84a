# SPDX-License-Identifier: GPL-2.0-only
"""Whether a cell's runs consisted of what they have to: the finding ``population`` (docs/populations.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.check.finding import Finding, RunResult
from harness.host.paths import SCENARIOS
from harness.level import Level
from harness.litmus import populations
from harness.litmus.population import (
    ATTEMPTS,
    EVIDENCE,
    LITMUS,
    MARK,
    PROGRAMS,
    Population,
    contradictions,
)
from harness.litmus.population import populations as told
from harness.litmus.populations import ExpectedPopulation, Key, Table
from harness.scenario.language import Cell, Run
from harness.verdict import Verdict, worst

NAME = "population"
UPDATE = "new cases: update the table (./nvh lint --populations DIR --write)"
WORST = ATTEMPTS // 2
"""A case that ran more often than this lost its control more often than chance makes it: what takes the stale
translation away before the control takes it away after it just as often, and hides a missing TLBI."""
LOST_SHARE = 4
"""More lost attempts than one for so many judged cases, than twice the table's and than ``WORST``: doubt."""

Judged = tuple[Verdict, str]


def findings(
    cell: Cell, results: Mapping[str, RunResult], table: Table | None = None, *, starved: bool = False
) -> list[Finding]:
    """Return a finding for each population that the cell's runs told of, or should have.

    ``results`` are the named runs that ended; one that did not has no population. A cell of a kernel with an
    injected fault has none: its cases are to fail, and which do is what `nvh mutants` compares. ``table`` is
    the shipped one for a shipped scenario; that of a user, of whatever name, has none. ``starved``: the host
    kept CPUs of the model from going on, by which controls are lost.
    """
    if cell.mutant or cell.l1_mutant:
        return []
    if table is None:
        table = populations.shipped() if is_ours(cell) else {}
    found: list[tuple[Run, str, Verdict, str]] = []
    for step in cell.steps:
        if isinstance(step, Run):
            result = results.get(step.name, RunResult(None))
            found += [(step, *each) for each in _of_run(cell, step, result, table, starved=starved)]
    return [
        Finding(NAME if len(found) == 1 else f"{NAME}-{run}", NAME, verdict, message, str(step.where))
        for step, run, verdict, message in found
    ]


def _of_run(
    cell: Cell, step: Run, result: RunResult, table: Table, *, starved: bool
) -> Iterator[tuple[str, Verdict, str]]:
    kernel = cell.stack.levels[Level.L0].kernel
    try:
        seen = told(result.stdout)
    except ValueError as error:
        yield step.name, Verdict.FAIL, f"{step.name}: a line {MARK}… that cannot be read: {error}"
        return
    names = populations.number([step.name] * len(seen))
    for run, each in zip(names, seen, strict=True):
        key = Key(cell.id, cell.stack.model, kernel, run)
        text = result.stdout if len(seen) == 1 else ""
        yield run, *judge(key, each, text, table, shipped=is_shipped(cell), starved=starved)
    for key in sorted(table):
        mine = (key.cell, key.model, key.kernel) == (cell.id, cell.stack.model, kernel)
        if mine and key.run.partition("#")[0] == step.name and key.run not in names:
            row = table[key]
            yield (
                key.run,
                Verdict.FAIL,
                f"{key.run}: no line {MARK}{row.program}, so it did not get to its end; "
                f"{row.selected} cases were expected",
            )


def is_ours(cell: Cell) -> bool:
    """Whether the scenario is one of this project's."""
    return Path(cell.path).resolve().is_relative_to(SCENARIOS.resolve())


def is_shipped(cell: Cell) -> bool:
    """Whether all of the cell is this project's own: the scenario, the model and L0's kernel."""
    return is_ours(cell) and "/" not in cell.stack.model and "/" not in cell.stack.levels[Level.L0].kernel


def judge(
    key: Key, seen: Population, text: str, table: Table, *, shipped: bool, starved: bool = False
) -> Judged:
    """Return the verdict on one population, and why. ``text``: the output, to hold its cases against it."""
    wrong = [(Verdict.FAIL, f"it contradicts itself: {each}") for each in contradictions(seen, text)]
    wrong += _alone(seen)
    row, whose = populations.lookup(key, seen.features, table)
    about = f"{key.run}: {_words(seen)}"
    if row is None:
        verdict, why = _unknown(key, seen, table, shipped=shipped)
        wrong.append((verdict, why))
    else:
        wrong += list(against(seen, row, starved=starved))
        wrong += _controls(seen, row)
        if whose != key and whose is not None:
            about += f", held against {whose.model} with {whose.kernel}, where L1 has the same features"
    verdict = worst(each for each, _ in wrong)
    return verdict, "; ".join([about, *(why for _, why in wrong)])


def _words(seen: Population) -> str:
    words = [f"{seen.judged} of {seen.selected} selected cases judged"]
    words += [f"{getattr(seen, name)} {name}" for name in EVIDENCE if seen.program == LITMUS]
    words += [f"{count} not applicable ({why})" for why, count in sorted(seen.reasons.items())]
    if seen.program != LITMUS:
        words.append(f"{seen.iterations} iterations")
    if seen.lost:
        words.append(f"{seen.lost} controls lost")
    return ", ".join(words)


def _alone(seen: Population) -> Iterator[Judged]:
    """What needs no table."""
    if seen.cut:
        yield Verdict.FAIL, f"cut short: {seen.cut} of {seen.selected} selected cases did not run"
    if seen.worst > WORST and not seen.vacuous:
        yield (
            Verdict.UNDECIDED,
            f"the control of {seen.worst_case} was lost {seen.worst - 1} times of {seen.worst}: what takes "
            "it away hides a missing invalidation as often",
        )
    if not seen.judged:
        yield Verdict.VACUOUS, "no case was judged"


def _unknown(key: Key, seen: Population, table: Table, *, shipped: bool) -> Judged:
    if shipped:
        return Verdict.UNDECIDED, (
            f"no row for {key.cell} on {key.model} with {key.kernel}: ./nvh lint --populations DIR --write"
        )
    if populations.alike(key, table):
        return Verdict.PASS, (
            "nothing is known of what to expect: no row of this cell is from an L1 with these features "
            f"({seen.features})"
        )
    return Verdict.PASS, "nothing is known of what to expect: no row of this cell"


def against(seen: Population, row: ExpectedPopulation, *, starved: bool = False) -> Iterator[Judged]:
    """How ``seen`` differs from the table. ``starved``: a control that was lost says nothing."""
    if seen.program != row.program:
        yield Verdict.FAIL, f"{seen.program} ran, the table has {row.program}"
        return
    if seen.selected < row.selected:
        yield Verdict.FAIL, f"cases lost: {seen.selected} selected, the table has {row.selected}"
    elif seen.selected > row.selected:
        yield Verdict.FAIL, f"{seen.selected} selected, the table has {row.selected}: {UPDATE}"
    elif seen.names != row.names:
        yield Verdict.FAIL, f"as many cases as in the table and not the same: some are lost; {UPDATE}"
    yield from _reasons(seen, row)
    explained = (
        sum(seen.reasons.values()) - sum(row.reasons.values()) + row.selected - seen.selected + seen.cut
    )
    short = row.judged - explained - seen.judged
    if short > 0:
        yield (
            Verdict.UNDECIDED if starved and short <= seen.vacuous else Verdict.FAIL,
            f"{short} cases ended without a judgement (of {seen.failed} failed and {seen.vacuous} vacuous)",
        )
    if seen.judged == row.judged:
        yield from _evidence(seen, row)
    yield from _iterations(seen, row)


def _reasons(seen: Population, row: ExpectedPopulation) -> Iterator[Judged]:
    for why in sorted({*seen.reasons, *row.reasons}):
        now, then = seen.reasons.get(why, 0), row.reasons.get(why, 0)
        if now > then:
            yield (
                Verdict.FAIL,
                f"{now} not applicable because {why}, the table has {then}: a feature is gone, or its probe "
                "is broken",
            )
        elif now < then:
            yield Verdict.FAIL, f"{now} not applicable because {why}, the table has {then}: {UPDATE}"


def _evidence(seen: Population, row: ExpectedPopulation) -> Iterator[Judged]:
    """As many judged, but on other evidence: fewer stale translations seen is less shown."""
    for name in EVIDENCE:
        now, then = getattr(seen, name), getattr(row, name)
        if now != then:
            end = "less is shown" if (name in ("seen", "direct")) == (now < then) else UPDATE
            yield Verdict.FAIL, f"{now} {name}, the table has {then}: {end}"


def _iterations(seen: Population, row: ExpectedPopulation) -> Iterator[Judged]:
    if seen.program == LITMUS:
        return
    if seen.features != row.features:
        yield Verdict.FAIL, f"run with {seen.features}, the table has {row.features}: update the table"
    if row.iterations is None:
        if not seen.iterations:
            yield Verdict.FAIL, "no iteration was made"
    elif seen.iterations < row.iterations:
        yield Verdict.FAIL, f"{seen.iterations} iterations, the table has {row.iterations}"
    elif seen.iterations > row.iterations:
        yield Verdict.FAIL, f"{seen.iterations} iterations, the table has {row.iterations}: {UPDATE}"


def _controls(seen: Population, row: ExpectedPopulation) -> Iterator[Judged]:
    bound = max(2 * row.lost, seen.judged // LOST_SHARE, WORST)
    if seen.lost > bound:
        yield (
            Verdict.UNDECIDED,
            f"controls were lost {seen.lost} times in {seen.judged} cases, the table has {row.lost}: what "
            "takes them away may hide missing invalidations",
        )


def known_program(command: str) -> bool:
    """Whether a command runs a program that tells its population: not ``--list``, programs or features."""
    words = command.split()
    runs = any(word.rpartition("/")[2] in PROGRAMS for word in words)
    return runs and not {"--program", "--features", "--list", "--caps"} & set(words)
