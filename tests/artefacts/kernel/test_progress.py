# SPDX-License-Identifier: GPL-2.0-only
"""How far a build is, in words, and for a first build also how long it still takes."""

from __future__ import annotations

import pytest

from harness.artefacts.kernel.make import how_far
from harness.host.remaining import Remaining, under


@pytest.mark.parametrize(
    ("done", "files", "seconds", "text"),
    [
        (150, 0, 60.0, "150 files compiled"),
        (0, 1000, 5.0, "0 of about 1000 files compiled"),
        (49, 1000, 5.0, "49 of about 1000 files compiled"),
        (250, 1000, 60.0, "250 of about 1000 files compiled, about 3 min left"),
        (950, 1000, 60.0, "950 of about 1000 files compiled, less than a minute left"),
        (1050, 1000, 60.0, "1050 of about 1050 files compiled"),
    ],
)
def test_how_far(done: int, files: int, seconds: float, text: str) -> None:
    assert how_far(done, files, seconds) == text


def test_the_time_that_is_left_goes_with_the_words() -> None:
    note = under("kernel nv", how_far(250, 1000, 60.0))
    assert note == "kernel nv: 250 of about 1000 files compiled, about 3 min left"
    assert isinstance(note, Remaining)
    assert note.seconds == 180.0
    assert not isinstance(under("kernel nv", how_far(0, 1000, 5.0)), Remaining)
