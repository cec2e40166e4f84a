# SPDX-License-Identifier: GPL-2.0-only
"""Each kind of series is read in order, applies, and says precisely what does not apply."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.artefacts.kernel import series
from harness.artefacts.kernel.patch import Patch
from harness.errors import UserError
from tests.artefacts.kernel.toy import AFTER_FORK, FORK, NEW, mail, write_tree


def applied(found: series.Series, tmp_path: Path) -> Path:
    """Apply to a fresh toy tree and return the directory with the results."""
    tmp_path.mkdir(exist_ok=True)
    tree = write_tree(tmp_path / "tree")
    result = tmp_path / "result"
    result.mkdir()
    series.apply(
        found, lambda path: p if (p := tree / path).exists() else None, "toy", result, tmp_path / "log"
    )
    return result


def assert_four(result: Path) -> None:
    assert "three();\n\tfour();\n" in (result / "kernel/fork.c").read_text()
    assert (result / "kernel/trace.c").read_text() == "int trace;\n"


def test_directory_in_name_order(tmp_path: Path) -> None:
    patches = tmp_path / "p"
    patches.mkdir()
    (patches / "0002-b.patch").write_text(mail(AFTER_FORK))
    (patches / "0001-a.patch").write_text(mail(FORK))
    (patches / "0003-c.diff").write_text(NEW)
    (patches / "README").write_text("not a patch")
    found = series.from_directory(patches)
    assert [p.name for p in found.patches] == ["0001-a.patch", "0002-b.patch", "0003-c.diff"]
    assert [p.mail for p in found.patches] == [True, True, False]
    assert_four(applied(found, tmp_path))


def test_directories_one_after_the_other(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "0001-a.patch").write_text(mail(FORK))
    (second / "0001-b.patch").write_text(mail(AFTER_FORK))
    (second / "0002-c.diff").write_text(NEW)
    found = series.from_directories([first, second])
    assert found.name == "first+second"
    assert [p.name for p in found.patches] == ["0001-a.patch", "0001-b.patch", "0002-c.diff"]
    assert_four(applied(found, tmp_path))
    with pytest.raises(UserError, match="does not apply"):
        applied(series.from_directories([second, first]), tmp_path / "again")


@pytest.mark.parametrize("compressed", [False, True])
def test_mbox_sorts_by_part_and_drops_what_is_no_patch(tmp_path: Path, compressed: bool) -> None:
    cover = mail("", "0/3", "Cover letter")
    reply = mail("> diff --git a/x b/x\n> --- a/x\n", "1/3", "Re: looks odd").replace(
        "[PATCH 1/3] Re:", "Re:"
    )
    text = (
        cover
        + "\n"
        + mail(NEW, "3/3")
        + "\n"
        + reply
        + "\n"
        + mail(AFTER_FORK, "2/3")
        + "\n"
        + mail(FORK, "1/3")
    )
    box = tmp_path / "v8.mbx"
    box.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    found = series.from_mbox(box)
    assert [p.name for p in found.patches] == [f"[PATCH {n}/3] A change" for n in (1, 2, 3)]
    assert_four(applied(found, tmp_path))


def test_mbox_with_encoded_mail(tmp_path: Path) -> None:
    head, _, body = mail(FORK).partition("\n\n")
    encoded = base64.encodebytes(body.encode()).decode()
    header = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64"
    box = tmp_path / "box"
    box.write_text(f"{head}\n{header}\n\n{encoded}")
    found = series.from_mbox(box)
    assert found.paths() == ["kernel/fork.c"]
    assert "three();" in (applied(found, tmp_path) / "kernel/fork.c").read_text()


def test_quilt_series_with_comments_and_strip(tmp_path: Path) -> None:
    patches = tmp_path / "patches"
    (patches / "sub").mkdir(parents=True)
    plain = "".join(line for line in FORK.splitlines(True) if not line.startswith("diff "))
    (patches / "sub/fork.diff").write_text(plain.replace("a/kernel", "kernel").replace("b/kernel", "kernel"))
    (patches / "after.patch").write_text(AFTER_FORK)
    (patches / "new.patch").write_text(NEW)
    (patches / "series").write_text("# ours\nsub/fork.diff -p0\nafter.patch  # comment\n\nnew.patch -p1\n")
    for path in (patches, patches / "series"):
        found = series.from_quilt(path)
        assert [p.strip for p in found.patches] == [0, 1, 1]
        assert found.paths() == ["kernel/fork.c", "kernel/trace.c"]
    assert_four(applied(found, tmp_path))


def test_conflict_names_patch_file_and_hunk(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.patch", tmp_path / "bad.patch"
    good.write_text(mail(FORK))
    bad.write_text(mail(AFTER_FORK.replace("three", "other")))
    with pytest.raises(UserError) as caught:
        applied(series.from_list([good, bad]), tmp_path)
    message = str(caught.value)
    assert "'bad.patch'" in message
    assert "kernel/fork.c, line 4, hunk @@ -4,4 +4,5 @@" in message
    assert "git: error: patch failed: kernel/fork.c:4" in message
    assert "toy" in message


@pytest.mark.parametrize(
    ("diff", "expected"),
    [
        (FORK.replace("kernel/fork.c", "kernel/gone.c"), "kernel/gone.c"),
        (NEW.replace("kernel/trace.c", "kernel/sched.c"), "kernel/sched.c"),
        (FORK.replace("@@ -2,5 +2,6 @@", "@@ -2,9 +2,6 @@"), "damaged"),
    ],
)
def test_other_refusals(tmp_path: Path, diff: str, expected: str) -> None:
    for number, text in enumerate((diff, mail(diff))):
        where = tmp_path / str(number)
        where.mkdir()
        (where / "x.patch").write_text(text)
        with pytest.raises(UserError, match=r"(?s)'x\.patch'.*") as caught:
            applied(series.from_list([where / "x.patch"]), where)
        assert expected in str(caught.value)
        assert "git:" in str(caught.value)


def test_users_git_settings_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = /bin/false\n[core]\n\tautocrlf = true\n"
    )
    monkeypatch.setenv("HOME", str(home))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    patch = tmp_path / "a.patch"
    patch.write_text(mail(FORK))
    result = applied(series.from_list([patch]), tmp_path)
    assert b"\r" not in (result / "kernel/fork.c").read_bytes()


def test_digest_depends_on_content_and_order(tmp_path: Path) -> None:
    a, b = tmp_path / "a.patch", tmp_path / "b.patch"
    a.write_text(mail(FORK))
    b.write_text(mail(NEW))
    one, two = series.from_list([a, b]).digest(), series.from_list([b, a]).digest()
    assert one != two
    b.write_text(mail(NEW, subject="Other words"))
    assert series.from_list([a, b]).digest() != one


def test_unreadable_series(tmp_path: Path) -> None:
    (tmp_path / "empty.patch").write_text("nothing\n")
    (tmp_path / "series").write_text("gone.patch\n")
    (tmp_path / "letter.mbox").write_text(mail("no diff here"))
    (tmp_path / "d").mkdir()
    calls: list[tuple[Callable[[], series.Series], str]] = [
        (lambda: series.from_list([tmp_path / "empty.patch"]), "neither mails nor a diff"),
        (lambda: series.from_quilt(tmp_path / "series"), "gone.patch cannot be read"),
        (lambda: series.from_directory(tmp_path / "d"), "holds no .patch"),
        (lambda: series.from_directory(tmp_path / "missing"), "not a directory"),
        (lambda: series.from_mbox(tmp_path / "empty.patch"), "neither mails nor a diff"),
        (lambda: series.from_mbox(tmp_path / "letter.mbox"), "no mail with a patch"),
        (lambda: series.from_list([tmp_path / "letter.mbox"]), "holds no diff"),
    ]
    for call, words in calls:
        with pytest.raises(UserError, match=words):
            call()


def test_paths_outside_the_tree_are_ignored() -> None:
    patch = Patch("x", b"--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", False)
    assert patch.paths() == set()
