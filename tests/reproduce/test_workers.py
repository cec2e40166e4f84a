# SPDX-License-Identifier: GPL-2.0-only
"""Workers side by side: what they send comes, one that dies is told, and none outlives its reader."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing
from typing import Any

import pytest

from harness.errors import InfraError
from harness.reproduce.workers import Queue, events, serve


def told(error: Exception) -> str:
    return f"told: {error}"


def counts(order: int, queue: Queue[Any]) -> None:
    def work(ending: ExitStack) -> None:
        ending.callback(queue.put, f"closed {order}")
        queue.put(order)
        if order == 2:
            raise InfraError("the disk is full")

    serve(queue, work, told)


def dies(_: int, __: Queue[Any]) -> None:
    os._exit(9)


def sends_its_number_and_stays(_: int, queue: Queue[Any]) -> None:
    queue.put(os.getpid())
    time.sleep(600)


def test_what_workers_send_and_what_ended_them() -> None:
    with closing(events(counts, [1, 2], time.monotonic() + 60, "silent")) as found:
        sent = list(found)
    assert sorted(map(str, sent)) == ["1", "2", "closed 1", "closed 2", "told: the disk is full"]


def test_workers_that_end_without_a_word_are_reported() -> None:
    with closing(events(dies, [1, 2], time.monotonic() + 60, "silent")) as found:
        assert list(found) == ["silent"]


def test_no_worker_outlives_its_reader() -> None:
    with closing(events(sends_its_number_and_stays, [1], time.monotonic() + 60, "silent")) as found:
        number = next(found)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_the_deadline_ends_the_wait() -> None:
    begun = time.monotonic()
    with closing(events(sends_its_number_and_stays, [1], begun + 3, "silent")) as found:
        assert all(isinstance(each, int) for each in found)
