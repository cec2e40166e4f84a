# SPDX-License-Identifier: GPL-2.0-only
"""What a VM leaves behind: counts read, and told apart when they grow."""

from __future__ import annotations

import pytest

from harness.reproduce.races.left import TABLES, LeftBehind, growth, read_left

CLEAN = f"{TABLES} 12\n"
VM = f"{TABLES} 40\n2417-5\nexits\nremote_tlb_flush\nvgic-state\n"


def test_counts_of_tables_and_vms() -> None:
    assert read_left(CLEAN) == LeftBehind(12, 0)
    assert read_left(VM) == LeftBehind(40, 1)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (CLEAN, CLEAN, ""),
        (VM, CLEAN, ""),
        (CLEAN, VM, "28 pages of stage-2 tables, 1 VMs that were not destroyed"),
        (CLEAN, f"{TABLES} 13\n", "1 pages of stage-2 tables"),
        (CLEAN, CLEAN + "1-3\n", "1 VMs that were not destroyed"),
    ],
)
def test_more_than_before_is_a_leak(before: str, after: str, words: str) -> None:
    assert read_left(after).since(read_left(before)) == words


@pytest.mark.parametrize("text", ["", "nr_page_table_pages 3\n", f"{TABLES}\n", f"{TABLES} many\n"])
def test_a_kernel_that_does_not_count_is_no_kernel_without_leaks(text: str) -> None:
    with pytest.raises(ValueError, match="does not say"):
        read_left(text)


@pytest.mark.parametrize(
    ("tables", "vms", "words"),
    [
        ((10, 18, 26, 34), (0, 0, 0, 0), "8 pages of stage-2 tables"),
        ((10, 10, 10, 10), (0, 1, 2, 3), "1 VMs that were not destroyed"),
        ((10, 18, 18, 18), (0, 0, 0, 0), ""),
        ((10, 18, 26, 26), (0, 0, 0, 0), ""),
        ((30, 18, 26, 34), (0, 0, 0, 0), ""),
        ((10,), (0,), ""),
        ((), (), ""),
    ],
)
def test_only_what_grows_each_time_is_a_leak(
    tables: tuple[int, ...], vms: tuple[int, ...], words: str
) -> None:
    """Tables that are freed late are more at one time and fewer at another."""
    counts = [LeftBehind(*each) for each in zip(tables, vms, strict=True)]
    assert growth(counts) == words
