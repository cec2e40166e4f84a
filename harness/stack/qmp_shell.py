# SPDX-License-Identifier: GPL-2.0-only
"""Scripts that a level runs to talk with the monitor of the VMM above it, with socat and sed alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from harness.stack import vmm

ANSWER_S = 0.2
"""How long the connection stays open after a command, for the answer."""
PAUSE_S = 0.3
"""Between two questions for what has not happened."""


def ask(number: int) -> str:
    """Return the definition of ``ask JSON``: one command to the VMM of this number, its answer printed."""
    return (
        'ask() { { echo \'{"execute":"qmp_capabilities"}\'; echo "$1"; '
        f"sleep {ANSWER_S}; }} | "
        f"socat -t 10 - UNIX-CONNECT:{vmm.qmp_socket(number)}; }}\n"
        # Refused: the answer to the command is an error; that to the capabilities never is.
        'tell() { said=$(ask "$1"); case $said in *\'"error"\'*) echo "refused=1 why=$(echo "$said" | '
        'sed -n \'s/.*"desc": "\\([^"]*\\)".*/\\1/p\' | tail -n 1)"; exit 1;; esac; }\n'
        # The number of a key, "absent" without.
        'number() { echo "$said" | sed -n "s/.*\\"$1\\": \\([0-9][0-9]*\\).*/\\1/p" | tail -n 1; }\n'
    )


def command(name: str, arguments: Mapping[str, object] | None = None) -> str:
    """Return one QMP command as a word of the shell."""
    return shlex.quote(json.dumps({"execute": name, **({"arguments": arguments} if arguments else {})}))


def until(reads: str, key: str, wanted: str, timeout_s: float, says: str) -> str:
    """Ask ``reads`` again and again until the number ``key`` is ``wanted``; print it as ``says``, in MiB."""
    return (
        f"want={wanted}\n"
        f"for turn in $(seq {max(1, int(timeout_s * 2))}); do\n"
        f"  tell {reads}\n"
        f"  now=$(number {key})\n"
        f'  [ "$now" != "$want" ] || break\n'
        f"  sleep {PAUSE_S}\n"
        "done\n"
        f'echo "{says}=$((now >> 20))"\n'
        '[ "$now" = "$want" ]\n'
    )
