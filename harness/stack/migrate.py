# SPDX-License-Identifier: GPL-2.0-only
"""L1 moves to another VMM of the same L0, by a socket or by a file, while its L2 goes on.

QEMU has the memory's dirty log from L0's KVM: what L2 writes between two passes comes from shadow stage 2.
L0's agent loses its connection to that of L1 and finds the new VMM at the same socket; a run at L1 that the
harness waits for would be lost with it, so what is to go on at L1 is started detached.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

from harness.errors import InfraError, NvhError
from harness.level import Level
from harness.stack import qmp_shell, vmm
from harness.stack.broken import LevelBroken
from harness.stack.level_command import Completed, Process

STATE = f"{vmm.RUN}/l1.state"
SOCKET = f"{vmm.RUN}/l1.move"
END_S = 30.0
BANDWIDTH = 1 << 33
PAGE = 4096


class MovedStack(Protocol):
    """What a migration asks of ``harness.stack.stack.Stack``, whose methods say what they do."""

    vmms: dict[Level, Process]
    generation: dict[Level, int]

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed: ...
    def next_vmm(self, level: Level, incoming: str) -> Process: ...
    def comes_back(self, level: Level, timeout_s: float) -> bool: ...
    def hung(self, level: Level, cause: str = ...) -> LevelBroken: ...
    def broken(self, level: Level, cause: str, model: str = "") -> LevelBroken: ...


def save_script(number: int, uri: str, timeout_s: float) -> str:
    """Return the script by which L0 has the VMM of this number write L1's state to ``uri``.

    It prints status=, passes= (of the dirty log), resent= (pages sent once more because they were written
    after their first pass), total_mib= and downtime_ms=, and fails unless the migration was completed.
    """
    return (
        qmp_shell.ask(number)
        + f"tell {qmp_shell.command('migrate-set-parameters', {'max-bandwidth': BANDWIDTH})}\n"
        + f"tell {qmp_shell.command('migrate', {'uri': uri})}\n"
        + f"for turn in $(seq {int(timeout_s * qmp_shell.TURNS_PER_S)}); do\n"
        + f"  tell {qmp_shell.command('query-migrate')}\n"
        + '  case $said in *\'"status": "completed"\'*) status=completed; break;;\n'
        + '    *\'"status": "failed"\'*) status=failed; break;; esac\n'
        + f"  sleep {qmp_shell.PAUSE_S}\n"
        + "done\n"
        + "passes=$(number dirty-sync-count); total=$(number total)\n"
        + f"resent=$(($(number normal) + $(number duplicate) - total / {PAGE}))\n"
        + 'echo "status=${status:-late} passes=$passes resent=$resent total_mib=$((total >> 20)) '
        + 'downtime_ms=$(number downtime)"\n'
        + '[ "$status" = completed ] || { echo "$said" >&2; exit 1; }\n'
    )


def migrate(stack: MovedStack, via: str, times: int, timeout_s: float) -> Completed:
    """Move L1 ``times`` times, ``via`` ``vmm`` or ``file``; each within ``timeout_s`` seconds.

    Returns what the scripts printed, a line per migration and a line of sums; status 1 and why when QEMU
    refused or failed one, in which case L1 runs on where it was. ``LevelBroken`` when L1 does not go on.
    """
    lines: list[str] = []
    errors = b""
    sums = {"passes": [0], "resent": [0]}
    done = 0
    for _ in range(times):
        left = _once(stack, via, timeout_s)
        lines.append(left.text.strip())
        errors += left.stderr
        if left.status != 0:
            break
        done += 1
        words = dict(word.split("=", 1) for word in lines[-1].split() if "=" in word)
        for key, values in sums.items():
            values.append(int(words.get(key) or 0))
    counted = {key: values[1:] or [0] for key, values in sums.items()}
    least = " ".join(f"{key}_least={min(values)}" for key, values in counted.items())
    lines.append(f"migrations={done} {least} resent_pages={sum(counted['resent'])}")
    return Completed(0 if done == times else 1, ("\n".join(lines) + "\n").encode(), errors)


def _once(stack: MovedStack, via: str, timeout_s: float) -> Completed:
    number, source = stack.generation.get(Level.L1, 0), stack.vmms[Level.L1]
    to_file = via == "file"
    uri = f"file:{STATE}" if to_file else f"unix:{SOCKET}"
    target = None if to_file else _start(stack, uri)
    saved = stack.run(Level.L0, save_script(number, uri, timeout_s), timeout_s + END_S)
    if saved.status != 0:
        if target is not None:
            stack.generation[Level.L1] = number
            target.kill()
        return saved
    del stack.vmms[Level.L1]  # its end is no end of L1
    stack.run(Level.L0, qmp_shell.ask(number) + f"ask {qmp_shell.command('quit')} >/dev/null", END_S)
    with contextlib.suppress(TimeoutError):
        source.wait(END_S)
    if source.running:
        raise InfraError("L1's VMM does not end after its migration")
    target = _start(stack, uri) if target is None else target
    stack.vmms[Level.L1] = target
    now = stack.generation[Level.L1]
    # A VMM that ends removes its own.
    names = (
        f"ln -sf {vmm.qmp_socket(now)} {vmm.QMP_SOCKET}; ln -sf {vmm.next_socket(now)} {vmm.NEXT_SOCKET}; "
    )
    names += f"cat {vmm.pid_file(now)} >{vmm.PID_FILE}"
    stack.run(Level.L0, names, END_S)
    if not stack.comes_back(Level.L1, max(END_S, timeout_s)):
        raise stack.hung(Level.L1, "it does not answer after its migration")
    # Not before: its monitor is there before it has opened the file.
    stack.run(Level.L0, f"rm -f {STATE}", END_S)
    return saved


def _start(stack: MovedStack, uri: str) -> Process:
    """Start the VMM that will take L1 over, and wait for its monitor; ``LevelBroken`` when it ends."""
    # What an earlier one left must not be taken for this one's.
    names = [
        vmm.qmp_socket(stack.generation.get(Level.L1, 0) + 1),
        *([] if uri.startswith("file:") else [SOCKET]),
    ]
    stack.run(Level.L0, f"rm -f {' '.join(names)}", END_S)
    target = stack.next_vmm(Level.L1, uri)
    there = " && ".join(f"[ -S {name} ]" for name in names)
    script = f"for turn in $(seq 100); do {there} && exit 0; sleep 0.2; done; exit 1"
    done = stack.run(Level.L0, script, END_S)
    if done.status != 0 or not target.running:
        said = target.snapshot().stderr.decode(errors="replace").strip()
        with contextlib.suppress(NvhError):
            target.kill()
        raise stack.broken(Level.L1, f"the VMM that should take it over did not start: {said}")
    return target
