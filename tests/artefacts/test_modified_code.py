# SPDX-License-Identifier: GPL-2.0-only
"""Code that one PE modifies while another executes it: with a thread for each PE, and with PEs in turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.artefacts import modified_code
from harness.artefacts.bare_suites import MODIFIED, build_model_suite
from harness.artefacts.model import build_model, load_model
from harness.check import model_defects
from harness.check.answers import failures
from harness.host.cache import Store


@pytest.mark.real
@pytest.mark.parametrize("timing", ["icount", "mttcg"])
def test_the_shipped_model_executes_old_code_as_is_known_and_with_threads_alone(
    tmp_path: Path, timing: str
) -> None:
    store = Store()
    model = build_model(load_model("qemu"), store, lambda _: None)
    found = modified_code.execute(model, build_model_suite(store).path / MODIFIED, timing, tmp_path)
    assert found.failed == ""
    assert found.rounds
    wrong = failures(found.said)
    assert timing == "mttcg" or not wrong  # PEs that take turns cannot fail
    assert model_defects.known(wrong, model.version, model_defects.load())[0] == ()
