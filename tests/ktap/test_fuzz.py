# SPDX-License-Identifier: GPL-2.0-only
"""Damaged logs: no traceback, and no pass. Lines of others between the lines change nothing."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.ktap.cells import LoggedMachine, cells, write
from harness.ktap.judge import require_bundle
from harness.ktap.log import render
from harness.ktap.manifest import Bundle
from harness.ktap.read import read
from harness.ktap.tagged import ours, tag
from harness.verdict import Verdict, worst
from tests.ktap.conftest import ID, Run, recorded

MACHINE = LoggedMachine("board", "board 1", "", "2026-11-28T00:00:00Z", "./nvh judge x")
Lines = list[str]
Mutation = Callable[[Lines, Lines, random.Random], Lines]
"""Of a good log, with that of another run at hand."""
LOGS = 1000


def _place(lines: Lines, random_: random.Random) -> int:
    """A line of ours: what is between them is nobody's business."""
    return random_.choice([line.number - 1 for line in ours(lines)])


def cut_end(lines: Lines, _: Lines, r: random.Random) -> Lines:
    return lines[: _place(lines, r)]


def cut_begin(lines: Lines, _: Lines, r: random.Random) -> Lines:
    return lines[_place(lines, r) + 1 :]


def cut_middle(lines: Lines, _: Lines, r: random.Random) -> Lines:
    at = _place(lines, r)
    return lines[:at] + lines[at + r.randint(1, 20) :]


def cut_line(lines: Lines, _: Lines, r: random.Random) -> Lines:
    at = _place(lines, r)
    keep = r.randrange(len(lines[at].strip()))
    return [*lines[:at], lines[at][: keep + len(lines[at]) - len(lines[at].lstrip())], *lines[at + 1 :]]


def twice(lines: Lines, _: Lines, r: random.Random) -> Lines:
    at = _place(lines, r)
    size = r.randint(1, 10)
    return lines[: at + size] + lines[at:]


def whole_twice(lines: Lines, _: Lines, r: random.Random) -> Lines:
    return lines + lines[r.randrange(2) :]


def swap(lines: Lines, _: Lines, r: random.Random) -> Lines:
    while True:
        a, b = _place(lines, r), _place(lines, r)
        if lines[a] != lines[b]:
            break
    changed = list(lines)
    changed[a], changed[b] = changed[b], changed[a]
    return changed


def characters(lines: Lines, _: Lines, r: random.Random) -> Lines:
    at = _place(lines, r)
    text = list(lines[at])
    for _unused in range(r.randint(1, 5)):
        place = r.randrange(len(text))
        text[place] = chr(r.choice([c for c in range(33, 127) if chr(c) != text[place]]))
    return [*lines[:at], "".join(text), *lines[at + 1 :]] if "".join(text) != lines[at] else lines[:at]


def torn_by_noise(lines: Lines, _: Lines, r: random.Random) -> Lines:
    at = _place(lines, r)
    place = r.randrange(1, len(lines[at]))
    noise = r.choice(["[   12.345678] random: crng init done", "\x00\xff\ufffd", "\x1b[2J", "ok 1 x", "~~~"])
    between = r.choice(["", "\n"])
    return [*lines[:at], lines[at][:place] + noise + between + lines[at][place:], *lines[at + 1 :]]


def a_failure_turned(lines: Lines, _: Lines, r: random.Random) -> Lines:
    """What an editor, or a proxy that means well, does: verdicts and results are changed in the text."""
    at = r.choice([i for i, line in enumerate(lines) if "verdict=" in line])
    return [*lines[:at], lines[at].replace("verdict=pass", "verdict=fail", 1) + " ", *lines[at + 1 :]]


def of_another_run(lines: Lines, other: Lines, r: random.Random) -> Lines:
    at = _place(lines, r)
    size = r.randint(2, 30)
    return lines[:at] + other[at : at + size] + lines[at + size :]


def of_another_bundle(lines: Lines, _: Lines, r: random.Random) -> Lines:
    other = f"{r.getrandbits(64):016x}"
    return [line.replace(ID, other) for line in lines]


def begins_again(lines: Lines, other: Lines, r: random.Random) -> Lines:
    return lines[: _place(lines, r)] + other


def random_bytes(lines: Lines, _: Lines, r: random.Random) -> Lines:
    at = _place(lines, r)
    return [*lines[:at], r.randbytes(r.randint(1, 2000)).decode("latin-1"), *lines[at + 1 :]]


def empty_or_foreign(lines: Lines, _: Lines, r: random.Random) -> Lines:
    return r.choice([[], [""], ["KTAP version 1", "1..1", "ok 1 x"], [line.strip("# ") for line in lines]])


MUTATIONS: tuple[Mutation, ...] = (
    cut_end,
    cut_begin,
    cut_middle,
    cut_line,
    twice,
    whole_twice,
    swap,
    characters,
    torn_by_noise,
    a_failure_turned,
    of_another_run,
    of_another_bundle,
    begins_again,
    random_bytes,
    empty_or_foreign,
)


def verdict(log: bytes, bundle: Bundle) -> Verdict | None:
    """The verdict of the whole; None for a log that is refused with a reason."""
    try:
        reading = read(log, "log")
        require_bundle(reading.log, bundle, "log")
    except UserError:
        return None
    found = cells(reading, bundle, MACHINE)
    passed = [cell.id for cell in found if cell.verdict is Verdict.PASS]
    if reading.damage:
        assert not passed, (passed, reading.damage_text)
    return worst(cell.verdict for cell in found)


def test_a_thousand_damaged_logs(run_bundle: Run, bundle: Bundle) -> None:
    good, other = (run_bundle("--skip=trap-ttlbis/*")[1].decode().split("\n") for _ in range(2))
    assert good != other
    assert verdict("\n".join(good).encode(), bundle) is Verdict.PASS
    seen: dict[str, set[Verdict | None]] = {}
    for seed in range(LOGS):
        mutation = MUTATIONS[seed % len(MUTATIONS)]
        lines = mutation(good, other, random.Random(seed))
        found = verdict("\n".join(lines).encode("utf-8", "surrogateescape"), bundle)
        assert found is not Verdict.PASS, (mutation.__name__, seed)
        seen.setdefault(mutation.__name__, set()).add(found)
    assert seen["of_another_bundle"] == {None}
    assert Verdict.UNDECIDED in seen["cut_end"] & seen["twice"] & seen["of_another_run"]


def test_a_failure_stays_one_whatever_becomes_of_the_rest(run_bundle: Run, bundle: Bundle) -> None:
    log = run_bundle("--cases=hidden-range/*", lines=recorded(("pass", "fail")))[1].decode().split("\n")
    last = max(i for i, line in enumerate(log) if " verdict=fail " in line)
    assert verdict("\n".join(log[: last + 1]).encode(), bundle) is Verdict.FAIL


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r\r\n"])
def test_lines_of_others_change_nothing(run_bundle: Run, bundle: Bundle, ends: str) -> None:
    """Firmware before, the kernel in between, a login prompt behind; and any line ends."""
    lines = run_bundle()[1].decode().split("\n")
    r = random.Random(1)
    noisy = ["UEFI firmware (version 2026.05)", "\x1b[2J\x1b[01;01H"]
    for line in lines:
        noisy.append(line)
        if r.random() < 0.3:
            noisy.append(
                r.choice(["[    3.141593] random: crng init done", "", "xterm\x00\xff", "# a comment"])
            )
    noisy.append("board login: ")
    assert verdict(ends.join(noisy).encode(), bundle) is Verdict.PASS


def test_a_splat_in_the_kernels_lines_is_red(run_bundle: Run, bundle: Bundle) -> None:
    lines = run_bundle()[1].decode().split("\n")
    at = len(lines) // 2
    splat = "[   12.345678] WARNING: CPU: 1 PID: 77 at arch/arm64/kvm/nested.c:123 kvm_nested+0x1c/0x40"
    assert verdict("\n".join([*lines[:at], splat, *lines[at:]]).encode(), bundle) is Verdict.FAIL


VALUES = (
    "",
    "0",
    "-1",
    "9" * 400,
    "nan",
    "inf",
    "../../x",
    "\u0661",
    "x" * 3000,
    "a,b",
    "*",
    "[",
    "pass",
    "none",
)


def forged(lines: Lines, r: random.Random) -> Lines:
    """What a wrong runner prints: words changed, lines left out or twice, and checksums that fit."""
    changed = []
    for line in lines:
        match = re.fullmatch(r"( *)# nvh (.*) crc=[0-9a-f]{8}", line)
        if match is None or r.random() > 0.05:
            changed.append(line)
            continue
        words = match[2].split(" ")
        at = r.randrange(len(words))
        key, equals, _ = words[at].partition("=")
        words[at] = key + equals + r.choice(VALUES) if equals else r.choice(VALUES)
        run = re.search(r" run=(\S+)", lines[2])
        assert run is not None
        changed += [match[1] + tag(ID, run[1], " ".join(words))] * r.choice((0, 1, 1, 1, 2))
    return changed


def test_logs_of_a_wrong_runner_make_no_traceback(run_bundle: Run, bundle: Bundle, tmp_path: Path) -> None:
    good = run_bundle("--skip=trap-ttlbis/*")[1].decode().split("\n")
    judged = 0
    for seed in range(100):
        log = "\n".join(forged(good, random.Random(seed)))
        try:
            reading = read(log.encode(), "log")
        except UserError:
            continue
        found = cells(reading, bundle, MACHINE)
        if reading.damage:
            assert Verdict.PASS not in {cell.verdict for cell in found}
        write(found, reading, tmp_path / str(seed))
        judged += 1
    assert judged > 40


def test_a_family_twice_is_no_pass(run_bundle: Run, bundle: Bundle) -> None:
    """Signed as they have to be, numbered as they have to be, and yet the same cases twice."""
    log = read(run_bundle("--cases=s1-own/*")[1], "log").log
    again = dataclasses.replace(log.families[0], number=2)
    twice_there = dataclasses.replace(log, families=[log.families[0], again])
    assert verdict("\n".join(render(twice_there)).encode(), bundle) is Verdict.UNDECIDED
