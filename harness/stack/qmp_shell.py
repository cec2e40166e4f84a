# SPDX-License-Identifier: GPL-2.0-only
"""Scripts that a level runs to talk with the monitor of the VMM above it, with socat and sed alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from harness.stack import vmm

TURN_S = 0.02
"""Between two looks for the answer. It is L0's time: a second is 10⁹ instructions under icount."""
ANSWER_TURNS = 500
TURNS_PER_S = 10
"""How many questions fit into a second, at most."""
PAUSE_S = 0.05
"""Between two questions for what has not happened."""


def ask(number: int) -> str:
    """Return the definition of ``ask JSON``: one command to the VMM of this number, its answer printed."""
    return (
        # The connection stays open until both commands have their answers.
        "answers=/tmp/nvh-answers.$$\n"
        'ask() { : >$answers; { echo \'{"execute":"qmp_capabilities"}\'; echo "$1"; '
        f"for turn in $(seq {ANSWER_TURNS}); do "
        '[ $(grep -c \'^{"return"\\|^{"error"\\|^{"id"\' $answers) -lt 2 ] || break; '
        f"sleep {TURN_S}; done; }} | "
        f"socat -t 10 - UNIX-CONNECT:{vmm.qmp_socket(number)} >$answers; cat $answers; }}\n"
        # Refused: the answer to the command is an error; that to the capabilities never is.
        'tell() { said=$(ask "$1"); case $said in *\'"error"\'*) echo "refused=1 why=$(echo "$said" | '
        'sed -n \'s/.*"desc": "\\([^"]*\\)".*/\\1/p\' | tail -n 1)"; exit 1;; esac; }\n'
        # The number of a key, "absent" without.
        'number() { echo "$said" | sed -n "s/.*\\"$1\\": \\([0-9][0-9]*\\).*/\\1/p" | tail -n 1; }\n'
    )


def command(name: str, arguments: Mapping[str, object] | None = None) -> str:
    """Return one QMP command as a word of the shell."""
    return shlex.quote(json.dumps({"execute": name, **({"arguments": arguments} if arguments else {})}))


def until(reads: str, key: str, wanted: str, timeout_s: float, says: str, shift: int = 20) -> str:
    """Ask ``reads`` again and again until the number ``key`` is ``wanted``; print it as ``says``.

    In units of 1 << ``shift`` bytes, MiB by default.
    """
    return (
        f"want={wanted}\n"
        f"for turn in $(seq {max(1, int(timeout_s * TURNS_PER_S))}); do\n"
        f"  tell {reads}\n"
        f"  now=$(number {key})\n"
        f'  [ "$now" != "$want" ] || break\n'
        f"  sleep {PAUSE_S}\n"
        "done\n"
        f'echo "{says}=$((now >> {shift}))"\n'
        '[ "$now" = "$want" ]\n'
    )
