# SPDX-License-Identifier: GPL-2.0-only
"""The protocol between the driver and whatever runs cells. A backend is one module and one row of
``BACKENDS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.nightly.farm.messages import AttemptEnding, AttemptOrder


@dataclass(frozen=True, slots=True)
class News:
    """What a backend reports of the cell ``key``: ``began``, ``stage``, or ``ended`` with its ``ending``."""

    key: str
    what: str
    text: str = ""
    ending: AttemptEnding | None = None


BEGAN, STAGE, ENDED = "began", "stage", "ended"


class Backend(Protocol):
    """Runs orders somewhere. Every order that was taken ends in exactly one ``ended``.

    All calls come from one thread. Errors that concern one cell are its ending; what a call raises ends the
    run.
    """

    @property
    def name(self) -> str:
        """The name under which a plan's run records it."""

    @property
    def slots(self) -> int:
        """How many cells probably run at once; the driver's estimate of the end needs it."""

    @property
    def window(self) -> int | None:
        """How many orders to hand over before the first ends, so that no slot waits; None: all."""

    def submit(self, order: AttemptOrder) -> str:
        """Take an order; returns what ``adopt`` needs to find it again after the driver has died, or ''."""

    def flush(self) -> None:
        """Make sure that what was submitted is on its way."""

    def adopt(self, order: AttemptOrder, token: str) -> bool:
        """Take over an order that an earlier driver submitted and that still waits or runs, without beginning
        it twice; False if it is gone. ``token`` is '' when that driver died in the middle of ``submit``.
        """

    def cancel(self, key: str) -> None:
        """End a cell, whether it runs or waits; its ``ended`` follows when it really has."""

    def poll(self, timeout_s: float) -> list[News]:
        """Return what happened, after at most ``timeout_s`` seconds."""

    def close(self) -> None:
        """End what still runs, and let go of everything."""
