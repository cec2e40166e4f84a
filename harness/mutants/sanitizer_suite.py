# SPDX-License-Identifier: GPL-2.0-only
"""The sanitizer's own proof: a bare-metal program that breaks each rule of TLB maintenance on purpose.

``python -m harness.mutants.sanitizer_suite [MODEL...]`` runs it on models and prints the table of
docs/sanitizer.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.bare_suites import SANITIZER, build_sanitizer_suite
from harness.artefacts.model import Model, build_model, load_model
from harness.artefacts.plugin import Plugins, plugins_for
from harness.check.sanitizer.counters import SanitizerCounters, read_state
from harness.check.sanitizer.reports import SanitizerReport, read_reports
from harness.check.sanitizer.to_finding import COUNTERS, REPORTS
from harness.errors import InfraError
from harness.host import command
from harness.host.cache import Store
from harness.machine.qemu import Plugin

PLUGIN = "nvh-sanitizer"
MEMORY_MIB = 128
DEADLINE_S = 120
MOST_REPORTS = 1000
EL2_WINDOW = 1 << 32
"""EL2_VA of suite.h: the cases of EL2's regime have pages of their own from here on, counted from 1."""

SEEN = {"old": "stale", "new": "**masked**", "fault": "**masked**"}
"""What the victim of a wrong program saw on the model: the old page, or what the tables say."""


@dataclass(frozen=True, slots=True)
class SuiteCase:
    """One case. ``breaks``: the rule, empty for one that is done right; ``expected``, ``found``: report keys.

    ``seen``: what the victim came to on the model: ``old``, ``new`` or ``fault``.
    """

    name: str
    breaks: str
    expected: tuple[str, ...]
    found: tuple[str, ...]
    seen: str

    @property
    def right(self) -> bool:
        """Whether exactly what was expected has been reported."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class SuiteOutcome:
    """One run of the suite. ``stray``: reports that belong to no case."""

    cases: tuple[SuiteCase, ...]
    stray: tuple[SanitizerReport, ...]
    state: SanitizerCounters


def run(
    model: Model, plugins: Plugins, program: Path, timing: str, directory: Path, leave_out: int = 0
) -> SuiteOutcome:
    """Run the program on the bare model in ``directory``; ``InfraError`` when it does not come to its end.

    ``leave_out``: the self-test that takes every n-th operation for EL1&0 as not executed.
    """
    options = [("out", REPORTS), ("ram", str(MEMORY_MIB << 20)), ("el2", "on"), ("max", str(MOST_REPORTS))]
    options += [("leave-out", str(leave_out))] if leave_out else []
    options += [] if model.deterministic(timing) else [("parallel", "on")]
    plugin = Plugin(plugins.file(PLUGIN), tuple(options))
    words = [*model.launcher, *model.flags(timing), "-smp", "2", "-m", f"{MEMORY_MIB}M", "-display", "none"]
    words += ["-nodefaults", "-no-user-config", "-monitor", "none", "-no-reboot", "-serial", "stdio"]
    words += ["-kernel", str(program), "-plugin", plugin.argument]
    done = command.run(words, timeout_s=DEADLINE_S, env=model.environment, cwd=directory, check=False)
    lines = [line.strip() for line in done.stdout.splitlines()]
    if done.returncode != 0 or "done" not in lines:
        raise InfraError(f"the suite did not end on {model.spec.name}: {done.stdout[-2000:]}", done.stdout)
    reports, state = read_reports(directory / REPORTS), read_state(directory / COUNTERS)
    cases, stray = match([line for line in lines if line.startswith("case ")], reports)
    return SuiteOutcome(cases, stray, state)


def match(
    lines: Sequence[str], reports: Iterable[SanitizerReport]
) -> tuple[tuple[SuiteCase, ...], tuple[SanitizerReport, ...]]:
    """Give each case its reports: by VMID, those of EL2's regime by page; returns the rest, too."""
    by_vmid: dict[int, list[SanitizerReport]] = defaultdict(list)
    by_page: dict[int, list[SanitizerReport]] = defaultdict(list)
    for report in reports:
        entry = report.data.get("entry", {"regime": ""})
        if entry["regime"] == "el2":
            by_page[(int(entry["page"], 16) - EL2_WINDOW) >> 12].append(report)
        else:
            by_vmid[report.vmid].append(report)
    cases, pages = [], 0
    for line in lines:
        number, name, breaks, expected, seen = line.removeprefix("case ").split("|")
        own = by_vmid.pop(int(number), [])
        if name.startswith(("el2", "vncr")):
            pages += 1
            own += by_page.pop(pages, [])
        found = tuple(sorted({report.key for report in own}))
        cases.append(SuiteCase(name, breaks, tuple(expected.split()), found, seen))
    stray = [report for group in (*by_vmid.values(), *by_page.values()) for report in group]
    return tuple(cases), tuple(stray)


def table(outcomes: Mapping[str, SuiteOutcome]) -> Iterator[str]:
    """Yield the wrong programs as a table in Markdown: what each model shows, and what is reported."""
    models = list(outcomes)
    yield f"| case | what is wrong | {' | '.join(f'plain {name}' for name in models)} | the sanitizer |"
    yield "|" + "---|" * (3 + len(models))
    for number, case in enumerate(outcomes[models[0]].cases):
        if case.breaks:
            seen = " | ".join(SEEN[outcomes[name].cases[number].seen] for name in models)
            found = ", ".join(f"`{key}`" for key in case.found) or "nothing"
            yield f"| `{case.name}` | {case.breaks} | {seen} | {found} |"


def main(names: Sequence[str]) -> int:
    """Run on each model and print the table; 1 when a case was not reported as it must be."""
    store, outcomes = Store(), {}
    program = build_sanitizer_suite(store, lambda _: None).path / SANITIZER
    for name in names or ("qemu", "qemu-10.0"):
        model = build_model(load_model(name), store, lambda _: None)
        plugins = plugins_for(model, store, lambda _: None)
        with tempfile.TemporaryDirectory() as place:
            outcomes[name] = run(model, plugins, program, "icount", Path(place))
    print("\n".join(table(outcomes)))
    wrong = [(name, each) for name, outcome in outcomes.items() for each in outcome.cases if not each.right]
    for name, each in wrong:
        print(f"{name}: {each.name}: expected {each.expected}, found {each.found}", file=sys.stderr)
    return 1 if wrong or any(outcome.stray for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
