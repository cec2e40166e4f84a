# SPDX-License-Identifier: GPL-2.0-only
"""The lines of a bundle's log: KTAP version 1 (Linux, Documentation/dev-tools/ktap.rst), and our own in it.

Our own are KTAP diagnostics, ``# nvh WORD … crc=XXXXXXXX``. The checksum is CRC-32 (that of zlib) over
``BUNDLE RUN TEXT``, where TEXT is the line from ``nvh`` to the space before ``crc=``: so a line of another
bundle, or of another run of the same one, does not fit.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

INDENT = "  "
VERSION = "KTAP version 1"
_OURS = re.compile(
    r"^ *(?:KTAP version |1\.\.\d|(?:not )?ok \d|# nvh |# Subtest: |# Totals: |Bail out!)",
)
_TAGGED = re.compile(r"^ *# (?P<text>nvh (?P<word>[a-z-]+)(?: (?P<rest>.*?))?) crc=(?P<crc>[0-9a-f]{8})$")
LINE_MOST = 4096
"""Characters of a line; nothing that a bundle prints is as long, and what is longer is foreign."""


@dataclass(frozen=True, slots=True)
class TaggedLine:
    """A line of the log that looks like one of a bundle. ``number`` counts the log's lines from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """A diagnostic of ours: its first word and the rest, not yet held against its checksum."""

    line: TaggedLine
    word: str
    rest: str
    text: str
    crc: str

    def fits(self, bundle: str, run: str) -> bool:
        """Whether the line came whole from this run of this bundle."""
        return crc(bundle, run, self.text) == self.crc

    @property
    def values(self) -> dict[str, str]:
        """The words ``key=value`` of the rest; of two of one key the first."""
        found: dict[str, str] = {}
        for each in self.rest.split():
            key, equals, value = each.partition("=")
            if equals:
                found.setdefault(key, value)
        return found


def crc(bundle: str, run: str, text: str) -> str:
    """Return the checksum of a line of ours, 8 hex digits."""
    return f"{zlib.crc32(f'{bundle} {run} {text}'.encode()):08x}"


def tag(bundle: str, run: str, text: str) -> str:
    """Return the diagnostic, without indentation; ``text`` begins with its word."""
    return f"# nvh {text} crc={crc(bundle, run, f'nvh {text}')}"


def lines_of(data: bytes) -> list[str]:
    """Return the lines of a captured console: any line ends, undecodable bytes replaced, no line dropped."""
    return data.decode("utf-8", "replace").replace("\r", "").split("\n")


def ours(lines: list[str]) -> Iterator[TaggedLine]:
    """Yield the lines that look like a bundle's, whole or not; everything else is somebody else's."""
    for number, text in enumerate(lines, 1):
        if len(text) <= LINE_MOST and _OURS.match(text):
            yield TaggedLine(number, text)


def tagged(line: TaggedLine) -> Tagged | None:
    """Return a line as one of ours with a checksum; None for another line, or one that lost its end."""
    match = _TAGGED.match(line.text)
    if match is None:
        return None
    return Tagged(line, match["word"], match["rest"] or "", match["text"], match["crc"])


def totals(counts: Mapping[str, int]) -> str:
    """Return KTAP's line with the sums of ``passed``, ``failed`` and ``skipped``."""
    return (
        f"# Totals: pass:{counts['passed']} fail:{counts['failed']} xfail:0 xpass:0 "
        f"skip:{counts['skipped']} error:0"
    )


def total(lines: Iterable[str]) -> str:
    """Return the checksum of lines without their indentation, 8 hex digits."""
    text = "".join(line.strip() + "\n" for line in lines)
    return f"{zlib.crc32(text.encode()):08x}"
