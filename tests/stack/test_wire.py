# SPDX-License-Identifier: GPL-2.0-only
"""Frames survive any split of the stream, and rubbish between them costs only itself."""

from __future__ import annotations

import random

import pytest

from harness.stack.wire import HEADER, MAGIC, MAGIC_BYTES, MAX_PAYLOAD, Decoder, Frame, Type


def frames(seed: int, count: int = 50) -> list[Frame]:
    rng = random.Random(seed)
    return [
        Frame(
            rng.randrange(3), rng.randrange(256), rng.randrange(65536), rng.randbytes(rng.choice((0, 1, 300)))
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(10))
def test_any_split_gives_the_same_frames(seed: int) -> None:
    wanted = frames(seed)
    stream = b"".join(frame.encode() for frame in wanted)
    rng, decoder, got = random.Random(seed), Decoder(), list[Frame]()
    while stream:
        cut = rng.randint(1, 40)
        got += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert got == wanted
    assert decoder.skipped == 0


@pytest.mark.parametrize("seed", range(20))
def test_rubbish_between_frames_is_skipped_and_counted(seed: int) -> None:
    rng, wanted, stream, rubbish = random.Random(seed), frames(seed), b"", 0
    for frame in wanted:
        # Also parts of the magic, which must not swallow a frame that follows.
        noise = rng.choice((b"", MAGIC_BYTES[: rng.randint(1, 3)], rng.randbytes(rng.randrange(100))))
        noise = noise.replace(MAGIC_BYTES, b"")
        rubbish += len(noise)
        stream += noise + frame.encode()
    decoder = Decoder()
    assert list(decoder.feed(stream)) == wanted
    assert decoder.skipped == rubbish


def test_a_length_that_cannot_be_is_rubbish() -> None:
    bad = HEADER.pack(MAGIC, 0, Type.STDOUT, 1, MAX_PAYLOAD + 1)
    good = Frame(0, Type.EXIT, 1, b"\0\0\0\0")
    decoder = Decoder()
    assert list(decoder.feed(bad + good.encode())) == [good]
    assert decoder.skipped == len(bad)


def test_an_incomplete_frame_waits() -> None:
    decoder = Decoder()
    data = Frame(1, Type.STDERR, 7, b"abc").encode()
    for end in range(len(data)):
        assert list(decoder.feed(data[end : end + 1])) == (
            [Frame(1, Type.STDERR, 7, b"abc")] if end == 14 else []
        )


def test_limits_of_a_payload() -> None:
    assert len(Frame(0, Type.STDIN, 1, b"x" * MAX_PAYLOAD).encode()) == HEADER.size + MAX_PAYLOAD
    with pytest.raises(ValueError, match="65537 bytes exceeds 65536"):
        Frame(0, Type.STDIN, 1, b"x" * (MAX_PAYLOAD + 1)).encode()
