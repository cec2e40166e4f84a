# SPDX-License-Identifier: GPL-2.0-only
"""A toy kernel as a base, and patches of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.accept.base import Base, open_base
from tests.artefacts.kernel.toy import AFTER_FORK, FORK, NEW, Toy, mail

THREE = (mail(FORK, "1/3", "First"), mail(AFTER_FORK, "2/3", "Second"), mail(NEW, "3/3", "Third"))


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """Return a fresh toy kernel with a store and a payload of its own."""
    return Toy(tmp_path)


@pytest.fixture
def base(toy: Toy) -> Base:
    """Return the toy kernel as a base."""
    toy.write()
    return open_base(str(toy.file), toy.store, toy.say)


@pytest.fixture
def box(tmp_path: Path) -> Callable[..., Path]:
    """Return what writes mails into one file."""

    def write(*mails: str, name: str = "series.mbox") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(mails))
        return path

    return write
