# SPDX-License-Identifier: GPL-2.0-only
"""What a VM leaves behind in L0 when it has ended: counts that are the same before and after.

Read from what every kernel has: no patch. ``nr_sec_page_table_pages`` of /proc/vmstat counts the pages of
stage-2 tables, shadows included (the kernel's Documentation/admin-guide/cgroup-v2.rst, sec_pagetables); of
L0 nobody else has any but an IOMMU. /sys/kernel/debug/kvm has a directory for each VM that was not
destroyed, PID-FD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TABLES = "nr_sec_page_table_pages"
COMMAND = f"""n=
for i in 1 2 3 4 5 6 7 8 9 10; do
  echo 1 >/proc/sys/vm/stat_refresh
  set -- $(grep '^{TABLES} ' /proc/vmstat)
  [ "$2" = "$n" ] && break
  n=$2
  sleep 0.1
done
echo "$1 $2"
ls /sys/kernel/debug/kvm
"""
"""Prints what ``read_left`` reads, when the count stands still: per-CPU counts are added up first, and tables
that were unlinked are freed when a grace period of RCU is over. At most a second of L0's time."""
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
