# SPDX-License-Identifier: GPL-2.0-only
"""What a source of kernels is. A new kind is one class and one row in spec.SOURCES."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from harness.host.cache import Json, Store

UNPACK_TIMEOUT_S = 1200


class Resolved(Protocol):
    """A source whose exact content is known.

    ``identity`` goes into the cache key; ``label`` is for people. ``replaces`` says that ``fill`` needs an
    empty directory; otherwise it updates the one it filled last time and touches only what changed.
    """

    identity: dict[str, Json]
    label: str
    replaces: bool

    def fill(self, tree: Path, state: Path, log: Path) -> dict[str, Json]:
        """Put the content into ``tree``; ``state`` is a directory kept beside it. Returns provenance."""
        ...


class KernelSource(Protocol):
    """What a kernel file's ``source:`` says; ``resolve`` finds out the exact content."""

    KIND: ClassVar[str]
    SCHEMA: ClassVar[Mapping[str, Any]]

    @classmethod
    def parse(cls, data: Mapping[str, Any], base: Path) -> KernelSource:
        """Build from the checked YAML mapping; relative paths are relative to ``base``."""
        ...

    def slot(self) -> Json:
        """Return what identifies the build tree that this source reuses."""
        ...

    def resolve(self, store: Store) -> Resolved:
        """Find out the exact content; ``UserError`` when there is none."""
        ...


def located(text: str, base: Path) -> Path:
    """Return the path written in a file of directory ``base``."""
    return (base / Path(text).expanduser()).absolute()


def strings(*required: str, **optional: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a mapping with string values and some other optional keys."""
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": {**{name: {"type": "string", "minLength": 1} for name in required}, **optional},
    }


SUITES = {"type": "array", "minItems": 1, "items": {"type": "string"}}
