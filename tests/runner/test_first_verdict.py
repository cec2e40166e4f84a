# SPDX-License-Identifier: GPL-2.0-only
"""While a run's kernel is built, nvh says when to expect the first verdict, also the first time."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.host.cache import Store
from harness.host.remaining import Remaining
from harness.report.progress import Progress
from harness.runner import prepare
from harness.runner.prepare import Builder


@pytest.mark.parametrize(
    ("then_s", "says"),
    [(60.0, "about 3 min left, first verdict in about 4 min"), (None, "about 3 min left (")],
)
def test_when_the_first_verdict_comes(
    then_s: float | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(_: object, __: Store, ___: Path, say: Callable[[str], None]) -> Any:
        say("configuring")
        say(Remaining.of("about 3 min left", 180.0))

    monkeypatch.setattr(prepare, "build_kernel", build)
    said = io.StringIO()
    with Progress(Console(file=said, width=200), live=False, update_s=0.0) as progress:
        Builder(Store(tmp_path), progress, then_s=then_s).kernel("nv")
    assert says in said.getvalue()
    assert "configuring (" in said.getvalue()
