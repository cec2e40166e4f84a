# SPDX-License-Identifier: GPL-2.0-only
"""Mails out of a file: an mbox, one saved mail, a page saved from an archive, or a bare diff."""

from __future__ import annotations

import email
import email.header
import email.policy
import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.kernel.patch import Patch
from harness.errors import InputError, Location, Problem, UserError

_FROM_LINE = re.compile(rb"^From \S+ .*\d:\d\d:\d\d .*\d{4}.*$", re.M)
"""What separates mails has a time of day and a year, as for git mailsplit: texts, too, have lines that begin
with "From " and end in a year."""
_HEADER = re.compile(rb"^[A-Za-z][A-Za-z0-9-]*:(?: .*| ?)$")
_DIFF = re.compile(r"^(?:diff --git \S|--- \S+[\t\n].*\n?\+\+\+ \S)", re.M)
_TAG = re.compile(r"\[([^\]]*)\]")
_REPLY = re.compile(r"^\s*(?:re|aw|fwd|fw|sv)\s*:", re.I)
PREAMBLE_LINES = 60
"""How many lines of an archive's page may stand before the mail's header."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail or bare diff. ``part`` of ``total`` and ``version`` are those of ``[PATCH v2 3/5]``.

    ``title`` is the subject without its tags; ``patch`` has a diff exactly when ``has_diff``.
    """

    where: Location
    subject: str
    title: str
    patch: Patch
    has_diff: bool
    version: int = 1
    part: int | None = None
    total: int | None = None
    reply: bool = False

    @property
    def label(self) -> str:
        """The patch as people call it: ``v2 3/5 'title'``."""
        number = f"v{self.version} {self.part}/{self.total} " if self.part is not None else ""
        return f"{number}{self.title!r}"


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unpacked from gzip; ``UserError`` when it is unreadable."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}; name a readable file"
        ) from error


def read_mails(path: Path, strip: int = 1) -> list[Mail]:
    """Return every mail of the file in its order; a file that begins with a diff is one patch without a mail.

    ``InputError`` when it holds neither.
    """
    data = read_bytes(path)
    starts = [match.start() for match in _FROM_LINE.finditer(data)]
    if starts and not data[: starts[0]].strip():
        ends = [*starts[1:], len(data)]
        return [_mail(path, data, start, end, strip) for start, end in zip(starts, ends, strict=True)]
    if (start := _header_start(data)) is not None:
        return [_mail(path, data, start, len(data), strip)]
    text = data.decode("utf-8", "replace")
    if b"\0" not in data and _DIFF.search(text):
        name = path.name
        return [Mail(Location(str(path)), name, name, Patch(name, data, False, strip), True)]
    raise InputError([Problem(Location(str(path)), _found(data), "an mbox, a mail, or a diff")])


def _found(data: bytes) -> str:
    if not data.strip():
        return "an empty file"
    if b"\0" in data:
        return "binary data, no mail and no diff"
    first = data.strip().splitlines()[0].decode("utf-8", "replace")
    return f"neither mails nor a diff, but text that begins {first[:60]!r}"


def _header_start(data: bytes) -> int | None:
    """Return where a mail's header begins: a block of ``Name: value`` lines with From and Subject."""
    at, lines = 0, data.split(b"\n", PREAMBLE_LINES * 4)
    block: int | None = None
    names: set[bytes] = set()
    for number, line in enumerate(lines):
        if _HEADER.match(line.rstrip(b"\r")):
            if block is None:
                if number > PREAMBLE_LINES:
                    return None
                block, names = at, set()
            names.add(line.partition(b":")[0].lower())
        elif block is not None and line[:1] not in (b" ", b"\t"):
            if {b"from", b"subject"} <= names:
                return block
            block = None
        at += len(line) + 1
    return None


def _mail(path: Path, data: bytes, start: int, end: int, strip: int) -> Mail:
    raw = data[start:end]
    where = Location(str(path), data.count(b"\n", 0, start) + 1)
    message = email.message_from_bytes(
        raw.partition(b"\n")[2] if raw.startswith(b"From ") else raw, policy=email.policy.compat32
    )
    subject = _decoded(str(message["Subject"] or "no subject"))
    tags, title = _tags(subject)
    patch = Patch(title, raw, True, strip)
    mail = Mail(where, subject, title, patch, bool(_DIFF.search(patch.text())))
    version, part, total = 1, None, None
    for word in re.split(r"[\s,]+", tags):
        if match := re.fullmatch(r"v(\d+)", word, re.I):
            version = int(match[1])
        elif match := re.fullmatch(r"(\d+)/(\d+)", word):
            part, total = int(match[1]), int(match[2])
    return Mail(
        where,
        subject,
        title,
        patch,
        mail.has_diff,
        version,
        part,
        total,
        bool(_REPLY.match(subject)),
    )


def _decoded(subject: str) -> str:
    parts = email.header.decode_header(subject)
    words = [p.decode(c or "utf-8", "replace") if isinstance(p, bytes) else p for p, c in parts]
    return " ".join("".join(words).split())


def _tags(subject: str) -> tuple[str, str]:
    """Return the words in the leading brackets, and the subject without them."""
    tags, rest = [], subject
    while match := _TAG.match(rest.strip()):
        tags.append(match[1])
        rest = rest.strip()[match.end() :]
    return " ".join(tags), rest.strip() or subject
