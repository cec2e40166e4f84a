# SPDX-License-Identifier: GPL-2.0-only
"""A mailbox falls into the mails that git mailsplit makes of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.artefacts.kernel.mail import read_mails
from tests.artefacts.kernel.toy import FORK, NEW, mail

BODIES = {
    "plain": "A reason.\n",
    "a line that begins as a separator": "From here on KVM keeps two contexts since 2023\nas before.\n",
    "an address and a year": "From maz@kernel.org in January 2023\nthis was wrong.\n",
    "escaped": ">From maz@kernel.org Tue Jan 31 09:23:55 2023\n",
    "no body": "",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_mails_are_those_of_git(tmp_path: Path, body: str, ends: str) -> None:
    box = tmp_path / "box"
    text = f"{mail(body + FORK, '1/2')}\n{mail(body + NEW, '2/2')}"
    box.write_bytes(text.replace("\n", ends).encode())
    (tmp_path / "split").mkdir()
    words = ["git", "mailsplit", "--keep-cr", f"-o{tmp_path / 'split'}", str(box)]
    count = int(subprocess.run(words, capture_output=True, check=True, timeout=30).stdout)
    found = read_mails(box)
    assert len(found) == count == 2
    for mine, its in zip(found, sorted((tmp_path / "split").iterdir()), strict=True):
        assert mine.patch.data == its.read_bytes()
