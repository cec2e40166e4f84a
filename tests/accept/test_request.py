# SPDX-License-Identifier: GPL-2.0-only
"""An acceptance that was interrupted goes on as what it began as, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.accept import request
from harness.errors import InfraError, UserError


def test_what_it_began_as(tmp_path: Path) -> None:
    begun = request.BegunAs(
        ("accept", "a.mbox", "--select", "x*"), "/somewhere", request.digest([b"1", b"2"])
    )
    request.note(tmp_path, begun)
    assert request.begun(tmp_path) == begun
    request.check_series(tmp_path, [b"1", b"2"])


@pytest.mark.parametrize("patches", [[b"1"], [b"2", b"1"], [b"12"], [b"1", b"2", b""]])
def test_another_series_does_not_go_on(tmp_path: Path, patches: list[bytes]) -> None:
    request.note(tmp_path, request.BegunAs((), "/", request.digest([b"1", b"2"])))
    with pytest.raises(UserError, match=r"not the one that the acceptance .* began with"):
        request.check_series(tmp_path, patches)


def test_what_is_no_acceptance(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no acceptance that began"):
        request.begun(tmp_path)
    (tmp_path / request.FILE).write_text("{}")
    with pytest.raises(InfraError, match="damaged"):
        request.begun(tmp_path)
