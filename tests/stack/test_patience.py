# SPDX-License-Identifier: GPL-2.0-only
"""How long a level that boots is waited for: not by one second less on a busy host, and not for a hang."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.machine.process import CpuTime
from harness.stack import patience
from harness.stack.patience import MachineSample, Patience

STEP = 2.0
DEADLINE = 240.0
Sampled = Callable[[float], MachineSample]


def until(sampled: Sampled, slowdown: float = 1.0, limit: float = 3000.0) -> tuple[float, str]:
    """Feed samples every two seconds; returns when the wait was given up, and why."""
    waits = Patience(DEADLINE * slowdown, slowdown)
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


def test_turns_of_l0_are_model_time() -> None:
    """Fifty a second while L0 rests, which costs host CPU time all the same; one in two while it works."""

    def silent(rate: float, printed: Callable[[float], int] = lambda _: 0) -> Sampled:
        return lambda now: MachineSample(now, CpuTime(now, now), printed(now), turns=int(now * rate))

    when, why = until(silent(50.0))
    assert when == pytest.approx(patience.SILENT_TURNS / 50, abs=STEP)
    assert "it printed nothing in " in why
    assert "did not answer within" in until(silent(0.5))[1]
    assert "did not answer within" in until(silent(50.0, int))[1]


@pytest.mark.parametrize("slowdown", [1.0, 3.0])
def test_level_that_loops_in_silence_is_given_up_before_its_deadline(slowdown: float) -> None:
    def loops(now: float) -> MachineSample:
        silent = now > 10
        places = [0x40080010, 0x40080ABC] if now > 10 + patience.SILENT_S * slowdown else []
        return busy(now, printed=10 if silent else int(now), places=places)

    when, why = until(loops, slowdown)
    assert when == pytest.approx(10 + (patience.SILENT_S + patience.LOOP_S) * slowdown, abs=4 * STEP)
    assert when < DEADLINE * slowdown
    assert "it loops: " in why
    assert "0x40080000" in why


def test_level_that_runs_through_its_code_in_silence_is_slow_and_no_more() -> None:
    def wanders(now: float) -> MachineSample:
        return busy(now, printed=0, places=[0x40000000 + int(now) * 4096])

    assert until(wanders)[1] == "its agent did not answer within 240 s"


def test_level_that_prints_does_not_loop() -> None:
    assert "it loops" not in until(lambda now: busy(now, places=[0x40080000]))[1]


def test_level_of_which_nothing_is_known_has_its_deadline() -> None:
    assert until(lambda now: busy(now, printed=0))[0] == pytest.approx(DEADLINE, abs=STEP)


def test_states_are_asked_for_only_in_long_silence() -> None:
    waits = Patience(DEADLINE)
    asked = []
    for number in range(1, 60):
        waits.over(busy(number * STEP, printed=5))
        asked.append(waits.looks)
    assert asked.index(True) * STEP == pytest.approx(patience.SILENT_S + STEP, abs=2 * STEP)
    waits.over(busy(120.0, printed=6))
    assert not waits.looks
