"""Whatever a file holds, loading it gives cells or an InputError, never another exception."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.scenario.load import load_file
from tests.scenario.names import HERE, VOCABULARY

BUDGET_S = 2.0
PIECES = (
    [
        b"${",
        b"}",
        b"{",
        b"[",
        b"]",
        b": ",
        b"- ",
        b"&a ",
        b"*a",
        b"!!int ",
        b"\t",
        b"\n",
        b"\0",
        b"\xff",
        b"'",
    ]
    + [
        b'"',
        b"|",
        b">",
        b"#",
        b"%",
        b"---\n",
        b"null",
        b"1e9",
        b"0x",
        b"\xe2\x80\xa8",
        b"\\uD800",
        b"$${",
        b"? ",
    ]
    + [
        b"matrix",
        b"expect",
        b"steps",
        b"on",
        b"boot",
        b"l0",
        b"scope",
        b"covers",
        b"$v",
        b"18446744073709551616",
    ]
)


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
    start = time.monotonic()
    refused = tried = 0
    while time.monotonic() - start < BUDGET_S / 3:
        file.write_bytes(data := mutated(rng.choice(originals), rng))
        tried += 1
        try:
            assert load_file(file, VOCABULARY), data
        except InputError as error:
            refused += 1
            assert error.problems, data
            str(error).encode("utf-8")
    assert tried > 5
    assert refused
