# SPDX-License-Identifier: GPL-2.0-only
"""From the results of cells to what became of each mutant, and whether that is as expected."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import EXIT_RED
from harness.report.results import CellResult
from harness.scenario.mutants import Mutant
from harness.verdict import Verdict, worst


class MutantFate(enum.Enum):
    """What became of a mutant.

    ``UNDECIDED``: no killer failed, and one of them gave no verdict about it, with the fault or without.
    """

    KILLED = "killed"
    SURVIVED = "survived"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Trial:
    """One killer: its result with the mutant on, and with none (the control)."""

    killer: str
    result: CellResult
    control: CellResult

    @property
    def killed(self) -> bool:
        """Whether this scenario tells the kernel with the injected fault from the correct one."""
        return self.result.verdict is Verdict.FAIL and self.control.verdict is Verdict.PASS

    @property
    def decided(self) -> bool:
        """Whether both runs came to a verdict, and the right kernel's is green."""
        return self.control.verdict is Verdict.PASS and self.result.verdict in (Verdict.PASS, Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class MutantOutcome:
    """A mutant and its trials."""

    mutant: Mutant
    trials: tuple[Trial, ...]

    @property
    def fate(self) -> MutantFate:
        """One killer is enough; all must have passed for a survivor."""
        if any(trial.killed for trial in self.trials):
            return MutantFate.KILLED
        return MutantFate.SURVIVED if all(trial.decided for trial in self.trials) else MutantFate.UNDECIDED

    @property
    def expected(self) -> MutantFate:
        """What the table says: a mutant with an explanation survives."""
        return MutantFate.SURVIVED if self.mutant.survives else MutantFate.KILLED

    @property
    def as_expected(self) -> bool:
        """Whether table and run agree."""
        return self.fate is self.expected

    @property
    def weight(self) -> Verdict:
        """What it counts for in the exit status: another fate than the table's is a failure, none is not."""
        if self.as_expected:
            return Verdict.PASS
        if self.fate is not MutantFate.UNDECIDED:
            return Verdict.FAIL
        lost = any(Verdict.INFRA in (each.result.verdict, each.control.verdict) for each in self.trials)
        return Verdict.INFRA if lost else Verdict.UNDECIDED

    @property
    def killed_by(self) -> tuple[str, ...]:
        """The killers that failed."""
        return tuple(trial.killer for trial in self.trials if trial.killed)

    @property
    def why(self) -> str:
        """What the first killer said, or a survivor's explanation, or what kept it from being decided."""
        for trial in self.trials:
            if trial.killed:
                return trial.result.headline
        if self.fate is MutantFate.SURVIVED:
            return self.mutant.survives or "no killer noticed it, and the table has no explanation"
        for trial in self.trials:
            if trial.control.verdict is not Verdict.PASS:
                return f"{trial.killer} is {trial.control.verdict.value} without it: {trial.control.headline}"
            if not trial.decided:
                return f"{trial.killer} is {trial.result.verdict.value}: {trial.result.headline}"
        return ""

    @property
    def seconds(self) -> float:
        """Wall-clock time of its cells, without the controls."""
        return sum(trial.result.seconds for trial in self.trials)


@dataclass(frozen=True, slots=True)
class MutantReport:
    """All outcomes, the controls, and how long everything took (``seconds``, wall clock)."""

    outcomes: tuple[MutantOutcome, ...]
    controls: Mapping[str, CellResult]
    seconds: float

    @property
    def red_controls(self) -> tuple[str, ...]:
        """The killers that are not green on the right kernel."""
        return tuple(name for name, cell in self.controls.items() if cell.verdict is not Verdict.PASS)

    @property
    def exit_status(self) -> int:
        """0 when every mutant met the fate that the table gives it and every control is green.

        Else that of the worst of them, as everywhere (docs/verdicts.md): 3 where nothing is wrong but that
        infrastructure left a mutant or a control without a verdict. 1 when there is no mutant.
        """
        if not self.outcomes:
            return EXIT_RED
        controls = (cell.verdict for cell in self.controls.values())
        return worst((*controls, *(outcome.weight for outcome in self.outcomes))).exit_status

    def count(self, fate: MutantFate) -> int:
        """How many mutants met ``fate``."""
        return sum(outcome.fate is fate for outcome in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready (docs/mutants.md)."""
        return {
            "seconds": round(self.seconds, 3),
            "exit_status": self.exit_status,
            "counts": {fate.value: self.count(fate) for fate in MutantFate},
            "controls": {
                name: {"verdict": cell.verdict.value, "why": cell.headline, "seconds": cell.seconds}
                for name, cell in self.controls.items()
            },
            "mutants": [
                {
                    "mutant": outcome.mutant.name,
                    "fault": outcome.mutant.fault,
                    "at": outcome.mutant.at,
                    "outcome": outcome.fate.value,
                    "expected": outcome.expected.value,
                    "as_expected": outcome.as_expected,
                    "killed_by": list(outcome.killed_by),
                    "why": outcome.why,
                    "survives": outcome.mutant.survives,
                    "seconds": round(outcome.seconds, 3),
                    "trials": [
                        {
                            "killer": trial.killer,
                            "verdict": trial.result.verdict.value,
                            "control": trial.control.verdict.value,
                            "command": trial.result.command,
                        }
                        for trial in outcome.trials
                    ],
                }
                for outcome in self.outcomes
            ],
        }


def judge(
    mutants: Sequence[Mutant], results: Mapping[tuple[str, str], CellResult], seconds: float
) -> MutantReport:
    """Return the report; ``results`` has each killer by (killer, mutant), and with mutant ``none``."""
    controls = {killer: result for (killer, mutant), result in results.items() if mutant == "none"}
    outcomes = tuple(
        MutantOutcome(mutant, tuple(Trial(k, results[k, mutant.name], controls[k]) for k in mutant.killers))
        for mutant in mutants
    )
    return MutantReport(outcomes, controls, seconds)
