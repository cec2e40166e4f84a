# SPDX-License-Identifier: GPL-2.0-only
"""A series is applied by git am -3; what does not apply names patch, file, hunk and likely mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.accept.apply import apply
from harness.accept.base import Base, open_base
from harness.accept.submission import read
from harness.artefacts.kernel.repository import repository
from harness.errors import UserError
from tests.accept.conftest import THREE
from tests.artefacts.kernel.toy import AFTER_FORK, FORK, NEW, Toy, mail, run_git, write_tree

Box = Callable[..., Path]

ELSEWHERE = """\
diff --git a/drivers/gpu/x.c b/drivers/gpu/x.c
--- a/drivers/gpu/x.c
+++ b/drivers/gpu/x.c
@@ -1,1 +1,1 @@
-int x;
+int y;
"""
TWO_HUNKS = """\
diff --git a/kernel/fork.c b/kernel/fork.c
--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -1,3 +1,3 @@
-int fork(void)
+long fork(void)
 {
 \tone();
@@ -40,3 +40,3 @@ int other(void)
 \tnothing();
-\tlike();
+\tthis();
 \there();
diff --git a/kernel/sched.c b/kernel/sched.c
--- a/kernel/sched.c
+++ b/kernel/sched.c
@@ -2,3 +2,3 @@
 {
-\treturn 5;
+\treturn 6;
 }
diff --git a/kernel/gone.c b/kernel/gone.c
--- a/kernel/gone.c
+++ b/kernel/gone.c
@@ -1,1 +1,1 @@
-int x;
+int y;
"""


def test_in_order_each_a_commit(base: Base, box: Box, tmp_path: Path) -> None:
    tree, used, notes = apply(read(str(box(*THREE))), base, tmp_path / "out")
    assert used is base
    assert notes == ()
    assert [(p.number, p.title, p.merged) for p in tree.patches] == [
        (1, "First", False),
        (2, "Second", False),
        (3, "Third", False),
    ]
    assert [p.files for p in tree.patches] == [("kernel/fork.c",), ("kernel/fork.c",), ("kernel/trace.c",)]
    assert "three();\n\tfour();\n" in tree.text("kernel/fork.c")
    assert "+\tthree();" in tree.diff(last=tree.patches[0].commit)
    assert "four" not in tree.diff(last=tree.patches[0].commit)
    assert tree.source("kernel/sched.c", base.repository.commit).startswith("int sched")
    assert tree.source("kernel/none.c", base.repository.commit) == ""


def test_the_same_series_gives_the_same_kernel(base: Base, box: Box, tmp_path: Path) -> None:
    """The patches as applied are the builder's input: they must not depend on when they were applied."""
    source = read(str(box(*THREE)))
    first, second = (apply(source, base, tmp_path / name)[0] for name in ("a", "b"))
    assert [p.patch.data for p in first.patches] == [p.patch.data for p in second.patches]


def test_kernels_of_every_step_build(toy: Toy, base: Base, box: Box, tmp_path: Path) -> None:
    tree, _, _ = apply(read(str(box(*THREE))), base, tmp_path / "out")
    for count, has in ((0, False), (1, True)):
        toy.file = base.write_kernel(
            tmp_path / "k", f"p{count}", tuple(p.patch for p in tree.patches[:count])
        )
        built = toy.build()
        assert (b"three();" in (built.path / "Image").read_bytes()) is has
        if count:  # one file was patched, one file is compiled
            assert {Path(name).name for name in built.manifest["compiled"]} == {"fork.o"}


def test_all_files_and_hunks_are_named(base: Base, box: Box, tmp_path: Path) -> None:
    series = box(mail(FORK, "1/2", "Good"), mail(TWO_HUNKS, "2/2", "Bad"))
    with pytest.raises(UserError) as caught:
        apply(read(str(series)), base, tmp_path / "out")
    text = str(caught.value)
    assert "patch 2 of 2, 'Bad', does not apply to" in text
    assert "kernel/fork.c: hunk 2 of 2 (@@ -40,3 +40,3 @@ int other(void))" in text
    assert "hunk 1 of 2" not in text  # that one applies
    assert "kernel/sched.c: hunk 1 of 1 (@@ -2,3 +2,3 @@)" in text
    assert "kernel/gone.c: No such file or directory" in text
    assert "rebase the series" in text
    assert caught.value.exit_status == 2


def test_patch_for_another_tree(base: Base, box: Box, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="for another tree") as caught:
        apply(read(str(box(mail(ELSEWHERE)))), base, tmp_path / "out")
    assert "drivers/gpu/x.c: No such file or directory" in str(caught.value)


def test_reversed_patch(base: Base, box: Box, tmp_path: Path) -> None:
    backwards = FORK.replace("+\tthree();", "-\tthree();").replace("-2,5 +2,6", "-2,6 +2,5")
    with pytest.raises(UserError, match="it applies in reverse"):
        apply(read(str(box(mail(FORK, "1/2"), mail(FORK, "2/2")))), base, tmp_path / "twice")
    with pytest.raises(UserError) as caught:
        apply(read(str(box(mail(backwards)))), base, tmp_path / "out")
    assert "it applies in reverse" in str(caught.value)


def test_three_way_merge_by_the_blobs_of_the_base(tmp_path: Path, toy: Toy) -> None:
    """A patch made before the base changed its context is merged: the base's history has that blob."""
    tree = write_tree(tmp_path / "history")
    run_git(tree, "init", "-q")
    run_git(tree, "add", "-A")
    run_git(tree, "commit", "-q", "-m", "old")
    (tree / "kernel/fork.c").write_text("int fork(void)\n{\n\tone();\n\ttwo();\n\tthree();\n\treturn 0;\n}\n")
    run_git(tree, "commit", "-q", "-a", "-m", "theirs")
    run_git(tree, "tag", "theirs")
    run_git(tree, "checkout", "-q", "HEAD~1")
    (tree / "kernel/fork.c").write_text(
        "int fork(void)\n{\n\tone();\n\tbefore();\n\ttwo();\n\treturn 0;\n}\n"
    )
    run_git(tree, "commit", "-q", "-a", "-m", "Theirs is newer")
    base = open_base(str(kernel(toy, f"{{git: {{path: {tree}, ref: theirs}}}}")), toy.store, toy.say)
    found, _, _ = apply(read(f"{tree}:HEAD~1..HEAD"), base, tmp_path / "out")
    assert [p.merged for p in found.patches] == [True]
    assert "before();\n\ttwo();\n\tthree();" in found.text("kernel/fork.c")


def kernel(toy: Toy, source: str) -> Path:
    return toy.write(source=source)


def test_own_patches_of_the_base_give_way(toy: Toy, box: Box, tmp_path: Path) -> None:
    """A series that fits the source, but not the base's own patches, is judged without those."""
    (toy.root / "own").mkdir()
    (toy.root / "own/0001.patch").write_text(mail(FORK.replace("three", "mine")))
    toy.write("series: {directory: own}\n")
    base = open_base(str(toy.file), toy.store, toy.say)
    tree, used, (note,) = apply(read(str(box(mail(FORK)))), base, tmp_path / "out")
    assert used.overlay.patches == ()
    assert "three" in tree.text("kernel/fork.c")
    assert "mine" not in tree.text("kernel/fork.c")
    assert "without its series own" in note
    assert "kernel/fork.c" in note
    fits, used, notes = apply(read(str(box(mail(NEW)))), base, tmp_path / "fits")
    assert used is base
    assert notes == ()
    assert "mine" in toy_text(base, tmp_path, fits.patches[0].patch.data, toy)


def test_a_patch_that_the_base_has_is_reported_also_where_the_source_does_not_take_it(
    toy: Toy, box: Box, tmp_path: Path
) -> None:
    """git am finds nothing to do for it, which is no success: its commit would be the one below it."""
    (toy.root / "own").mkdir()
    for number, text in enumerate((FORK, AFTER_FORK), 1):
        (toy.root / f"own/{number:04}.patch").write_text(mail(text, f"{number}/2"))
    toy.write("series: {directory: own}\n")
    base = open_base(str(toy.file), toy.store, toy.say)
    with pytest.raises(UserError, match="it is in the base already") as caught:
        apply(read(str(box(mail(AFTER_FORK)))), base, tmp_path / "out")
    assert "with the series own" in str(caught.value)


def toy_text(base: Base, tmp_path: Path, data: bytes, toy: Toy) -> str:
    """The image of the base with one patch, built from its kernel file."""
    from harness.artefacts.kernel.patch import Patch

    toy.file = base.write_kernel(tmp_path / "kernels", "fits", (Patch("x", data, True),))
    return (toy.build().path / "Image").read_text(errors="replace")


def test_a_repository_is_left_as_it_was(tmp_path: Path, toy: Toy) -> None:
    tree = write_tree(tmp_path / "linux-git")
    run_git(tree, "init", "-q")
    run_git(tree, "add", "-A")
    run_git(tree, "commit", "-q", "-m", "base")
    before = sorted(str(path) for path in tree.rglob("*"))
    base = open_base(f"{tree}:HEAD", toy.store, toy.say)
    assert base.repository.git_dir == tree / ".git"
    assert sorted(str(path) for path in tree.rglob("*")) == before


def test_a_source_is_imported_once(base: Base, toy: Toy) -> None:
    again = open_base(str(toy.file), toy.store, toy.say)
    assert again.repository == base.repository
    assert sum("importing" in text for text in toy.said) == 1
    assert repository(base.spec.source, toy.store, toy.say) == base.repository  # type: ignore[arg-type]
    (toy.tree / "kernel/link.c").symlink_to("fork.c")
    (toy.tree / "kernel/run.sh").write_text("#!/bin/sh\n")
    (toy.tree / "kernel/run.sh").chmod(0o755)
    changed = open_base(str(toy.file), toy.store, toy.say)
    assert changed.repository.commit != base.repository.commit
    from harness.artefacts.kernel.git import git

    listed = git(
        *("ls-tree", "-r", changed.repository.commit),
        git_dir=changed.repository.git_dir,
        work_tree=changed.repository.git_dir,
    ).stdout
    assert "120000 blob" in listed
    assert "100755 blob" in listed


def test_bases_that_are_none(toy: Toy) -> None:
    with pytest.raises(UserError, match="ready image"):
        open_base("debian", toy.store, toy.say)
    with pytest.raises(UserError, match="did you mean"):
        open_base("nv-pervious", toy.store, toy.say)


def test_a_second_patch_on_the_first(base: Base, box: Box, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="patch 1 of 1, 'Second'"):
        apply(read(str(box(mail(AFTER_FORK, "1/1", "Second")))), base, tmp_path / "out")
