# SPDX-License-Identifier: GPL-2.0-only
"""The plugin that holds vCPUs: its file, and what it decides, without QEMU."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InfraError
from harness.host.command import HOSTCC
from harness.host.paths import IMAGES
from harness.scenario.value_grammar import place
from harness.trace.executed import hold_file, places
from harness.trace.executed.hold_file import HoldEnd, HoldEvent, HoldFile, HoldOrder, HoldPoint, HoldState
from harness.trace.executed.places import Text
from tests.trace.executed.test_places import BASE, made

PLUGIN = IMAGES / "payloads" / "plugin"
HERE = Path(__file__).parent
LAYOUT = """
#include "hold/format.h"
#include <stddef.h>
#include <stdio.h>
#define AT(type, field) (int)offsetof(struct type, field)
int main(void)
{
    printf("%d %d %d %d %d %d %d %d %d %d %d %d\\n", (int)sizeof(struct nvh_hold_header),
           AT(nvh_hold_header, enabled), AT(nvh_hold_header, poke), AT(nvh_hold_header, poked),
           AT(nvh_hold_header, streak),
           AT(nvh_hold_header, used), (int)sizeof(struct nvh_hold), AT(nvh_hold, let_go), AT(nvh_hold, state),
           AT(nvh_hold, waiter), (int)sizeof(struct nvh_hold_record), (int)sizeof(struct nvh_hold_address));
    printf("%d %d %d %d %d %llx\\n", NVH_HOLDS, NVH_HOLD_WAITERS, NVH_HOLD_TABLE, NVH_HOLD_PLACES,
           NVH_HOLD_LOG, NVH_HOLD_MAGIC);
    return 0;
}
"""
Say = Callable[[list[HoldOrder], str], list[str]]


def compiled(directory: Path, name: str, *sources: Path) -> Path:
    program = directory / name
    words = [HOSTCC, "-std=gnu11", "-Wall", "-Werror", "-DNVH_API=7", f"-I{PLUGIN}", "-o", str(program)]
    subprocess.run([*words, *map(str, sources)], check=True)
    return program


def test_layout_is_the_plugins(tmp_path: Path) -> None:
    source = tmp_path / "layout.c"
    source.write_text(LAYOUT)
    program = compiled(tmp_path, "layout", source)
    first, second = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    h = hold_file
    state, waiter = h._CONFIG.size, h._CONFIG.size + h._STATE.size
    header = (h._HEADER.size, h._ENABLED_AT, h._POKE_AT, h._POKE_AT + h._POKE.size - 4, h._STREAK_AT)
    sizes = (*header, h._USED_AT, h._HOLD, h._LET_GO_AT, state, waiter)
    assert first == " ".join(map(str, (*sizes, h._RECORD.size, h._ADDRESS.size)))
    numbers = (h.HOLDS, h.WAITERS, h._TABLE, h._PLACES, h._LOG)
    assert second == " ".join(map(str, numbers)) + f" {h._MAGIC:x}"


@pytest.fixture
def holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HoldFile:
    """A file with the places of a made-up kernel; place 3 does not exist."""
    monkeypatch.setattr(Text, "read", staticmethod(lambda *_: made()))
    monkeypatch.setattr(Text, "first", lambda _, word, *__: BASE + (word == places.WFI) * 4 + 0x10)
    (tmp_path / "System.map").write_text(
        f"{BASE:016x} T _stext\n{BASE + 0x68:016x} T _etext\n"
        f"{BASE + 0x100:016x} D __per_cpu_offset\n{BASE + 0x200:016x} D jiffies\n"
    )
    (tmp_path / "config").write_text("CONFIG_HZ=100\n")
    wanted = ("walk", "walk return", "fault call lock", "nowhere")
    return HoldFile(tmp_path, tmp_path, [place(each) for each in wanted], records=64)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("decide")
    return compiled(directory, "decide", HERE / "decide_test.c", PLUGIN / "hold" / "decide.c")


@pytest.fixture
def say(holds: HoldFile, program: Path) -> Say:
    """Arms holds, tells the plugin what happens, and returns its answers."""

    def answer(orders: list[HoldOrder], script: str) -> list[str]:
        holds.arm(orders)
        holds.enable(True)
        lines = script.replace("; ", "\n") + "\n"
        done = subprocess.run([program, holds.path], input=lines, capture_output=True, text=True, check=True)
        return done.stdout.split()

    return answer


def test_file(holds: HoldFile) -> None:
    assert holds.index(place("walk return")) == 1
    assert list(holds.absent) == [place("nowhere")]
    with pytest.raises(places.NoSuchPlace, match="no function 'nowhere'"):
        holds.index(place("nowhere"))
    holds.arm([HoldOrder(HoldPoint(0, 1), after=HoldPoint(1, 0)), HoldOrder(HoldPoint(0, 1))])
    assert [each.state for each in holds.found(3)] == [HoldState.WAITS, HoldState.ARMED, HoldState.OFF]
    assert holds.log() == ([], 0)


UNTIL = HoldOrder(HoldPoint(0, 1), until=HoldPoint(2, 0))


def test_held_until_another_cpu_comes_by(say: Say, holds: HoldFile) -> None:
    script = (
        "arrive 0 0 a0; arrive 1 0 b0; run 500; turn 1 b0; run 9; arrive 0 2 a0; turn 1 b0; arrive 1 0 b0"
    )
    assert say([UNTIL], script) == ["on", "yield", "yield", "on", "0x1000", "on"]
    (found,) = holds.found(1)
    assert (found.state, found.held, found.reasons) == (HoldState.DONE, 1, {HoldEnd.UNTIL: 1})


def test_own_arrivals_and_other_threads_do_not_let_go(say: Say) -> None:
    """An interrupt runs other code on the held CPU; what comes by with another stack is another thread."""
    script = "arrive 1 0 b0; arrive 1 2 c0; arrive 1 0 c0; turn 1 c0; run 9; turn 1 b0"
    assert say([UNTIL], script) == ["yield", "on", "on", "on", "yield"]


def test_nth_and_times(say: Say) -> None:
    order = HoldOrder(HoldPoint(0, 1), nth=2, times=2, until=HoldPoint(2, 0), until_nth=2)
    once = (
        "arrive 1 0 b0; arrive 1 0 b0; arrive 0 2 a0; run 9; turn 1 b0; arrive 0 2 a0; "
        "run 9; turn 1 b0; arrive 1 0 b0"
    )
    answers = ["on", "yield", "on", "yield", "on", "0x1000", "on"]
    assert say([order], f"{once}; {once}; arrive 1 0 b0; arrive 1 0 b0") == [*answers, *answers, "on", "on"]


def test_after_arms_anew(say: Say) -> None:
    order = HoldOrder(HoldPoint(0, 1), times=0, after=HoldPoint(1, 0), until=HoldPoint(2, 0))
    script = (
        "arrive 1 0 b0; arrive 0 1 a0; arrive 1 0 b0; arrive 0 2 a0; run 9; turn 1 b0; "
        "arrive 1 0 b0; arrive 1 0 b0"
    )
    assert say([order], script) == ["on", "on", "yield", "on", "0x1000", "on", "on"]


def test_two_holds_meet(say: Say) -> None:
    """CPU 0 waits until CPU 1 is held; CPU 1 until CPU 0 has gone on to another place."""
    orders = [HoldOrder(HoldPoint(1, 0), held=1), HoldOrder(HoldPoint(0, 1), until=HoldPoint(2, 0))]
    script = (
        "arrive 0 1 a0; run 9; turn 0 a0; arrive 1 0 b0; run 9; turn 0 a0; arrive 0 1 a0; "
        "arrive 0 2 a0; run 9; turn 1 b0"
    )
    assert say(orders, script) == ["yield", "yield", "yield", "0x1010", "on", "on", "0x1000"]


def test_events(say: Say) -> None:
    script = (
        "arrive 1 0 b0; arrive 0 2 a0; arrive 1 2 c0; run 9; turn 1 b0; arrive 0 1 a0; "
        "arrive 0 1 a0; run 9; turn 1 b0"
    )
    assert say([HoldOrder(HoldPoint(0, 1), events=3)], script)[-4:] == ["yield", "on", "on", "0x1000"]


def test_deadline_in_instructions_and_in_ticks(say: Say, holds: HoldFile) -> None:
    order = HoldOrder(HoldPoint(0, 1), until=HoldPoint(2, 0), deadline_ns=20_000_000)
    assert say([order], "arrive 1 0 b0; run 19999999; turn 1 b0; run 1; turn 1 b0") == [
        "yield",
        "yield",
        "0x1000",
    ]
    assert holds.found(1)[0].reasons == {HoldEnd.DEADLINE: 1}
    assert say([order], "arrive 1 0 b0; tick 1; turn 1 b0; tick 1; turn 1 b0") == ["yield", "yield", "0x1000"]


def test_whoever_waits_for_the_held_one_is_reported(say: Say, holds: HoldFile) -> None:
    """CPU 0 spins for a lock: place 4, where it waits (kind 1), and from which it returns (kind 2)."""
    script = "arrive 1 0 b0; run 100; arrive 0 4 a0 1; run 900000; turn 1 b0; run 200000; turn 1 b0"
    assert say([UNTIL], script) == ["yield", "on", "yield", "0x1000"]
    (found,) = holds.found(1)
    assert found.reasons == {HoldEnd.BLOCKED: 1}
    assert [(each.cpu, each.place, each.caller) for each in found.waiters] == [(0, 4, 0xCA11E4)]
    got_it = "arrive 1 0 b0; arrive 0 4 a0 1; run 9; arrive 0 4 a0 2; run 3000000; turn 1 b0"
    assert say([UNTIL], got_it)[-1] == "yield"


def test_nobody_else_has_anything_to_do(say: Say) -> None:
    """Two turns without anybody's progress: sleep until the next interrupt."""
    assert say([UNTIL], "arrive 1 0 b0; turn 1 b0; turn 1 b0; turn 1 b0; run 9; turn 1 b0")[1:] == [
        "yield",
        "wfi",
        "wfi",
        "yield",
    ]


def test_end_and_step_let_go(say: Say, holds: HoldFile) -> None:
    assert say([UNTIL], "arrive 1 0 b0; disable; turn 1 b0") == ["yield", "0x1000"]
    assert holds.found(1)[0].reasons == {HoldEnd.END: 1}
    assert say([HoldOrder(HoldPoint(0, 1))], "arrive 1 0 b0; run 9; letgo 0; turn 1 b0") == [
        "yield",
        "0x1000",
    ]
    assert holds.found(1)[0].reasons == {HoldEnd.STEP: 1}


def events(holds: HoldFile) -> int:
    """How many arrivals were counted."""
    return int.from_bytes(holds.path.read_bytes()[hold_file._USED_AT + 16 :][:8], "little")


def test_a_cpu_that_comes_by_again_and_again_ends_its_turn(say: Say, holds: HoldFile) -> None:
    """Behind the YIELD it goes on; the arrival is not counted twice; the other CPU's is a new beginning."""
    holds.end_turns(2)
    script = "arrive 1 0 b0; arrive 1 1 b0; arrive 1 2 b0; turn 1 b0; arrive 1 2 b0; arrive 1 0 b0"
    assert say([], script) == ["on", "on", "yield", "0x1020", "on", "on"]
    assert events(holds) == 4
    assert say([], "arrive 1 0 b0; arrive 1 1 b0; arrive 0 1 a0; arrive 1 2 b0; arrive 1 2 b0") == ["on"] * 5
    holds.end_turns(0)
    assert say([], "arrive 1 0 b0; " * 9 + "arrive 1 0 b0") == ["on"] * 10


def test_a_cpu_that_waits_ends_its_turn(say: Say, holds: HoldFile) -> None:
    holds.end_turns(100)
    script = "arrive 1 4 b0 1; turn 1 b0; arrive 1 4 b0 1; arrive 1 4 b0 2; arrive 1 4 b0 1"
    assert say([], script) == ["yield", "0x1040", "on", "on", "yield"]
    assert events(holds) == 0


def test_each_cpu_ends_its_own_turn(say: Say, holds: HoldFile) -> None:
    """While one is at the YIELD another one comes to wait: it would look at the lock for its whole turn."""
    holds.end_turns(2)
    script = (
        "arrive 1 0 b0; arrive 1 1 b0; arrive 1 2 b0; arrive 0 4 a0 1; turn 1 b0; arrive 1 2 b0; turn 0 a0; "
        "arrive 0 4 a0 1"
    )
    assert say([], script) == ["on", "on", "yield", "yield", "0x1020", "on", "0x1040", "on"]


def test_between_two_looks_at_a_lock_others_have_their_turn(say: Say, holds: HoldFile) -> None:
    """Not where somebody is held by order: what is executed is the time that passes until the hold's end."""
    holds.end_turns(100)
    look = "arrive 0 5 a0 3; turn 0 a0; arrive 0 5 a0 3"
    assert say([], f"{look}; {look}") == ["yield", "0x1050", "on"] * 2
    assert say([UNTIL], f"arrive 1 0 b0; {look}")[:2] == ["yield", "on"]
    holds.end_turns(0)
    assert say([], "arrive 0 5 a0 3") == ["on"]


def test_whoever_ends_its_turn_can_be_held_there(say: Say, holds: HoldFile) -> None:
    """The hold comes first; who is waited for may end turns meanwhile."""
    holds.end_turns(1)
    script = (
        "arrive 1 0 b0; arrive 0 1 a0; arrive 0 1 a0; turn 0 a0; arrive 0 1 a0; arrive 0 2 a0; "
        "run 9; turn 1 b0"
    )
    assert say([UNTIL], script) == ["yield", "on", "yield", "0x1010", "on", "yield", "0x1000"]


def test_a_variable_is_poked_between_two_places(holds: HoldFile) -> None:
    holds.poke("jiffies", 36, place("walk"), place("walk return"))
    assert not holds.poked()
    at = hold_file._POKE_AT
    words = hold_file._POKE.unpack_from(holds.path.read_bytes(), at)
    assert words == (BASE + 0x200, 36, 0, 0, 1, 0)
    holds.end_turns(7)
    holds.poke("jiffies", 40, place("walk"), None)
    assert hold_file._POKE.unpack_from(holds.path.read_bytes(), at)[3:5] == (0, hold_file.STAYS)
    assert int.from_bytes(holds.path.read_bytes()[hold_file._STREAK_AT :][:4], "little") == 7
    with pytest.raises(InfraError, match="has no nonsense"):
        holds.poke("nonsense", 1, place("walk"), place("walk"))
    with pytest.raises(places.NoSuchPlace):
        holds.poke("jiffies", 1, place("nowhere"), place("walk"))


def test_arrivals_and_instructions_without_a_look_at_each_record() -> None:
    pack = hold_file._RECORD.pack
    rows = [(100, 0, 32, 1, 0, 0), (120, 0, 0, 1, 1, 0), (150, 1, 32, 0, 0, 0), (190, 0, 0, 1, 2, 1)]
    raw = b"".join(pack(*row) for row in rows)
    assert hold_file.extent_of(raw) == (2, 90)
    assert hold_file.extent_of(b"") == (0, 0)
    assert [each.what for each in hold_file.records_of(raw)] == [
        HoldEvent.ARRIVED,
        HoldEvent.HELD,
        HoldEvent.ARRIVED,
        HoldEvent.RELEASED,
    ]
