# SPDX-License-Identifier: GPL-2.0-only
"""The formats of ``nvh trace show``; a new one is a module and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

from harness.trace.export import casemate, html, jsonl, perfetto
from harness.trace.export import plain as text
from harness.trace.export.view import View

Writer = Callable[[View, IO[bytes]], list[str]]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """``write`` puts a view into a binary stream and returns notes on what could not be said in it.

    ``binary`` ones are not for a terminal. ``suffix`` is that of the file, without a dot.
    """

    write: Writer
    suffix: str
    binary: bool = False


def _text(view: View, stream: IO[bytes]) -> list[str]:
    stream.writelines(f"{line}\n".encode("utf-8", "replace") for line in text.write(view))
    return []


def _json(view: View, stream: IO[bytes]) -> list[str]:
    stream.writelines(f"{line}\n".encode() for line in jsonl.write(view.timeline))
    return []


FORMATS: Mapping[str, ExportFormat] = {
    "text": ExportFormat(_text, "txt"),
    "json": ExportFormat(_json, "jsonl"),
    "perfetto": ExportFormat(perfetto.write, "pftrace", binary=True),
    "casemate": ExportFormat(casemate.write, "casemate"),
    "html": ExportFormat(html.write, "html"),
}
