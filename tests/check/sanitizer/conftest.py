# SPDX-License-Identifier: GPL-2.0-only
"""The sanitizer without QEMU: its core in a driver program, built with gcc's own sanitizers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.arch.header import write_headers
from harness.arch.table import Operation
from harness.host.paths import IMAGES

SOURCES = IMAGES / "payloads" / "sanitizer"
CORE = (
    "access.c",
    "break.c",
    "driver.c",
    "expect.c",
    "grave.c",
    "judge.c",
    "model.c",
    "model_walk.c",
    "near.c",
    "pending.c",
    "report.c",
    "store.c",
    "walk.c",
)
ARCH = SOURCES.parent / "arch"
LIB = SOURCES.parent / "lib"
SCOPES = {"local": 0, "is": 1, "os": 2}


def build_driver(place: Path, sources: Path, *options: str) -> Path:
    """The driver, from ``sources`` into ``place``."""
    write_headers(place)
    words = ["gcc", "-std=gnu11", *options]
    words += [
        "-Wall",
        "-Wextra",
        "-Werror",
        f"-I{place}",
        f"-I{ARCH}",
        f"-I{LIB}",
        "-o",
        str(place / "driver"),
    ]
    units = [*(sources / name for name in CORE), ARCH / "arch.c", LIB / "number.c"]
    subprocess.run([*words, *map(str, units)], check=True, timeout=120)
    return place / "driver"


@pytest.fixture(scope="session")
def driver_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver, built once."""
    place = tmp_path_factory.mktemp("sanitizer")
    return build_driver(place, SOURCES, "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover")


class Driver:
    """A running driver: commands in, answers out. Reports come with the answer that they belong to."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.reports: list[dict[str, Any]] = []

    def __call__(self, *words: str | int) -> str:
        """Give one command; returns the answer without reports."""
        (answer,) = self.many([" ".join(map(str, words))])
        return answer

    def many(self, commands: list[str]) -> list[str]:
        """Give commands in one go; returns the answer to each."""
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        answers = []
        for start in range(0, len(commands), 100):  # small enough for the pipes on both sides
            chunk = commands[start : start + 100]
            process.stdin.write("".join(f"{line}\n" for line in chunk))
            process.stdin.flush()
            for _ in chunk:
                lines = []
                while (line := process.stdout.readline()) != ".\n":
                    assert line, f"the driver ended with status {process.wait()}"
                    lines.append(line.strip())
                self.reports += [json.loads(line) for line in lines if line.startswith("{")]
                answers.append("\n".join(line for line in lines if not line.startswith("{")))
        return answers

    def found(self) -> list[str]:
        """Reports so far, ``finding:kind``."""
        return [
            f"{r['finding']}:{r['entry']['kind']}" if "entry" in r else r["finding"] for r in self.reports
        ]

    def counters(self) -> dict[str, int]:
        """The judge's counters."""
        words = self("counters").split()
        return {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}

    def close(self) -> int:
        """End it; returns its exit status, which the address sanitizer makes non-zero for a leak."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=30)


@pytest.fixture
def driver(driver_program: Path) -> Iterator[Driver]:
    """A driver for one test, which must end without a leak."""
    running = Driver(driver_program)
    yield running
    assert running.close() == 0


def instruction(operation: Operation) -> int:
    """The fields op1, CRn, CRm and op2 as the driver takes them."""
    return operation.sys_insn & 0x7FFE0
