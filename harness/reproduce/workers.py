# SPDX-License-Identifier: GPL-2.0-only
"""Processes that hunt side by side: how one begins and ends, and what all of them send."""

from __future__ import annotations

import multiprocessing
import multiprocessing.queues
import queue as queues
import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from typing import Any

from harness.errors import NvhError
from harness.machine.process import end_with_parent

Queue = multiprocessing.queues.Queue


def serve(queue: Queue[Any], work: Callable[[ExitStack], None], told: Callable[[NvhError], Any]) -> None:
    """Do ``work`` as the process of a worker; what it leaves on the stack is closed however it ends.

    An ``NvhError`` is sent as what ``told`` makes of it, and None at the end.
    """
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ending = ExitStack()
    try:
        work(ending)
    except NvhError as error:
        queue.put(told(error))
    finally:
        # From here a signal kills at once: the machines die with this process, and an exception raised
        # while the interpreter shuts down is printed, not caught.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        ending.close()
        queue.put(None)


def events(
    main: Callable[[Any, Queue[Any]], None], orders: Sequence[Any], deadline: float, silent: Any
) -> Generator[Any, None, None]:
    """What the workers of ``orders`` send, until all have ended, or ``deadline`` of ``time.monotonic()``.

    ``silent`` stands for a worker that ended without a word. Closing the iterator ends the processes.
    """
    context = multiprocessing.get_context("spawn")
    queue: Queue[Any] = context.Queue()
    processes = [context.Process(target=main, args=(order, queue), daemon=True) for order in orders]
    for process in processes:
        process.start()
    left = len(processes)
    try:
        while left and time.monotonic() < deadline:
            try:
                event = queue.get(timeout=1.0)
            except queues.Empty:
                if not any(process.is_alive() for process in processes):
                    yield silent
                    return
                continue
            if event is None:
                left -= 1
            else:
                yield event
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(10)
