# SPDX-License-Identifier: GPL-2.0-only
"""Making foreign text safe to store, to print and to put into XML.

Console output and error messages reach a report from guests and from programs under test, so any of them
may hold escape sequences, NUL bytes, lone surrogates, or ten megabytes of one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

TEXT_LIMIT = 8192
"""Longest stored text in characters: messages, commands, reasons, values."""
LINE_LIMIT = 1024
"""Longest stored context line in characters."""
CONTEXT_LIMIT = 200
"""Most context lines a finding keeps."""

# C0 and C1 controls, DEL, and the characters that reorder or hide text on a terminal (bidi, zero width).
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
# The complement of XML 1.0's Char production (W3C XML 1.0 fifth edition, 2.2).
_XML_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clip(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return ``text`` cut to at most ``limit`` characters with a mark of it, valid as UTF-8.

    From ``LINE_LIMIT`` up the mark tells the whole length.
    """
    if len(text) > limit:
        mark = f" … [{len(text)} characters, cut]" if limit >= LINE_LIMIT else "…"
        text = text[: max(0, limit - len(mark))] + mark
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def printable(text: str) -> str:
    """Return ``text`` with control and reordering characters written as ``\\x1b``; keeps tab, newline."""
    return _CONTROL.sub(_visible, text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = LINE_LIMIT) -> str:
    """Return ``text`` printable, on one line, at most ``limit`` characters."""
    return clip(printable(" ".join(clip(text).split())), limit)


def some(texts: Iterable[str], most: int) -> str:
    """Return the first ``most`` of ``texts`` in a row, and how many more there are."""
    every = list(texts)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def xml(text: str) -> str:
    """Return ``text`` without the characters XML 1.0 cannot hold; they become visible escapes."""
    return _XML_ILLEGAL.sub(_visible, printable(text))


def broken(name: str, width: int) -> str:
    """Return an id in lines of at most ``width`` columns, broken behind ``[`` ``,`` and else ``-`` or ``/``.

    A word that is longer stays whole: who prints it folds it.
    """
    lines = [""]
    for part in re.split(r"(?<=[\[,])", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        for word in [part] if len(part) <= width else re.split(r"(?<=[-/=])", part):
            if lines[-1] and len(lines[-1]) + len(word) > width:
                lines.append("")
            lines[-1] += word
    return "\n".join(lines)


def seconds(value: float) -> str:
    """Return a duration in seconds for people: ``0.4 s``, ``12.3 s``, ``4 min 05 s``, ``1 h 02 min``."""
    if value < 99.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
