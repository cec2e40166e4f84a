# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium driven over a pipe (its DevTools protocol), for tests of pages with a script."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEADLINE_S = 60.0
# No sandbox: its namespaces are not to be had as root. The rest keeps it from looking for a network.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)


def program() -> str | None:
    """Where Chromium is, if it is."""
    return shutil.which("chromium")


class Browser:
    """One page of a running browser."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.violations: list[str] = []

    def open(self, path: Path) -> None:
        """Load a file and wait until its script has run."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Runtime.enable")
        self._call("Log.enable")
        self._call("Page.enable")
        self._call("Page.navigate", url=path.as_uri())
        end = time.monotonic() + DEADLINE_S
        while self.run("document.readyState") != "complete" or self.run("location.href") != path.as_uri():
            assert time.monotonic() < end, "the page did not load"
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page and return its value."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + DEADLINE_S
        while True:
            while b"\0" in self._rest:
                text, self._rest = self._rest.split(b"\0", 1)
                answer = json.loads(text)
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer
                    return answer["result"]
                if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                    self.violations.append(json.dumps(answer["params"]))
            left = end - time.monotonic()
            assert left > 0, f"no answer to {method}"
            if select.select([self._reading], [], [], left)[0]:
                data = os.read(self._reading, 1 << 20)
                assert data, "the browser ended"
                self._rest += data


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, which ends with the block."""
    found = program()
    assert found is not None
    to_read, to_write = os.pipe(), os.pipe()

    def three_and_four() -> None:  # where --remote-debugging-pipe reads and writes
        reading, writing = os.dup(to_write[0]), os.dup(to_read[1])
        os.dup2(reading, 3)
        os.dup2(writing, 4)

    with tempfile.TemporaryDirectory(prefix="nvh-chromium-") as profile:
        process = subprocess.Popen(
            [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=three_and_four,
            start_new_session=True,
        )
        os.close(to_write[0])
        os.close(to_read[1])
        try:
            yield Browser(to_read[0], to_write[1])
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
            os.close(to_read[0])
            os.close(to_write[1])
            time.sleep(0.1)  # its children write into the profile until they notice
