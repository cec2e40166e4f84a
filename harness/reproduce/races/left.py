# SPDX-License-Identifier: GPL-2.0-only
"""What a VM leaves behind in L0 when it has ended: counts that are the same before and after.

Read from what every kernel has: no patch. ``nr_sec_page_table_pages`` of /proc/vmstat counts the pages of
stage-2 tables, shadows included (the kernel's Documentation/admin-guide/cgroup-v2.rst, sec_pagetables); of
L0 nobody else has any but an IOMMU. /sys/kernel/debug/kvm has a directory for each VM that was not
destroyed, PID-FD.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

TABLES = "nr_sec_page_table_pages"
COMMAND = f"""n=
for i in 1 2 3 4 5 6 7 8 9 10; do
  set -- $(grep '^{TABLES} ' /proc/vmstat)
  [ "$2" = "$n" ] && break
  n=$2
  sleep 0.1
done
echo "$1 $2"
ls /sys/kernel/debug/kvm
"""
"""Prints what ``read_left`` reads, when the count stands still. CPUs add theirs to the sum each second at the
latest, and tables that were unlinked are freed when a grace period of RCU is over."""
_TABLES = re.compile(rf"^{TABLES} (\d+)$", re.M)
_VM = re.compile(r"^\d+-\d+$", re.M)


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Counts of L0 while no VM runs: ``tables`` in pages of stage-2 tables, ``vms`` that still exist."""

    tables: int
    vms: int

    def since(self, before: LeftBehind) -> str:
        """What there is more of than ``before``, in words; empty when nothing is."""
        found = []
        if self.tables > before.tables:
            found.append(f"{self.tables - before.tables} pages of stage-2 tables")
        if self.vms > before.vms:
            found.append(f"{self.vms - before.vms} VMs that were not destroyed")
        return ", ".join(found)


def read_left(text: str) -> LeftBehind:
    """What ``COMMAND`` printed; ``ValueError`` when the kernel does not count tables."""
    tables = _TABLES.search(text)
    if tables is None:
        raise ValueError(f"L0 does not say {TABLES}: {text.strip()[-200:]!r}")
    return LeftBehind(int(tables[1]), len(_VM.findall(text)))


def growth(counts: Sequence[LeftBehind]) -> str:
    """What grew from each of ``counts`` to the next, in words; empty when nothing did every time."""
    steps = [after.since(before) for before, after in pairwise(counts)]
    tables = all(after.tables > before.tables for before, after in pairwise(counts))
    vms = all(after.vms > before.vms for before, after in pairwise(counts))
    return steps[-1] if steps and (tables or vms) else ""
