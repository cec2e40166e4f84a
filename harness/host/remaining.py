# SPDX-License-Identifier: GPL-2.0-only
"""A note of progress that knows how long its work goes on."""

from __future__ import annotations


class Remaining(str):
    """Words for people, and the ``seconds`` that are left."""

    __slots__ = ("seconds",)
    seconds: float

    @classmethod
    def of(cls, words: str, seconds: float) -> Remaining:
        """Return ``words`` with that time."""
        made = cls(words)
        made.seconds = seconds
        return made


def under(what: str, note: str) -> str:
    """Return ``what: note``, with the note's time if it has one."""
    words = f"{what}: {note}"
    return Remaining.of(words, note.seconds) if isinstance(note, Remaining) else words
