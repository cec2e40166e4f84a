# SPDX-License-Identifier: GPL-2.0-only
"""The probable cause of a red cell: what two cells must share to be one line of the morning's page.

A splat outweighs assertions, because the kernel that noticed says what KVM or the model broke, and it
is the same one in the same function (``harness/check/splat.py``). A model that crashes or cannot restore what
it saved, and a level that does not boot or dies, outweigh assertions too, and are one cause whatever scenario
met them. On a model that failed its own check that night everything red is that one cause. The same assertion
of the same scenario is one cause at every point of its matrix, on every model and kernel; cells without a
judgement share a cause when the same thing stopped them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePath

from harness.check.finding import Finding
from harness.check.splat import SplatKey, find_splats
from harness.report.results import (
    BOOT,
    LEVEL,
    MODEL,
    MODEL_CHECK,
    MODEL_CRASH,
    QUARANTINE,
    RESTORE,
    SPLAT,
    WRONG_MODEL,
    CellResult,
)
from harness.report.safe_text import one_line
from harness.verdict import Verdict

TITLE_LIMIT = 300

_VOLATILE = (
    (re.compile(r"^\s*(?:<\d+>)?\[\s*\d+\.\d+\]\s*(?:\[\s*[TC]\d+\]\s*)?"), ""),  # printk's prefix
    (re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{8,}\b", re.I), "X"),
    (re.compile(r"(?<![\w+./-])/?(?:[\w.@=,-]+/)+(?=[\w.])"), ""),  # the directories of a path
    (re.compile(r"(?<![A-Za-z_0-9])\d+(?:\.\d+)?"), "N"),  # not the 2 of kvm_s2_fault
)


KINDS = ("splat", "model", "level", "assertion", "quarantine", "infrastructure")


@dataclass(frozen=True, slots=True)
class Cause:
    """``kind`` is one of ``KINDS``; ``digest`` is equal where the cause is the same."""

    digest: str
    kind: str
    title: str


def normalised(message: str) -> str:
    """Return a message without what differs from run to run: time stamps, addresses, numbers, directories."""
    text = message.strip().split("\n", 1)[0]
    for expression, instead in _VOLATILE:
        text = expression.sub(instead, text)
    return one_line(text, TITLE_LIMIT)


def _cause(kind: str, title: str, *key: str) -> Cause:
    digest = hashlib.sha256("\0".join((kind, *key)).encode("utf-8", "replace")).hexdigest()[:16]
    return Cause(digest, kind, one_line(title, TITLE_LIMIT))


def is_splat(finding: Finding) -> bool:
    """Whether a finding is that of a console with a splat on it."""
    return finding.name.startswith(SPLAT) and finding.verdict is Verdict.FAIL


def splat_key(finding: Finding) -> SplatKey | None:
    """Return what the splat of a finding is, from its bindings or else from its message; None for neither."""
    if known := SplatKey.from_bindings(finding.bindings):
        return known
    found = find_splats(finding.message)
    return found[0].key if found else None


def cause_of(cell: CellResult) -> Cause | None:
    """Return the probable cause of a cell that did not pass; None for a pass."""
    if cell.verdict is Verdict.PASS:
        return None
    if wrong := cell.facts.get(WRONG_MODEL):
        return _wrong_model(wrong)
    found = cell.leading
    if found is not None and found.name == MODEL_CHECK:
        return _wrong_model(f"{label_of(cell.model)}: {cell.headline}")
    if found is not None and found.name == MODEL and found.kind == "sanitizer":
        text = normalised(found.message)
        return _cause("model", f"the model: {text}", found.name, text)
    if found is None:
        text = normalised(cell.headline)
        if cell.verdict is Verdict.INFRA:
            return _cause("infrastructure", text, text)
        return _cause("assertion", f"{cell.scenario}: {text}", cell.scenario, cell.verdict.value, text)
    if is_splat(found):
        return _splat(found)
    if found.name in (MODEL_CRASH, RESTORE) or found.kind in (BOOT, LEVEL):
        # One cause however it went: whether a level that hangs idles or spins may differ from run to run.
        kind = "level" if found.kind in (BOOT, LEVEL) and found.name != MODEL_CRASH else "model"
        return _cause(kind, f"{found.name}: {normalised(found.message)}", found.name)
    if found.name == QUARANTINE:
        return _cause("quarantine", f"{cell.scenario}: {normalised(found.message)}", cell.scenario)
    title = f"{cell.scenario}: {found.name} ({found.kind}) is {found.verdict.value}"
    return _cause("assertion", title, cell.scenario, found.name, found.kind, found.verdict.value)


def label_of(model: str) -> str:
    """Return a model's name, of a file's path the stem."""
    return PurePath(model).stem if "/" in model else model


def _wrong_model(text: str) -> Cause:
    """All of one model are one cause: the model's name and the first thing that its check found wrong."""
    model, _, what = text.partition(": ")
    return _cause("model", f"the model {model} is wrong: {normalised(what)}", model, normalised(what))


def _splat(found: Finding) -> Cause:
    level = found.name.removeprefix(SPLAT)
    if key := splat_key(found):
        return _cause("splat", f"{level}: {key}", level, *key.same)
    text = normalised(found.message)
    return _cause("splat", f"{level}: {text}", level, text)
