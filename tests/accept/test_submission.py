# SPDX-License-Identifier: GPL-2.0-only
"""Every form of a series is read in order and whole; every kind of bad input has its own message."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.accept.submission import Submission, read
from harness.errors import UserError
from tests.accept.conftest import THREE
from tests.artefacts.kernel.toy import AFTER_FORK, FORK, NEW, mail, run_git, write_tree

Box = Callable[..., Path]
COVER = mail("", "0/3", "Three changes")
REPLY = mail(FORK, "1/3", "First").replace("[PATCH 1/3]", "Re: [PATCH 1/3]")


def titles(found: Submission) -> list[str]:
    return [re.sub(r"^\[.*?\] ", "", patch.name) for patch in found.patches]


def v2(text: str) -> str:
    return text.replace("[PATCH ", "[PATCH v2 ")


def test_mbox_in_any_order_with_cover_letter_and_replies(box: Box) -> None:
    path = box(COVER, THREE[2], REPLY, THREE[0], THREE[1])
    found = read(str(path))
    assert titles(found) == ["First", "Second", "Third"]
    assert found.title == "Three changes"
    assert "2 mails without a patch" in found.notes[0]


def test_compressed(tmp_path: Path) -> None:
    path = tmp_path / "t.mbox.gz"
    path.write_bytes(gzip.compress("\n".join(THREE).encode()))
    assert titles(read(str(path))) == ["First", "Second", "Third"]


def test_of_several_whole_versions_the_newest(box: Box) -> None:
    path = box(*THREE, *map(v2, THREE))
    found = read(str(path))
    assert found.version == 2
    assert len(found.patches) == 3
    assert "v2 taken; v1" in found.notes[-1]
    assert read(str(path), 1).version == 1
    with pytest.raises(UserError, match=r"has no version 3 \(v1, v2\)"):
        read(str(path), 3)


def test_one_patch_alone_of_a_series_is_taken(box: Box) -> None:
    found = read(str(box(mail(FORK, "42/69", "One"))))
    assert len(found.patches) == 1
    assert "the other 68 patches" in found.notes[0]


def test_a_page_saved_from_an_archive(box: Box) -> None:
    text = "All of an archive\n help / color / mirror\n" + THREE[0].partition("\n")[2]
    found = read(str(box(text.replace("1/3", "7/9"))))
    assert titles(found) == ["First"]
    assert found.patches[0].data.startswith(b"From: A Developer")


def test_bare_diff(box: Box) -> None:
    found = read(str(box(FORK, name="fix.diff")))
    assert [patch.mail for patch in found.patches] == [False]


def test_directory_by_number_and_by_name(tmp_path: Path) -> None:
    place = tmp_path / "p"
    place.mkdir()
    for name, text in (("a.patch", THREE[2]), ("b.patch", THREE[0]), ("c.patch", THREE[1])):
        (place / name).write_text(text)
    assert titles(read(str(place))) == ["First", "Second", "Third"]
    for path in place.iterdir():
        path.unlink()
    (place / "0002.diff").write_text(AFTER_FORK)
    (place / "0001.diff").write_text(FORK)
    assert [patch.name for patch in read(str(place)).patches] == ["0001.diff", "0002.diff"]


def test_quilt(tmp_path: Path) -> None:
    (tmp_path / "q/a").mkdir(parents=True)
    (tmp_path / "q/series").write_text("# first\nb.diff -p0\na/c.patch # why\n")
    (tmp_path / "q/b.diff").write_text(FORK.replace("a/kernel", "kernel").replace("b/kernel", "kernel"))
    (tmp_path / "q/a/c.patch").write_text(THREE[1])
    found = read(str(tmp_path / "q"))
    assert [patch.strip for patch in found.patches] == [0, 1]
    assert titles(found) == ["b.diff", "Second"]


def test_git_range(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "linux")
    run_git(tree, "init", "-q")
    run_git(tree, "add", "-A")
    run_git(tree, "commit", "-q", "-m", "base")
    for name in ("one", "two"):
        (tree / "kernel" / f"{name}.c").write_text(f"int {name};\n")
        run_git(tree, "add", "-A")
        run_git(tree, "commit", "-q", "-m", name)
    assert titles(read(f"{tree}:HEAD~2..HEAD")) == ["one", "two"]
    assert read(f"{tree}:HEAD~1..").patches[0].mail
    with pytest.raises(UserError, match="empty: no commit"):
        read(f"{tree}:HEAD..HEAD~2")
    with pytest.raises(UserError, match="no commit 'nothing'"):
        read(f"{tree}:nothing..HEAD")
    with pytest.raises(UserError, match="there is no repository"):
        read(f"{tmp_path}/none:a..b")


def test_a_range_with_merges_is_refused(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "linux")
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        ("commit", "-q", "-m", "base"),
        ("tag", "base"),
        ("checkout", "-q", "-b", "side"),
        ("commit", "-q", "--allow-empty", "-m", "side"),
        ("checkout", "-q", "main"),
        ("merge", "-q", "--no-ff", "side", "-m", "merge"),
    ):
        run_git(tree, *words)
    with pytest.raises(UserError, match="holds 1 merges"):
        read(f"{tree}:base..main")


BINARY = """\
diff --git a/logo.png b/logo.png
new file mode 100644
GIT binary patch
literal 3
KcmZQzWMBXQ00IC3

"""

BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "not an mbox": (("Dear all,\nsee attachment.\n",), "text that begins 'Dear all,'; expected an mbox"),
    "nothing": (("",), "an empty file; expected an mbox"),
    "no patch in it": ((COVER,), "is empty: 1 mails, and none of them has a patch"),
    "binary": ((mail(BINARY, "1/1", "Logo"),), r"a binary patch \('GIT binary patch' in"),
    "3 of 5 missing": (
        tuple(mail(FORK, f"{part}/5", f"P{part}") for part in (1, 2, 4, 5)),
        r"patch 3 of 5 of v1 is missing \(it holds 1, 2, 4, 5\)",
    ),
    "versions mixed": (
        (THREE[0], v2(THREE[1]), THREE[2]),
        "mixes versions, and none of them is whole: v1 has 1/3, 3/3; v2 has 2/3",
    ),
    "a number without a diff": ((THREE[0], mail("", "2/3", "Lost"), THREE[2]), "'Lost' without a diff"),
    "two of one number": (
        (THREE[0], mail(NEW, "1/3", "Other"), *THREE[1:]),
        "another v1 1/3 'Other', different from the one at line 1",
    ),
    "two series": ((THREE[0], mail(NEW, "1/2", "Of another")), "patches of 3 and of 2 in one series"),
    "one without a number": ((*THREE, mail(NEW, "x", "Stray")), "'Stray' without a number"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input(box: Box, what: str) -> None:
    mails, message = BAD[what]
    with pytest.raises(UserError, match=message) as caught:
        read(str(box(*mails)))
    assert caught.value.exit_status == 2
    assert "series.mbox" in str(caught.value)


def test_other_bad_input(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no series"):
        read(str(tmp_path / "nothing"))
    with pytest.raises(UserError, match="the directory holds no"):
        read(str(tmp_path))
    (tmp_path / "series").write_text("gone.patch\n")
    with pytest.raises(UserError, match=r"series:1:1: no file gone\.patch"):
        read(str(tmp_path))
    (tmp_path / "x.mbox").write_bytes(b"\x7fELF\0\0")
    with pytest.raises(UserError, match="binary data"):
        read(str(tmp_path / "x.mbox"))


def test_subject_in_another_encoding(box: Box) -> None:
    text = THREE[0].replace("First", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=").replace("1/3", "1/1")
    assert titles(read(str(box(text)))) == ["Grüße"]


def test_git_takes_what_was_read(box: Box, tmp_path: Path) -> None:
    """The bytes of each patch are what git am understands, also behind an archive's page."""
    tree = write_tree(tmp_path / "linux")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        run_git(tree, *words)
    page = "An archive\n help\n" + THREE[0].replace("1/3", "1/1").partition("\n")[2]
    (patch,) = read(str(box(page))).patches
    subprocess.run(
        ["git", "-C", tree, "-c", "user.name=t", "-c", "user.email=t@example.org", "am", "-q"],
        input=patch.data,
        check=True,
        timeout=60,
    )
    assert "three();" in (tree / "kernel/fork.c").read_text()


def test_a_version_that_is_not_there_is_refused_and_those_that_are_are_named(
    box: Box, tmp_path: Path
) -> None:
    """Of whatever kind: mails, a directory of them, a quilt series, a range."""
    (tmp_path / "d").mkdir()
    for number, text in enumerate(THREE, 1):
        (tmp_path / f"d/{number:04}.patch").write_text(text)
    for source in (box(*THREE), tmp_path / "d"):
        with pytest.raises(UserError, match=r"has no version 9 \(v1\)"):
            read(str(source), 9)
    (tmp_path / "d/series").write_text("0001.patch\n")
    with pytest.raises(UserError, match=r"has no version 9 \(it is no mails: v1 alone\)"):
        read(str(tmp_path / "d"), 9)
    assert titles(read(str(tmp_path / "d"), 1)) == ["First"]
    tree = write_tree(tmp_path / "linux")
    for words in (
        ("init", "-q"),
        ("add", "-A"),
        ("commit", "-q", "-m", "base"),
        ("commit", "-q", "--allow-empty", "-m", "x"),
    ):
        run_git(tree, *words)
    with pytest.raises(UserError, match="has no version 2"):
        read(f"{tree}:HEAD~1..HEAD", 2)
