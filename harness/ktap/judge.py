# SPDX-License-Identifier: GPL-2.0-only
"""What a bundle's log is worth: findings on each family and on the log as a whole.

A log that is damaged anywhere passes nowhere: what is missing may be what went wrong. A failure whose line
came whole is a failure, whatever became of the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from harness.check.finding import Finding
from harness.check.splat import find_splats, headline
from harness.errors import UserError
from harness.ktap.bare_log import BareLog
from harness.ktap.log import CUT, LOST, NOT_OBSERVABLE, RAN, Family, KtapRun, Log
from harness.ktap.manifest import Bundle
from harness.ktap.read import Captured, Reading
from harness.ktap.selection import Selection
from harness.litmus.counted import WORST
from harness.litmus.observed import Observed
from harness.litmus.population import STATUS_LOST, case_hash, contradictions, evidence_of
from harness.verdict import Verdict

LOG, CASES, POPULATION, SELECTION, KERNEL, ABSENT = (
    "log",
    "cases",
    "population",
    "selection",
    "kernel",
    "not-applicable",
)
OBSERVABLE = "observable"
"""Finding of a self-test: which cases can see anything on this machine."""
KIND = "bundle"
TOLD_MOST = 200
"""Findings about single cases of a family; the rest is counted."""
NEEDS = {
    "no-FEAT_XS": "XS",
    "no-FEAT_TLBIRANGE": "TLBIRANGE",
    "no-FEAT_TLBIOS": "TLBIOS",
    "no-FEAT_E2H0": "E2H0",
    "no-FEAT_NV2": "NV2",
    "no-FEAT_XNX": "XNX",
    "no-FEAT_PAN2": "PAN2",
    "no-FEAT_HCX": "HCX",
    "no-FEAT_E0PD": "E0PD",
    "no-FEAT_S1PIE": "S1PIE",
    "no-FEAT_ECV": "ECV",
    "no-FEAT_EVT": "EVT",
    "no-FEAT_S2FWB": "FWB",
    "no-FEAT_PMUv3": "PMU",
    "PA-below-44-bits": "PA44",
    "PA-below-48-bits": "PA48",
    "no-stage-2-granule-4k": "s2-4k",
    "no-stage-2-granule-16k": "s2-16k",
    "needs-4K-pages-at-L0": "pages-4k",
}
"""Why a case may not apply → the feature, as populations name it, that the machine then lacks."""
WITHOUT = ("too-few-CPUs-at-L0", "nothing-obliged", "no-FEAT_LPA2", "no-FEAT_FGT")
"""Reasons that no feature contradicts: a machine may have FEAT_LPA2 with one granule and not with another."""


def require_bundle(log: Log | BareLog, bundle: Bundle, source: str) -> None:
    """Raise ``UserError`` for a log of another bundle."""
    if log.bundle != bundle.id:
        raise UserError(
            f"{source}: the log of bundle {log.bundle}, and this is {bundle.id}; "
            "give the bundle that ran with --bundle"
        )


def chosen(log: Log, bundle: Bundle) -> dict[str, frozenset[str]]:
    """Return the cases that the run was to have, by family; ``ValueError`` when its words make no sense."""
    return Selection.of(log.begin).names(bundle)


def of_log(reading: Captured, kind: str = KIND) -> Finding:
    """Return the finding on the log itself: whether it came whole."""
    if reading.damage:
        return Finding(LOG, kind, Verdict.UNDECIDED, f"the log is not whole: {reading.damage_text}")
    return Finding(LOG, kind, Verdict.PASS, "the log came whole: every line is there once, in its place")


def of_selection(reading: Reading, bundle: Bundle) -> Finding:
    """Return the finding on what ran against what was chosen, by the bundle's own list of cases."""
    log = reading.log
    try:
        wanted = chosen(log, bundle)
    except (ValueError, KeyError) as error:
        return Finding(SELECTION, KIND, Verdict.UNDECIDED, f"what was chosen cannot be resolved: {error}")
    wrong = list(_selection(log, wanted))
    count = sum(map(len, wanted.values()))
    if wrong:
        return Finding(SELECTION, KIND, Verdict.UNDECIDED, "; ".join(wrong))
    if not count:
        return Finding(SELECTION, KIND, Verdict.VACUOUS, "the choice fits no case of the bundle")
    told = f"{count} cases of {len(wanted)} families were chosen"
    found = "none of them could run" if log.refused else "the log has them"
    return Finding(SELECTION, KIND, Verdict.PASS, f"{told}, and {found}")


def _selection(log: Log, wanted: Mapping[str, frozenset[str]]) -> Iterator[str]:
    names = case_hash(name for each in wanted.values() for name in each)
    count = sum(map(len, wanted.values()))
    if (log.begin["selected"], log.begin["names"]) != (str(count), names):
        yield f"{log.begin['selected']} cases were chosen; by these words the bundle has {count}, or others"
    if log.begin["families"] != str(len(wanted)):
        yield f"{log.begin['families']} families announced, {len(wanted)} expected"
    if log.refused:
        return
    if missing := sorted(set(wanted) - {family.name for family in log.families}):
        yield f"families that did not run: {', '.join(missing)}"
    names_told = [family.name for family in log.families]
    if len(set(names_told)) != len(names_told):
        yield "a family is there more than once"
    for family in log.families:
        told = Counter(case.name for case in family.cases)
        expected = wanted.get(family.name, frozenset())
        if lost := sorted(expected - set(told)):
            yield f"{family.name}: {len(lost)} cases are missing, {lost[0]} first"
        if more := sorted(set(told) - expected):
            yield f"{family.name}: {len(more)} cases that were not chosen, {more[0]} first"
        if again := sorted(name for name, times in told.items() if times > 1):
            yield f"{family.name}: {len(again)} cases more than once, {again[0]} first"
        if (family.cases_told, family.names) != (len(expected), case_hash(expected)):
            yield f"{family.name}: announced {family.cases_told} cases, expected {len(expected)}, or others"


def of_kernel(log: Log, bundle: Bundle) -> Finding:
    """Return the finding on which kernel ran: the bundle's own, where the bundle booted it."""
    release = bundle.kernel["release"]
    if log.begin["mode"] == "boot" and log.begin["kernel"] != release:
        message = f"{log.begin['kernel']} ran, the bundle's kernel is {release}"
        return Finding(KERNEL, KIND, Verdict.UNDECIDED, message)
    return Finding(KERNEL, KIND, Verdict.PASS, f"{log.begin['kernel']} ran at L0")


def of_splats(text: str) -> Finding:
    """Return the finding on what L0's kernel said, in the whole log or in a family's part."""
    splats = find_splats(text)
    if not splats:
        return Finding("no-splat-l0", "console", Verdict.PASS, "L0's console has no splat")
    message = "\n".join((headline(splats), *splats[0].excerpt))
    key = splats[0].key.to_bindings()
    return Finding("no-splat-l0", "console", Verdict.FAIL, message, bindings=key)


def of_absent(log: Log) -> Finding:
    """Return the finding on families of which no case applies to this machine: they have no cell."""
    told = []
    for family in log.families:
        if is_absent(family):
            whys = Counter(case.line.why.removeprefix("why=") for case in family.cases if case.line)
            told.append(f"{family.name} ({', '.join(f'{n} {why}' for why, n in sorted(whys.items()))})")
    if log.refused:
        return Finding(ABSENT, KIND, Verdict.VACUOUS, f"nothing ran: {log.refused}")
    if log.families and len(told) == len(log.families):
        return Finding(ABSENT, KIND, Verdict.VACUOUS, f"no case applies to this machine: {'; '.join(told)}")
    message = (
        f"no case applies of {len(told)} families: {'; '.join(told)}" if told else "every family applies"
    )
    return Finding(ABSENT, KIND, Verdict.PASS, message)


def of_observable(log: Log) -> Finding:
    """Return the finding of a self-test on what this machine can show: cases that fail without the operation.

    Of some cases nvh-litmus says beforehand that a model would hide a missing TLBI (``not-observable``).
    Which of them can be relied upon on this machine all the same: harness/litmus/observed.py.
    """
    seen = Observed()
    every = (case.line for family in log.families for case in family.cases if case.line)
    seen.add(every, log.begin["self-test"])
    told = []
    for family in log.families:
        lines = [case.line for case in family.cases if case.line and case.line.obliged]
        able = [line for line in lines if line.verdict == "pass"]
        beforehand = [line for line in lines if line.control == NOT_OBSERVABLE]
        against = sum(seen.sees(line.case) is True for line in beforehand)
        more = f", {against} of {len(beforehand)} not-observable can be seen" if beforehand else ""
        if lines:
            told.append(f"{family.name}: {len(able)} of {len(lines)} can fail{more}")
    if not told:
        return Finding(OBSERVABLE, KIND, Verdict.VACUOUS, "no case obliges the operation to anything")
    return Finding(OBSERVABLE, KIND, Verdict.PASS, "; ".join(told))


def is_absent(family: Family) -> bool:
    """Whether every case of the family says that it does not apply, and nothing contradicts that."""
    lines = [case.line for case in family.cases]
    if not lines or not all(line is not None and line.verdict == "not-applicable" for line in lines):
        return False
    return len(lines) == family.cases_told and not list(_unlikely(family))


def of_family(family: Family) -> Iterator[Finding]:
    """Yield the findings on one family: every case that did not pass, the sum, and the population."""
    bad = [case for case in family.cases if _verdict(case) is not Verdict.PASS]
    for case in bad[:TOLD_MOST]:
        yield Finding(case.name, KIND, _verdict(case), _what(case))
    counts = family.counts
    words = ", ".join(f"{count} {word}" for word, count in counts.items())
    lacking = family.cases_told - len(family.cases)
    if lacking or any(case.kind != RAN for case in family.cases):
        cut = sum(case.kind == CUT for case in family.cases)
        lost = sum(case.kind == LOST for case in family.cases) + max(0, lacking)
        message = f"of {family.cases_told} cases {cut} did not run and {lost} did not end ({words})"
        yield Finding(CASES, KIND, Verdict.UNDECIDED, message)
    elif len(bad) > TOLD_MOST:
        worst = max((_verdict(case) for case in bad[TOLD_MOST:]), key=lambda verdict: verdict.rank)
        yield Finding(CASES, KIND, worst, f"{len(bad) - TOLD_MOST} more cases did not pass ({words})")
    else:
        yield Finding(CASES, KIND, Verdict.PASS, f"{family.cases_told} cases ended: {words}")
    yield of_population(family)


def _verdict(case: KtapRun) -> Verdict:
    if case.line is None:
        return Verdict.UNDECIDED
    if case.line.verdict in ("pass", "not-applicable"):
        return Verdict.PASS
    return Verdict.VACUOUS if case.line.verdict in ("vacuous", "unable-to-fail") else Verdict.FAIL


def _what(case: KtapRun) -> str:
    if case.line is None:
        return "the time was up before it began" if case.kind == CUT else f"it did not end: {case.text}"
    return f"{case.line.verdict}, control {case.line.control}: {case.line.why or case.text}"


def of_population(family: Family) -> Finding:
    """Return the finding on what the family's run consisted of (docs/populations.md)."""
    wrong = [(Verdict.UNDECIDED, why) for why in _unlikely(family)]
    seen = family.population
    if seen is None:
        wrong.append((Verdict.UNDECIDED, "no population: nvh-litmus did not get to its end"))
    else:
        text = "\n".join(case.text for case in family.cases if case.kind == RAN)
        wrong += [(Verdict.FAIL, f"it contradicts itself: {each}") for each in contradictions(seen, text)]
        if seen.worst > WORST and not seen.vacuous:
            lost = f"the control of {seen.worst_case} was lost {seen.worst - 1} times of {seen.worst}"
            wrong.append(
                (Verdict.UNDECIDED, f"{lost}: what takes it away hides a missing invalidation as often")
            )
        if seen.judged == 0:
            wrong.append((Verdict.VACUOUS, "no case was judged"))
    if family.status not in (0, 1, STATUS_LOST):
        wrong.append((Verdict.UNDECIDED, f"nvh-litmus ended with status {family.status}"))
    evidence = Counter(word for case in family.cases if case.line and (word := evidence_of(case.line)))
    about = ", ".join(f"{count} {word}" for word, count in sorted(evidence.items())) or "nothing"
    if wrong:
        verdict = max((each for each, _ in wrong), key=lambda verdict: verdict.rank)
        return Finding(POPULATION, KIND, verdict, "; ".join(why for _, why in wrong))
    return Finding(POPULATION, KIND, Verdict.PASS, f"judged on this evidence: {about}")


def _unlikely(family: Family) -> Iterator[str]:
    """Reasons for which cases did not apply that the machine's features contradict."""
    if family.population is None:
        return
    features = family.population.features.split(",")
    if features == ["unknown"]:  # no VM was made: of a family that needs what the host's KVM lacks
        return
    reasons = Counter(
        case.line.why.removeprefix("why=")
        for case in family.cases
        if case.line and case.line.verdict == "not-applicable"
    )
    for why, count in sorted(reasons.items()):
        if why in WITHOUT:
            continue
        if why not in NEEDS:
            yield f"{count} cases not applicable for an unknown reason: {why}"
        elif NEEDS[why] in features:
            yield f"{count} cases not applicable because {why}, but the machine has {NEEDS[why]}"
