# SPDX-License-Identifier: GPL-2.0-only
"""How long a level that boots is waited for: not by one second less on a busy host, and not for a hang."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.level import Level
from harness.machine.process import CpuTime
from harness.stack import patience
from harness.stack.patience import NEEDS, BootNeed, MachineSample, Patience

STEP = 2.0
DEADLINE = 240.0
FAR = 1e6
NEED = BootNeed(turns=20, cpu_s=5.0, by="kernel right on model well")
BOOT_S = patience.CPU_SLACK * NEED.cpu_s
"""Seconds of a CPU of its own after which a machine surely had time for one boot."""
Sampled = Callable[[float], MachineSample]


def until(
    sampled: Sampled,
    slowdown: float = 1.0,
    limit: float = 3000.0,
    deadline: float = DEADLINE,
    need: BootNeed = NEED,
) -> tuple[float, str]:
    """Feed samples every two seconds; returns when the wait was given up, and why."""
    waits = Patience(deadline * slowdown, need, slowdown)
    now = 0.0
    while now < limit:
        now += STEP
        if why := waits.over(sampled(now)):
            return now, why
    return now, ""


def busy(now: float, share: float = 1.0, **more: object) -> MachineSample:
    """One CPU's worth of work is wanted all the time, of which the host gives ``share``."""
    fields: dict[str, object] = {"printed": int(now)}
    return MachineSample(now, CpuTime(share * now, now), **{**fields, **more})  # type: ignore[arg-type]


def test_machine_that_works_has_its_whole_deadline() -> None:
    when, why = until(busy)
    assert when == pytest.approx(DEADLINE, abs=STEP)
    assert why == "its agent did not answer within 240 s"


def test_time_that_the_host_gave_to_others_does_not_count() -> None:
    assert until(lambda now: busy(now, 0.5))[0] == pytest.approx(2 * DEADLINE, abs=2 * STEP)


def test_however_busy_the_host_the_wait_is_bounded() -> None:
    starved = until(lambda now: busy(now, 0.01))[0]
    assert starved == pytest.approx(patience.STRETCH * DEADLINE, abs=2 * STEP)


def test_idle_machine_is_given_up_at_once() -> None:
    when, why = until(lambda now: MachineSample(now, CpuTime(0.0, 0.0), 0))
    assert when == pytest.approx(patience.IDLE_S, abs=STEP)
    assert "the machine is idle" in why


def test_starved_machine_is_not_idle() -> None:
    """It got nothing, but wanted to run: another load has the host."""
    when, why = until(lambda now: MachineSample(now, CpuTime(0.0, now), 0), limit=100.0)
    assert (when, why) == (100.0, "")


def test_machine_that_rests_on_a_busy_host_is_idle() -> None:
    """It wakes up often and waits each time, which looks like hunger."""
    when, why = until(lambda now: MachineSample(now, CpuTime(0.01 * now, 0.3 * now), 0))
    assert when == pytest.approx(patience.IDLE_S, abs=STEP)
    assert "the machine is idle" in why


def test_machine_that_says_something_is_not_idle() -> None:
    assert until(lambda now: MachineSample(now, CpuTime(0.0, 0.0), int(now)), limit=100.0) == (100.0, "")


def silent(rate: float, printed: Callable[[float], int] = lambda _: 0) -> Sampled:
    """A machine that works, and whose L0 takes ``rate`` turns a second."""
    return lambda now: MachineSample(now, CpuTime(now / 100, now), printed(now), turns=int(now * rate))


@pytest.mark.parametrize("rate", [50.0, 1.0, 0.5])
@pytest.mark.parametrize("turns", [20, 80])
def test_turns_of_l0_are_model_time(rate: float, turns: int) -> None:
    """Fifty a second while L0 rests; one and fewer while it works. What a boot needs decides, no constant."""
    need = BootNeed(turns, 5.0, "kernel right on model well")
    when, why = until(silent(rate), deadline=FAR, need=need)
    assert when == pytest.approx(patience.SILENT * turns / rate, abs=2 * STEP)
    assert why == "it printed nothing in 10 times the time in which kernel right on model well boots"


def test_level_that_prints_for_ever_is_given_up_too() -> None:
    when, why = until(silent(50.0, int), deadline=FAR)
    assert when == pytest.approx(patience.WHOLE * NEED.turns / 50, abs=STEP)
    assert why.startswith(
        "its agent did not answer in 30 times the time in which kernel right on model well boots"
    )


def test_silence_counts_from_what_was_printed_last() -> None:
    when, why = until(silent(1.0, lambda now: min(int(now), 100)), deadline=FAR)
    assert when == pytest.approx(100 + patience.SILENT * NEED.turns, abs=2 * STEP)
    assert "it printed nothing" in why


def test_machine_without_turns_is_measured_by_its_work() -> None:
    when, why = until(lambda now: busy(now, printed=0), deadline=FAR)
    assert when == pytest.approx(patience.SILENT * BOOT_S, abs=2 * STEP)
    assert "it printed nothing" in why
    assert until(lambda now: busy(now, printed=0), 3.0, deadline=FAR)[0] == pytest.approx(
        3 * when, abs=3 * STEP
    )


def test_boot_of_which_little_is_known_has_some_time() -> None:
    """A record of almost nothing leaves room for the host's jitter."""
    when, _ = until(silent(50.0), deadline=FAR, need=BootNeed(1, 0.0))
    assert when == pytest.approx(patience.SILENT * patience.LEAST_TURNS / 50, abs=STEP)


@pytest.mark.parametrize("slowdown", [1.0, 3.0])
def test_level_that_loops_in_silence_is_given_up_before_it_is_said_to_be_silent(slowdown: float) -> None:
    def loops(now: float) -> MachineSample:
        places = [0x40080010, 0x40080ABC] if now > 10 + patience.LOOKS * BOOT_S * slowdown else []
        return busy(now, printed=min(10, int(now)), places=places)

    when, why = until(loops, slowdown, deadline=FAR)
    boots = patience.LOOKS + patience.LOOPS
    assert when == pytest.approx(10 + boots * BOOT_S * slowdown, abs=4 * STEP)
    assert "it loops: in 2 times " in why
    assert "0x40080000" in why


def test_level_that_loops_is_looked_at_often_before_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples that are few and far between, as where a fast machine rests, say little."""
    monkeypatch.setattr(patience, "SILENT", 1e6)
    when, why = until(
        lambda now: MachineSample(now, CpuTime(now, now), 0, turns=int(now * 50), places=[0x40080000]),
        deadline=FAR,
    )
    assert "it loops" in why
    assert when >= patience.LOOP_SAMPLES * STEP


def test_level_that_runs_through_its_code_in_silence_does_not_loop() -> None:
    def wanders(now: float) -> MachineSample:
        return busy(now, printed=0, places=[0x40000000 + int(now) * 4096])

    assert "it printed nothing" in until(wanders, deadline=FAR)[1]
    assert until(wanders, deadline=30.0)[1] == "its agent did not answer within 30 s"


def test_level_that_prints_does_not_loop() -> None:
    assert "it loops" not in until(lambda now: busy(now, places=[0x40080000]))[1]


def test_states_are_asked_for_only_in_long_silence() -> None:
    waits = Patience(FAR, NEED)
    asked = []
    for number in range(1, 60):
        waits.over(busy(number * STEP, printed=5))
        asked.append(waits.looks)
    assert asked.index(True) * STEP == pytest.approx(patience.LOOKS * BOOT_S + STEP, abs=2 * STEP)
    waits.over(busy(120.0, printed=6))
    assert not waits.looks


@pytest.mark.parametrize(
    ("got", "wanted", "turns", "starved"),
    [
        (4.0, 400.0, 3, True),  # it wanted all the time, and had less than a boot's work
        (8.0, 400.0, 3, True),  # more than a boot's, on a host whose cores do other things between
        (4.0, 400.0, 20, False),  # but L0's clock says that it had a boot's time
        (400.0, 400.0, 3, False),  # L0 hangs: no turn comes, and the work is done
        (4.0, 10.0, 3, False),  # it rests
    ],
)
def test_machine_that_the_host_starved(got: float, wanted: float, turns: int, starved: bool) -> None:
    waits = Patience(FAR, NEED)
    waits.over(MachineSample(400.0, CpuTime(got, wanted), 0, turns))
    assert waits.starved is starved


def test_recorded_boot_of_an_l2_that_loops_is_given_up_in_a_third_of_the_time() -> None:
    """What images/kernels/example/no-l2.yaml did on a busy host: 173 s were waited when constants decided."""
    with Path(__file__).with_name("no-l2.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    waits = Patience(FAR, NEEDS[Level.L2])
    for row in rows:
        places = [0x40000000] if waits.looks else []
        work = CpuTime(float(row["got"]), float(row["wanted"]))
        if why := waits.over(MachineSample(float(row["seconds"]), work, 0, int(row["turns"]), places)):
            break
    assert why.startswith("it loops: ")
    assert float(row["seconds"]) < float(rows[-1]["seconds"]) / 3
    assert int(row["turns"]) < 50


def test_every_level_has_a_need() -> None:
    assert set(NEEDS) == set(Level)
    assert all(need.cpu_s > 0 and (need.turns > 0 or level is Level.L0) for level, need in NEEDS.items())
