# SPDX-License-Identifier: GPL-2.0-only
"""The few packets that ask a model for its ID registers, against a stub over a real socket."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import Broken, InfraError, NvhError
from harness.machine.gdbstub import GdbStub, connect
from tests.machine.stub import CORE, TARGET, Stub

MMFR2 = 0x1221_0111_1210_2011
Make = Callable[..., GdbStub]


@pytest.fixture
def make() -> Iterator[Make]:
    stubs: list[Stub] = []

    def begin(registers: dict[int, str], **options: object) -> GdbStub:
        stubs.append(Stub(registers, **options))  # type: ignore[arg-type]
        return GdbStub(stubs[-1].client)

    yield begin
    for stub in stubs:
        stub.close()
        assert stub.bad_checksums == 0


def test_documents_come_in_parts_with_escapes(make: Make) -> None:
    stub = make({})
    assert stub.document("target.xml") == TARGET
    assert stub.document("core.xml") == CORE


def test_register_numbers_follow_the_description(make: Make) -> None:
    assert make({}).registers() == {"x0": 0, "x1": 1, "MIDR_EL1": 66, "ID_AA64MMFR2_EL1": 67}


def test_values_are_little_endian(make: Make) -> None:
    stub = make({67: MMFR2.to_bytes(8, "little").hex()})
    assert stub.read(67) == MMFR2
    assert (stub.read(67) >> 24) & 0xF == 2


@pytest.mark.parametrize("noise", [b"", b"++", b"%Stop:T05#aa", b"#00", b"+#"])
def test_what_precedes_a_reply_is_skipped(make: Make, noise: bytes) -> None:
    stub = make({1: "2a00000000000000"}, noise=noise, chunk=3)
    assert stub.read(1) == 42


@pytest.mark.parametrize("answer", ["E14", "", "xxxxxxxx", "123", "zz"])
def test_registers_that_cannot_be_read(make: Make, answer: str) -> None:
    with pytest.raises(InfraError, match="cannot read register 5"):
        make({5: answer}).read(5)


def test_stub_that_goes_away() -> None:
    gone = Stub({})
    client = GdbStub(gone.client)
    gone._socket.shutdown(2)
    with pytest.raises(InfraError, match="did not answer p1"):
        client.read(1)
    gone.close()


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        ("kill -SEGV $$", Broken, "before its first instruction: it ended with signal 11 (SIGSEGV)"),
        ("echo no such cpu; exit 1", InfraError, "did not start: it ended with status 1: no such cpu"),
        ("exit 0", InfraError, "it ended with status 0: it printed nothing"),
    ],
)
def test_a_model_that_does_not_start_says_how_it_ended(
    script: str, kind: type[NvhError], said: str, tmp_path: Path
) -> None:
    with (tmp_path / "qemu.log").open("wb") as log:
        child = subprocess.Popen(["sh", "-c", script], cwd=tmp_path, stdout=log, stderr=log)
    child.wait(10)
    with pytest.raises(kind, match=re.escape(said)):
        connect(tmp_path, child)
