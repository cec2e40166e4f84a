# SPDX-License-Identifier: GPL-2.0-only
"""``python -m tests.arch.enumerate [--full]``: the reference against the independent oracle, question by
question.

Prints how many questions were asked and how many answers differ; exit status 1 when one does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

from harness.arch.library import Answer, library
from tests.arch.domain import Group, Reference, expected, groups


def describe(group: Group, at: int, ours: int, theirs: int) -> str:
    """One question whose answers differ."""
    pe, held = group.pes[at // len(group.held)], group.held[at % len(group.held)]
    words = f"reference {Answer(ours).name}, oracle {Answer(theirs).name}"
    return f"{group.operation.name} {group.xt:#x}: {words}\n  {pe}\n  {held}"


def compare(reference: Reference, asked: Iterable[Group], limit: int = 20) -> tuple[int, int, list[str]]:
    """How many questions, how many differences, and the first of them in words."""
    questions = differences = 0
    told: list[str] = []
    for group in asked:
        ours, theirs = reference.answers(group), expected(group)
        questions += group.questions
        if ours == theirs:
            continue
        wrong = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
        differences += len(wrong)
        told += [describe(group, i, ours[i], theirs[i]) for i in wrong[: limit - len(told)]]
    return questions, differences, told


def main() -> int:
    """Ask, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="every operation and more values (minutes)")
    full = parser.parse_args().full
    begun = time.monotonic()
    questions, differences, told = compare(Reference(library()), groups(full))
    print("\n".join(told), end="\n" if told else "")
    print(f"{questions} questions, {differences} differences, {time.monotonic() - begun:.1f} s")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
