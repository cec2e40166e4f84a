# SPDX-License-Identifier: GPL-2.0-only
"""docs/defects.md, the scenarios that show its defects, quarantine.yaml and the fixes belong together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.artefacts.kernel import load_kernel
from harness.host.paths import IMAGES, ROOT
from harness.runner.project import find_cells
from harness.runner.quarantine import load_quarantine
from harness.scenario.scenario import NO_OVERRIDES

PAGE = ROOT / "docs/defects.md"
FIXES = IMAGES / "kernels/series/fixes"
FIX = re.compile(r"^Fix: (.+)\.$", re.M)
NO_FIX = re.compile(r"^No fix: \w.{40,}", re.M | re.S)
LINK = re.compile(r"\[\d{4}\]\(\.\./images/kernels/series/fixes/([^)]+)\)")
WIDTH = 78
"""Columns of a message's lines, as long as the page's and no longer than kernel lists like."""


def sections(page: str) -> dict[str, str]:
    """The text below each heading of the second level, by its title."""
    parts = re.split(r"^## (.+)\n", page, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def problems_of_page(page: str, patches: set[str], scenarios: set[str]) -> Iterator[str]:
    """What is wrong with the sections: no scenario, no word about a fix, a patch that is none, or twice."""
    named: list[str] = []
    for title, text in sections(page).items():
        shown = re.findall(r"`([a-z0-9-]+)`", title)
        if not shown or not set(shown) <= scenarios:
            yield f"{title}: names no scenario"
        fixes = FIX.findall(text)
        if len(fixes) + len(NO_FIX.findall(text)) != 1:
            yield f"{title}: one line says Fix or No fix"
        found = [name for each in fixes for name in LINK.findall(each)]
        if fixes and not found:
            yield f"{title}: its fix is no patch"
        named += found
    yield from (f"{name}: no such patch" for name in named if name not in patches)
    yield from (f"{name}: named {named.count(name)} times" for name in patches if named.count(name) != 1)


def problems_of_patch(text: str) -> Iterator[str]:
    """What is wrong with a patch's message for the kernel's list."""
    head, _, diff = text.partition("\ndiff --git ")
    subject = " ".join(re.search(r"^Subject: (.+(?:\n .+)*)", head, re.M)[1].split())  # type: ignore[index]
    message = head.split("\n\n", 1)[1]
    if not subject.startswith("[PATCH] KVM: arm64: "):
        yield "the subject has no subsystem"
    if len(subject.removeprefix("[PATCH] ")) > 75 or subject.endswith("."):
        yield "the subject is long, or a sentence"
    if "DDI 0487" not in message:
        yield "the architecture's rule is not named"
    if not re.search(r"^Tested with nvh", message, re.M):
        yield "how it was tested is not said"
    if re.search(r"-by: ", head):
        yield "nobody signed this"
    if any(len(line) > WIDTH or line != line.rstrip() for line in message.splitlines()):
        yield "a line of the message is long or has trailing blanks"
    if re.search(r"^(?: .*\n){6}", diff, re.M):  # two lines around each change; five between two of a hunk
        yield "more context than needed"


def all_scenarios() -> set[str]:
    return {cell.scenario for cell in find_cells([], [], NO_OVERRIDES, every=True)} | {
        cell.scenario for cell in find_cells([ROOT / "scenarios"], [], NO_OVERRIDES)
    }


def patches() -> list[Path]:
    return sorted(FIXES.glob("*.patch"))


def test_each_section_has_its_scenario_and_its_fix() -> None:
    names = {path.name for path in patches()}
    assert list(problems_of_page(PAGE.read_text(), names, all_scenarios())) == []


def test_each_known_defect_has_a_section() -> None:
    titles = " ".join(sections(PAGE.read_text())) + PAGE.read_text()
    for entry in load_quarantine().entries:
        assert f"`{entry.scenario}`" in titles, entry.scenario


@pytest.mark.parametrize("path", patches(), ids=lambda path: path.name[:4])
def test_each_message_is_fit_for_the_list(path: Path) -> None:
    assert list(problems_of_patch(path.read_text())) == []


@pytest.mark.parametrize("name", ["nv-fixed", "nv-64k-fixed"])
def test_the_kernels_with_the_fixes_have_all_of_them_and_nothing_else(name: str) -> None:
    base = load_kernel(name.removesuffix("-fixed"))
    fixed = load_kernel(name)
    own = [each.name for each in base.series().patches]
    assert [each.name for each in fixed.series().patches] == own + [each.name for each in patches()]
    assert (fixed.config, fixed.source, fixed.require) == (base.config, base.source, base.require)


GOOD = "## A defect: `one`\n\nIt is.\n\nFix: [0001](../images/kernels/series/fixes/0001-a.patch).\n"


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (GOOD.replace("`one`", "one"), "A defect: one: names no scenario"),
        (GOOD.replace("`one`", "`two`"), "A defect: `two`: names no scenario"),
        (GOOD.replace("Fix: ", "Perhaps "), "one line says Fix or No fix"),
        (GOOD + "\nFix: nothing.\n", "one line says Fix or No fix"),
        (GOOD + "\n## B: `one`\n\nNo fix: no.\n", "B: `one`: one line says Fix or No fix"),
        (GOOD.replace("0001-a.patch", "0002-b.patch"), "0002-b.patch: no such patch"),
        (GOOD.replace("[0001]", "[a]"), "its fix is no patch"),
        (GOOD + GOOD.replace("A defect", "B"), "0001-a.patch: named 2 times"),
    ],
)
def test_what_is_wrong_with_the_page_is_found(page: str, says: str) -> None:
    assert list(problems_of_page(GOOD, {"0001-a.patch"}, {"one"})) == []
    assert says in "\n".join(problems_of_page(page, {"0001-a.patch"}, {"one"}))


MESSAGE = """From 0 Mon Sep 17 00:00:00 2001
From: nvh <nvh@localhost>
Subject: [PATCH] KVM: arm64: nv: Do it
 right

It is wrong (DDI 0487 M.a.a, D8).

Tested with nvh: one.

diff --git a/a b/a
@@ -1,4 +1,5 @@
 a
 b
+c
 d
 e
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("KVM: arm64: ", "", "no subsystem"),
        ("Do it", "Do it" + 70 * "x", "long"),
        (" (DDI 0487 M.a.a, D8)", "", "rule"),
        ("Tested with", "Tried", "tested"),
        ("one.\n", "one.\n\nSigned-off-by: Somebody <a@b>\n", "signed"),
        ("It is", "It is" + 80 * "x", "long or has"),
        ("It is wrong", "It is wrong \n", "trailing"),
        (" d\n e\n", " d\n e\n f\n g\n h\n i\n", "context"),
    ],
)
def test_what_is_wrong_with_a_message_is_found(old: str, new: str, says: str) -> None:
    assert list(problems_of_patch(MESSAGE)) == []
    assert says in "\n".join(problems_of_patch(MESSAGE.replace(old, new)))
