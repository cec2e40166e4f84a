# SPDX-License-Identifier: GPL-2.0-only
"""Whatever a file holds, loading it gives cells or an InputError, never another exception."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.scenario.load import load_file
from tests.scenario.names import HERE, VOCABULARY

ROUNDS = 100
PIECES = [
    *b"${ } { [ ] &a *a !!int \0 \xff ' \" | > # % null 1e9 0x \xe2\x80\xa8 \\uD800 $${ $${x} ? matrix "
    b"expect steps on boot l0 scope covers $v 18446744073709551616".split(),
    *[b": ", b"- ", b"\t", b"\n", b"---\n", b"? "],
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data = data[:at] + rng.choice(PIECES) + data[at:]
            case 1:
                data = data[:at] + data[at + rng.randint(1, 12) :]
            case 2:
                data = data[:at] + rng.choice(PIECES) + data[at + rng.randint(1, 8) :]
            case 3:
                lines = data.splitlines(keepends=True)
                rng.shuffle(lines)
                data = b"".join(lines) if rng.random() < 0.2 else data[:at]
            case _:
                start = rng.randrange(len(data) + 1)
                data = data[:at] + data[start : start + 40] + data[at:]
    return data


@pytest.mark.parametrize("seed", range(3))
def test_mutations(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    originals = [path.read_bytes() for path in sorted((HERE / "good").glob("*.yaml"))]
    originals += [
        bytes(rng.randrange(256) for _ in range(200)),
        bytes(rng.randrange(32, 127) for _ in range(200)),
    ]
    file = tmp_path / "mutant.yaml"
    messages: list[str] = []
    for _ in range(ROUNDS):
        file.write_bytes(data := mutated(rng.choice(originals), rng))
        try:
            assert load_file(file, VOCABULARY), data
        except InputError as error:
            messages.append(str(error))
    assert all(message.encode("utf-8") for message in messages)
    assert ROUNDS > len(messages) > ROUNDS / 2
