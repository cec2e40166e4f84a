# SPDX-License-Identifier: GPL-2.0-only
"""What cells are known to reach in L0's kernel, kept in the store and added to whenever coverage is recorded.

One record for all kernels, by the names of functions: a series has a new kernel at each of its patches, and
cells reach the same functions on all of them but for what the series changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.host.cache import Store, write_atomic
from harness.trace.executed.counts import Trace
from harness.trace.executed.symbols import KernelText

FILE = "reached.json"
FORMAT = 2
MOST_CELLS = 2000

Reached = Mapping[str, frozenset[str]]
"""Cell to functions of L0."""


def load(store: Store) -> dict[str, frozenset[str]]:
    """Return the record; nothing where there is none, or one of another format."""
    try:
        return _unpacked(json.loads((store.root / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}


def remember(store: Store, traces: Mapping[str, Trace], symbols: KernelText) -> dict[str, frozenset[str]]:
    """Add what the cells of ``traces`` reached; returns the record. The oldest go beyond ``MOST_CELLS``."""
    with store.lock(FILE):
        known = load(store)
        for cell, trace in traces.items():
            known.pop(cell, None)
            known[cell] = frozenset(symbols.functions(trace.addresses()))
        known = dict(list(known.items())[-MOST_CELLS:])
        write_atomic(store.root / FILE, json.dumps(_packed(known)))
    return known


def _packed(known: Reached) -> dict[str, Any]:
    names = sorted(frozenset().union(*known.values())) if known else []
    places = {name: place for place, name in enumerate(names)}
    cells = {cell: sorted(places[name] for name in each) for cell, each in known.items()}
    return {"format": FORMAT, "functions": names, "cells": cells}


def _unpacked(data: Any) -> dict[str, frozenset[str]]:
    if data["format"] != FORMAT:
        return {}
    names = [str(name) for name in data["functions"]]
    return {str(cell): frozenset(names[place] for place in each) for cell, each in data["cells"].items()}
