# SPDX-License-Identifier: GPL-2.0-only
"""Commands at every level over one link to L0's agent, which relays to the levels below.

Nothing listens on a network and no key is needed: the link is a socket or FIFOs in the cell's directory.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.errors import InfraError
from harness.level import Level
from harness.stack.level_command import ChannelClosed, Completed, Process, Sink
from harness.stack.link import Link
from harness.stack.wire import Decoder, Frame, Type

POLL_S = 0.2
WATCH_S = 2.0
PING_S = 2.0
PING_TURNS = 20  # an idle L0 takes its turn every 100 ms of its own time
TURN_DEADLINE_S = 60.0  # so long that only a dead machine meets it: what is sent next must not depend on it
CHANNELS = 65536
UNHEARD = 0  # no command and no ping has this channel
CHECK_TIMERS = 1


@dataclass(frozen=True, slots=True)
class Pong:
    """An agent's clocks when it answered: CLOCK_MONOTONIC in ns and CNTVCT_EL0 in ticks."""

    monotonic_ns: int
    cntvct: int


class Agent:
    """The harness's end of the link; one reader thread delivers frames.

    With a link that takes turns, the machine runs only while somebody waits in ``wait_for`` for what has
    not happened, or inside ``running_freely``. Frames are delivered at the end of its turn, all at once.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._next = 0
        self._processes: dict[int, Process] = {}
        self._pongs: dict[int, Pong | InfraError | None] = {}
        self._closed: ChannelClosed | None = None
        self._ended = False
        self._outbox: list[bytes] = []
        self._awaited: Callable[[], bool] | None = None
        self._free = 0
        self.turns = 0
        self.idle_turns = 0
        self.frozen_s = 0.0
        self.heard = time.monotonic()
        self._reader = threading.Thread(target=self._read, name="agent-reader", daemon=True)
        self._reader.start()

    def start(self, level: Level, command: str, sink: Sink | None = None) -> Process:
        """Start ``command`` with /bin/sh at ``level``; ``sink`` takes its standard output as it comes."""
        process = self.attach(self._channel(), level, command, sink)
        self.post(level, Type.EXEC, process.channel, command.encode())
        return process

    def attach(self, channel: int, level: Level, command: str, sink: Sink | None = None) -> Process:
        """Take over a command that the agent at ``level`` already runs on ``channel``."""
        process = Process(self, channel, level, command, sink)
        self._processes[channel] = process
        return process

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed:
        """Run ``command`` at ``level`` and return what it left; kills it and raises ``TimeoutError`` late."""
        process = self.start(level, command)
        process.send(stdin)
        process.close_stdin()
        try:
            return process.wait(timeout_s)
        except TimeoutError:
            process.kill()
            raise

    def ping(self, level: Level, timeout_s: float) -> Pong:
        """Return the clocks of the agent at ``level``; ``TimeoutError`` when it does not answer in time."""
        return self._ask(level, Type.PING, b"", time.monotonic() + timeout_s)

    def resume(self, level: Level, seed: bytes, timeout_s: float, watch: Callable[[], bool]) -> Pong:
        """Tell the agent at ``level`` that its machine was restored; mixes ``seed`` into its entropy.

        At L0 it sleeps on every CPU first: ``TimeoutError`` when a CPU's timer is dead, or when ``watch``,
        called every ``WATCH_S`` seconds, gives it up.
        """
        flags = CHECK_TIMERS if level is Level.L0 else 0
        return self._ask(level, Type.RESUME, bytes([flags]) + seed, time.monotonic() + timeout_s, watch=watch)

    def tell_resumed(self, level: Level, seed: bytes) -> None:
        """Have ``seed`` mixed in at ``level`` before anything that is sent later; do not wait for it."""
        self.post(level, Type.RESUME, UNHEARD, bytes([0]) + seed)

    def wait_ready(self, level: Level, timeout_s: float, watch: Callable[[], bool] = lambda: True) -> bool:
        """Wait until the agent at ``level`` answers a ping; return whether it did. Bounded.

        ``watch`` is called every ``WATCH_S`` seconds, however fast the pings come back unanswered; the wait
        ends when it returns false. Which frames are sent does not depend on it where turns are taken, only
        on the machine's own turns.
        """
        end = time.monotonic() + timeout_s
        given_up = False
        watched = time.monotonic()

        def goes_on() -> bool:
            nonlocal given_up, watched
            given_up = not watch()
            watched = time.monotonic()
            return not given_up

        if self._link.turns and not self._watched(lambda: self.turns > 0, end, goes_on):
            return False
        while time.monotonic() < end:
            if self._closed:
                raise self._closed
            patience = end if self._link.turns else min(end, time.monotonic() + PING_S)
            with contextlib.suppress(TimeoutError, InfraError):
                self._ask(level, Type.PING, b"", patience, PING_TURNS, goes_on)
                return True
            # A level below that refuses the ping, or an idle machine, answers long before a watch is due.
            if given_up or (time.monotonic() - watched >= WATCH_S and not goes_on()):
                return False
            self.pause(POLL_S)
        return False

    def pause(self, seconds: float) -> None:
        """Let the machine go on: to its next turn, else for ``seconds``."""
        if not self._link.turns:
            time.sleep(seconds)
            return
        turn = self.turns
        self.wait_for(lambda: self.turns > turn, TURN_DEADLINE_S)

    def wait_for(self, happened: Callable[[], bool], timeout_s: float) -> bool:
        """Let the machine run until ``happened()``; whether it did, within ``timeout_s`` seconds."""
        with self._changed:
            if not self._free:
                self._awaited = happened
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: bool(self._closed) or happened(), timeout_s)
            finally:
                self._awaited = None
            return happened()

    @contextlib.contextmanager
    def running_freely(self) -> Iterator[None]:
        """Do not hold the machine at the end of its turns, as an interactive user or QMP needs it."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free -= 1

    def post(self, level: Level, kind: Type, channel: int, payload: bytes = b"") -> None:
        """Send one frame to the agent at ``level``; ``ChannelClosed`` when the machine has gone."""
        if self._closed:
            raise self._closed
        frame = Frame(int(level), kind, channel, payload).encode()
        if self._link.turns:
            with self._changed:
                self._outbox.append(frame)
            return
        try:
            with self._sending:
                self._link.send(frame)
        except OSError as error:
            raise self._close(f"writing to L0's agent failed: {error}") from error

    @property
    def closed(self) -> ChannelClosed | None:
        """Why nothing can be said or heard any more; None while the link lives."""
        return self._closed

    def close(self) -> None:
        """Close the link; pending commands end with ``ChannelClosed``. Safe to call twice."""
        if self._ended:
            return
        self._ended = True
        self._close("the link to L0's agent was closed")
        self._link.close()
        self._reader.join(5)
        self._link.release()

    def _channel(self) -> int:
        for _ in range(CHANNELS):
            self._next = self._next % (CHANNELS - 1) + 1
            if self._next not in self._processes and self._next not in self._pongs:
                return self._next
        raise InfraError("every channel of L0's agent is in use")

    def _ask(
        self,
        level: Level,
        kind: Type,
        payload: bytes,
        end: float,
        turns: int | None = None,
        watch: Callable[[], bool] = lambda: True,
    ) -> Pong:
        """Send a frame that is answered by PONG; ``turns`` bounds the wait too where turns are taken."""
        channel = self._channel()
        self._pongs[channel] = None
        begun = self.turns

        def over() -> bool:
            late = turns is not None and self._link.turns and self.turns - begun >= turns
            return self._pongs[channel] is not None or late

        try:
            self.post(level, kind, channel, payload)
            self._watched(over, end, watch)
            answer = self._pongs[channel]
        finally:
            del self._pongs[channel]
        if isinstance(answer, InfraError):
            raise answer
        if answer is None:
            if self._closed:
                raise self._closed
            raise TimeoutError(f"the agent at {level} did not answer in time")
        return answer

    def _watched(self, happened: Callable[[], bool], end: float, watch: Callable[[], bool]) -> bool:
        """``wait_for`` until the monotonic time ``end``, or until ``watch`` says no."""
        while not self.wait_for(happened, max(0.0, min(WATCH_S, end - time.monotonic()))):
            if self._closed:
                raise self._closed
            if time.monotonic() >= end or not watch():
                return False
        return True

    def _read(self) -> None:
        decoder = Decoder()
        frames: list[Frame] = []
        reason = "the machine closed the link to L0's agent"
        try:
            while data := self._link.receive():
                self.heard = time.monotonic()
                for frame in decoder.feed(data):
                    frames.append(frame)
                    if frame.type == Type.TURN or not self._link.turns:
                        self._take(frames)
                        frames = []
                        if frame.type == Type.TURN:
                            self._link.send(self._answer())
        except OSError as error:
            reason = f"the link to L0's agent failed: {error}"
        self._close(reason)

    def _take(self, frames: list[Frame]) -> None:
        """Deliver frames; with them the turn that they end, so that nobody sees the one without the other."""
        with self._changed:
            if frames[-1].type == Type.TURN:
                self.turns += 1
                self.idle_turns = self.idle_turns + 1 if len(frames) == 1 else 0
            for frame in frames:
                self._dispatch(frame)
            self._changed.notify_all()

    def _answer(self) -> bytes:
        """Wait until the harness has nothing more to say, and return what it said and the end of its turn."""
        begun = time.monotonic()
        with self._changed:
            self._changed.wait_for(self._may_go_on)
            data = b"".join(self._outbox)
            self._outbox.clear()
        self.frozen_s += time.monotonic() - begun
        return data + Frame(0, Type.TURN, 0).encode()

    def _may_go_on(self) -> bool:
        return bool(self._closed or self._free or (self._awaited and not self._awaited()))

    def _dispatch(self, frame: Frame) -> None:
        if frame.channel in self._pongs:
            if frame.type == Type.PONG and len(frame.payload) >= 16:
                self._pongs[frame.channel] = Pong(*struct.unpack_from("<QQ", frame.payload))
            elif frame.type == Type.ERROR:
                self._pongs[frame.channel] = InfraError(frame.payload.decode(errors="replace").strip())
            return
        if process := self._processes.get(frame.channel):
            process.deliver(frame)
            if not process.running:
                self._processes.pop(frame.channel, None)

    def _close(self, reason: str) -> ChannelClosed:
        with self._changed:
            if self._closed is None:
                self._closed = ChannelClosed(reason)
            for process in self._processes.values():
                process.abandon(self._closed)
            self._changed.notify_all()
        return self._closed
