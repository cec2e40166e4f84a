# SPDX-License-Identifier: GPL-2.0-only
"""Device state to a file and back, with RAM left where it is: in the file that the machine maps.

QEMU: docs/devel/migration, capability ``x-ignore-shared``. RAM that is a shared mapping of a named file is
not part of the stream, which is then some hundred KiB.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from harness.errors import InfraError
from harness.machine.qemu import Machine

DEADLINE_S = 60.0
POLL_S = 0.002
MOVE_SOCKET = "move.sock"
QTEST_TIMEOUT_S = 10.0

# The virt machine's first redistributor (QEMU hw/arm/virt.c); frames and ISPENDR0: Arm IHI 0069, 12.10-12.11.
GICR_BASE = 0x080A0000
GICR_STRIDE = 0x20000
GICR_ISPENDR0 = 0x10200


def save_state(machine: Machine, file: Path) -> None:
    """Stop the machine and write its device state to ``file``; RAM must be a shared ``Memory``."""
    machine.qmp("stop")
    _ignore_shared(machine, True)
    machine.qmp("migrate", uri=f"file:{file.absolute()}")
    _wait(machine, "saving the machine")


def load_state(machine: Machine, file: Path) -> None:
    """Load device state into a machine started with ``incoming``; it stays stopped.

    QEMU would then announce the machine to a network for some seconds. Its timer for that is one of the
    host's time, and under icount every such timer cuts the slices of the vCPUs (icount-common.c,
    icount_get_limit), so that no two restored machines would execute the same.
    """
    _ignore_shared(machine, True)
    machine.qmp("migrate-set-parameters", **{"announce-rounds": 0})
    machine.qmp("migrate-incoming", uri=f"file:{file.absolute()}")
    _wait(machine, "restoring the machine")


def move(source: Machine, target: Machine) -> None:
    """Stop ``source`` and move it, memory and all, into ``target``, which was started with ``incoming``."""
    source.qmp("stop")
    _ignore_shared(source, False)
    target.qmp("migrate-set-parameters", **{"announce-rounds": 0})
    target.qmp("migrate-incoming", uri=f"unix:{MOVE_SOCKET}")
    source.qmp("migrate", uri=f"unix:{relative(target.directory / MOVE_SOCKET, source.directory)}")
    _wait(source, "moving the machine")
    _wait(target, "moving the machine")


def relative(path: Path, directory: Path) -> str:
    """Return ``path`` as seen from ``directory``, because a socket's path has at most 107 bytes (unix(7))."""
    return os.path.relpath(path, directory)


def pend_sgi(machine: Machine, number: int) -> None:
    """Make SGI ``number`` pending at every CPU of a stopped machine, by writing to its redistributors."""
    lines = [
        f"writel {GICR_BASE + cpu * GICR_STRIDE + GICR_ISPENDR0:#x} {1 << number:#x}\n"
        for cpu in range(machine.spec.cpus)
    ]
    with machine.connect("qtest.sock") as connection:
        connection.settimeout(QTEST_TIMEOUT_S)
        connection.sendall("".join(lines).encode())
        answered = b""
        try:
            while answered.count(b"\n") < len(lines) and (data := connection.recv(4096)):
                answered += data
        except OSError as error:
            raise InfraError(f"QEMU's qtest socket does not answer: {error}") from error
    connection.close()
    if answered.split() != [b"OK"] * len(lines):
        raise InfraError(f"QEMU refused a write to a GIC redistributor: {answered.decode(errors='replace')}")


def _ignore_shared(machine: Machine, state: bool) -> None:
    capability = {"capability": "x-ignore-shared", "state": state}
    machine.qmp("migrate-set-capabilities", capabilities=[capability])


def _wait(machine: Machine, what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        state = machine.qmp("query-migrate")
        match state.get("status"):
            case "completed":
                return
            case "failed" | "cancelled":
                raise InfraError(f"{what} failed: {state.get('error-desc', 'QEMU does not say why')}")
        time.sleep(POLL_S)
    raise InfraError(f"{what} did not end within {DEADLINE_S:.0f} s")
