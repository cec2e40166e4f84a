# SPDX-License-Identifier: GPL-2.0-only
"""Series as people send them, on the real machine: each meets the decision that it deserves, and why is said.

One cell of seconds for all of them, and builds of one file each. What nvh would choose is tested on
the plan (tests/accept/selection).
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.accept import start
from harness.accept.report import reply
from harness.accept.report.series_report import Decision, SeriesReport
from harness.accept.request import Request
from harness.errors import UserError

SERIES = Path(__file__).with_name("series")
CELL = SERIES / "accept-cell.yaml"


def judge(place: Path, *names: str) -> SeriesReport:
    """Judge a series of the patches ``names`` on `nv`, its end first."""
    box = place / "series.mbox"
    box.write_text("\n".join((SERIES / f"{name}.patch").read_text() for name in names))
    wanted = Request(str(box), select=((CELL,), ()), patches="last", confirm=0, out=place / "out")
    report, _ = start.run(wanted, Console(file=io.StringIO()))
    return report


def test_a_harmless_series_is_accepted(tmp_path: Path) -> None:
    report = judge(tmp_path, "harmless")
    assert (report.decision, report.reasons) == (Decision.ACCEPT, ())
    assert report.coverage
    assert report.coverage.ran
    assert "nothing that speaks against it" in reply.render(report)


@pytest.mark.parametrize(
    ("names", "what", "says"),
    [
        (("harmless", "vmid-8-bits"), "of accept-cell", "s2-vmid-bits/ipas2e1is/bit8 fail"),
        (("blocks-16k",), "of accept-cell", "s2-sparse/ipas2e1is/16k/32m-first/no-ttl fail"),
        (("warns",), "of accept-cell", "kvm_s2_mmu_iterate_by_vmid"),
        (("slow",), "cost of emulation", "ipas2e1is"),
        (("does-not-build",), "does not build", "kvm_no_such_thing"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_a_broken_series_is_rejected_and_the_patch_named(
    tmp_path: Path, names: tuple[str, ...], what: str, says: str
) -> None:
    report = judge(tmp_path, *names)
    assert report.decision is Decision.REJECT
    (culprit,) = [each for each in report.culprits if what in each.what]
    assert culprit.patch == len(names)
    assert says in culprit.says
    mail = " ".join(reply.render(report).split())
    assert f"patch {len(names)} ({report.patches[-1].title})" in mail
    if names == ("warns",):
        assert "WARNING: " in mail
        assert "trace: " in mail


def test_what_does_not_apply_names_patch_and_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not apply") as caught:
        judge(tmp_path, "does-not-apply")
    assert "arch/arm64/kvm/nested.c: hunk 1 of 1" in str(caught.value)
    assert not (tmp_path / "out").exists()
