# SPDX-License-Identifier: GPL-2.0-only
"""What L0 does to L1's machine: the balloon, virtio-mem, pages that go to swap, are merged or fail."""

from __future__ import annotations

import re

from harness.errors import InfraError
from harness.scenario.language import HostAct
from harness.stack import qmp_shell, vmm

PLACE = re.compile(r"^pa=(0x[0-9a-f]+\+[0-9]+(?:,0x[0-9a-f]+\+[0-9]+)*)$", re.M)
"""How case pattern of nvh-kvm says where its region is in L1's physical memory."""
SWAP_MIB = 1024
MARGIN_S = 5.0
"""What of a step's time is left for the command itself."""
_SWAP_ON = (
    "ours=0; [ $(wc -l </proc/swaps) -gt 1 ] || { modprobe zram 2>/dev/null; ours=1; "
    f"[ $(cat /sys/block/zram0/disksize) != 0 ] || echo {SWAP_MIB}M >/sys/block/zram0/disksize; "
    "mkswap /dev/zram0 >/dev/null && swapon /dev/zram0; } || exit 3\n"
)
_SWAP_OFF = 'status=$?; [ $ours = 0 ] || swapoff /dev/zram0; exit "$status"\n'
"""With swap left on, L0 may go on and reclaim L1's other pages, each with a walk of every shadow."""
_MERGE_OFF = 'status=$?; echo 0 >/sys/kernel/mm/ksm/run; exit "$status"\n'
"""No page is merged from then on, and those that are stay so: each more would be a walk of every shadow."""


def script(act: HostAct, number: int, output: str = "", pluggable_mib: int = 0) -> str:
    """Return the script that L0 runs for ``act``; ``number`` is that of L1's VMM (harness/stack/vmm.py).

    ``output``: what the run has printed so far that names the pages; ``InfraError`` when it names none.
    ``pluggable_mib``: what virtio-mem may plug, whose mapping nvh-pages finds by this size.
    """
    wait = max(1.0, act.timeout - MARGIN_S)
    match act.act:
        case "balloon":
            size = act.size_kib << 10
            return (
                qmp_shell.ask(number)
                + f"tell {qmp_shell.command('balloon', {'value': size})}\n"
                + qmp_shell.until(
                    qmp_shell.command("query-balloon"), "actual", str(size), wait, "balloon_kib", 10
                )
            )
        case "plug" | "unplug":
            return _plug(act.size_kib if act.act == "plug" else -act.size_kib, number, wait)
        case "swap-out" | "merge" | "hwpoison":
            return _pages(act, number, output, wait, pluggable_mib)
    raise InfraError(f"this nvh cannot carry out {act.act!r}")


def _plug(change_kib: int, number: int, wait_s: float) -> str:
    def get(key: str) -> str:
        return qmp_shell.command("qom-get", {"path": "/machine/peripheral/plug0", "property": key})

    # The argument is made at L0: what is plugged already is known there.
    setting = (
        '{"execute":"qom-set","arguments":{"path":"/machine/peripheral/plug0",'
        '"property":"requested-size","value":\'$want\'}}'
    )
    return (
        qmp_shell.ask(number)
        + f"tell {get('requested-size')}\n"
        + f"want=$(($(number return) + ({change_kib} << 10)))\n"
        + f"tell '{setting}'\n"
        + qmp_shell.until(get("size"), "return", "$want", wait_s, "plugged_mib")
    )


def _pages(act: HostAct, number: int, output: str, wait_s: float, pluggable_mib: int) -> str:
    found = PLACE.search(output)
    if found is None:
        raise InfraError(f"{act.where}: {act.of!r} has not said which pages it has (a line pa=PA+PAGES)")
    action = {"soft": "soft-offline", "hard": "hard-offline"}.get(act.how, act.act)
    return (
        (_SWAP_ON if act.act == "swap-out" else "")
        + f"nvh-pages $(cat {vmm.pid_file(number)}) {action} --at {found[1]} --pages {act.pages} "
        + f"--timeout {int(wait_s)}{f' --plug {pluggable_mib}' if pluggable_mib else ''}\n"
        + {"swap-out": _SWAP_OFF, "merge": _MERGE_OFF}.get(act.act, "")
    )
