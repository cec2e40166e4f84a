# SPDX-License-Identifier: GPL-2.0-only
"""What the words of memory may hold during a program, and what L0's own events make of them."""

from __future__ import annotations

from collections.abc import Iterable

from harness.program.addresses import DATA_PA, EVENT_PA, code_result, value_at
from harness.program.program import BESIDE, Access, Host, InitialMemory, World
from harness.program.tables import VEL2_SHIFT

ALL64 = (1 << 64) - 1
NOWHERE = "at=none"


class ProgramWords:
    """Memory as L1 has set it up (``memory``), or with a value of its own in each word."""

    def __init__(self, world: World, memory: InitialMemory | None) -> None:
        self.world = world
        self.memory = memory
        self._words = (
            {pa: frozenset({value}) for pa, value in (*memory.words, *memory.code)} if memory else {}
        )
        self._code = dict(memory.code) if memory else {}
        self._event: dict[int, bool] = {}
        self._dirty: dict[int, bool] = {}
        self.event_gone = False
        """There is no memory at ``EVENT_PA``: accesses are MMIO, and a VNCR page there is none."""
        self.written_at_any_time = False
        """A CPU writes all the time: a page that is in no log may be in it a moment later."""

    def held(self, pa: int) -> frozenset[int]:
        """What the word at ``pa`` may hold."""
        if pa in self._words:
            return self._words[pa]
        if DATA_PA <= pa < EVENT_PA and self.memory is not None:
            return frozenset({0})
        return frozenset({value_at(pa) ^ (ALL64 if pa >= EVENT_PA and self._event.get(pa - EVENT_PA) else 0)})

    def read(self, pa: int) -> frozenset[str]:
        """The same as observations."""
        return frozenset(f"v={value:#x}" for value in self.held(pa))

    def execute(self, pa: int) -> str:
        """What the code at ``pa`` returns: MOVZ X0, #imm16 and RET; UNDEFINED where there is none."""
        if self.memory is None:
            return f"v={code_result(pa & ~0xFF, self.world.shift):#x}"
        word = self._code.get(pa)
        return "undefined" if word is None else f"v={word >> 5 & 0xFFFF:#x}"

    def write(self, action: Access, found: frozenset[str]) -> frozenset[str]:
        """A write that ends with one of ``found``; returns the same, by where the value can be found."""
        landed = {token: int(token[3:], 0) for token in found if token.startswith("at=0x")}
        for pa in landed.values():
            old = frozenset() if len(found) == 1 else self.held(pa)
            self._words[pa] = old | {action.value}
            if pa >= EVENT_PA:  # vEL2 does not look there: what L0 logs tells
                self._dirty[(pa - EVENT_PA) >> VEL2_SHIFT] = True
        return frozenset(
            word
            for token in found
            for word in (self._seen(landed[token], action) if token in landed else [token])
        )

    def wrote(self, found: frozenset[str]) -> frozenset[str]:
        """A CPU that writes all the time has written once more, with one of ``found``; returns what it says.

        A page that it can have written alone is in the log then.
        """
        landed = [int(token[3:], 0) for token in found if token.startswith("at=0x")]
        if len(found) == 1 and landed and landed[0] >= EVENT_PA:
            self._dirty[(landed[0] - EVENT_PA) >> VEL2_SHIFT] = True
        return frozenset("v=0x0" if token.startswith("at=0x") else token for token in found)

    def _seen(self, pa: int, action: Access) -> Iterable[str]:
        """What vEL2 can find once a write has reached ``pa``: some frames had the value before."""
        if pa >= EVENT_PA:
            return [NOWHERE]
        if self.memory is None:
            return [f"at={pa:#x}"]
        words = [""]
        for frame in self.memory.frames:
            held = frozenset({action.value}) if frame == pa else self.held(frame)
            have = [f"{word}+{frame:#x}" for word in words] if action.value in held else []
            words = have + (words if held != {action.value} else [])
        return [f"at={word.removeprefix('+') or 'none'}" for word in words]

    def host(self, action: Host) -> frozenset[str]:
        """What KVM's memslots and MMU notifiers promise to L1 holds at once, for L2 too: no TLBI of L1's."""
        if action.action in BESIDE:
            return frozenset({"v=0x0"})
        if not action.action.startswith("dirty"):
            self._words = {pa: held for pa, held in self._words.items() if pa < EVENT_PA}
        match action.action:
            case "set-up":
                self._event[action.offset] = self.event_gone = False
            case "dontneed" | "move" | "delete":
                self._event[action.offset] = True
                self.event_gone = action.action == "delete"
            case "dirty-on":
                self._dirty.clear()
                return frozenset({"v=0x1", "v=0x2"})
            case "dirty-read":
                seen = self._dirty.get(action.offset >> VEL2_SHIFT, False)
                self._dirty.clear()
                if self.written_at_any_time and not seen:
                    return frozenset({"v=0x1", "v=0x2"})
                return frozenset({"v=0x2" if seen else "v=0x1"})
        return frozenset({"v=0x0"})
