# SPDX-License-Identifier: GPL-2.0-only
"""Applies a series to its base with `git am -3`, in a small repository that holds the files it touches.

The objects of the base are borrowed (gitrepository-layout(5), objects/info/alternates), so that a three-way
merge finds every blob that the base's repository has, and nothing is copied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.accept import conflict
from harness.accept.base import Base
from harness.accept.conflict import Conflict
from harness.accept.gitrange import subject_of
from harness.accept.submission import Submission
from harness.artefacts.kernel.git import git
from harness.artefacts.kernel.patch import Patch
from harness.errors import InfraError, UserError

_MERGED = re.compile(r"^(?:Falling back to patching base and 3-way merge|Using index info)", re.M)


@dataclass(frozen=True, slots=True)
class Applied:
    """One patch as it lies on the base: exact bytes for git am, its commit, the files that it changed.

    ``merged``: it did not apply as it was, but by a three-way merge.
    """

    number: int
    title: str
    patch: Patch
    commit: str
    files: tuple[str, ...]
    merged: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """The base's touched files with the series on top; ``first`` is the commit below the first patch."""

    directory: Path
    first: str
    patches: tuple[Applied, ...]

    @property
    def last(self) -> str:
        """The commit of the whole series."""
        return self.patches[-1].commit if self.patches else self.first

    def git(self, *words: str | Path) -> str:
        """Run git there."""
        return git(*words, git_dir=self.directory / "git", work_tree=self.directory / "files").stdout

    def diff(self, first: str = "", last: str = "", context: int = 3) -> str:
        """Return the diff of two commits; of the whole series by default."""
        return self.git("diff", f"-U{context}", "--no-renames", first or self.first, last or self.last)

    def source(self, path: str, below: str) -> str:
        """Return a file with the series applied, or as in commit ``below``; empty when it is nowhere."""
        return self.text(path) or self.text_at(below, path)

    def text_at(self, commit: str, path: str) -> str:
        """Return a file as in ``commit``; empty when it is not there."""
        words = ("cat-file", "blob", f"{commit}:{path}")
        done = git(*words, git_dir=self.directory / "git", work_tree=self.directory / "files", check=False)
        return done.stdout if done.returncode == 0 else ""

    def text(self, path: str) -> str:
        """Return a file with the whole series applied; empty when it is not there."""
        file = self.directory / "files" / path
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def apply(submission: Submission, base: Base, directory: Path) -> tuple[Tree, Base, tuple[str, ...]]:
    """Apply the series below ``directory``; returns the tree, the base that was used, and notes about both.

    Where a patch conflicts with the base's own patches but not with its source, those are left out.
    ``UserError`` with patch, files and hunks when it conflicts with the source.
    """
    try:
        return _apply(submission, base, directory / "series"), base, ()
    except Refused as refused:
        if not base.overlay.patches:
            raise refused.error(base) from None
        bare = base.without_overlay()
        try:
            tree = _apply(submission, bare, directory / "series-on-source")
        except Refused as again:
            if refused.conflict.kind == "reversed":  # which says more than what becomes of it elsewhere
                raise refused.error(base) from None
            raise again.error(bare) from None
        note = (
            f"the base is used without its series {base.overlay.name}, with which patch {refused.number} "
            f"({refused.patch.name}) conflicts in {', '.join(p.file for p in refused.conflict.places)}; "
            "scenarios that need its trace events cannot be decided"
        )
        return tree, bare, (note,)


class Refused(Exception):
    """A patch that does not apply."""

    def __init__(self, number: int, total: int, patch: Patch, found: Conflict) -> None:
        super().__init__(patch.name)
        self.number = number
        self.total = total
        self.patch = patch
        self.conflict = found

    def error(self, base: Base) -> UserError:
        """Return the message for the user."""
        lines = [
            f"patch {self.number} of {self.total}, {self.patch.name!r}, does not apply to {base.label} "
            "(git am -3):"
        ]
        lines += [f"  {line}" for place in self.conflict.places for line in place.lines()]
        lines += [f"  git: {line}" for line in self.conflict.said if not self.conflict.places]
        return UserError("\n".join([*lines, self.conflict.advice]))


def _apply(submission: Submission, base: Base, directory: Path) -> Tree:
    files, git_dir = directory / "files", directory / "git"
    files.mkdir(parents=True)
    git_dir.mkdir()

    def run(*words: str | Path) -> tuple[int, str]:
        done = git(*words, git_dir=git_dir, work_tree=files, check=False)
        return done.returncode, done.stdout

    def need(*words: str | Path) -> str:
        status, said = run(*words)
        if status:
            raise InfraError(
                f"git {words[0]} in {directory} ended with status {status}: {said.strip()}", said
            )
        return said.strip()

    need("init", "-q")
    (git_dir / "objects/info").mkdir(parents=True, exist_ok=True)
    (git_dir / "objects/info/alternates").write_text(f"{base.repository.objects}\n", encoding="utf-8")
    touched = sorted(set().union(*(patch.paths() for patch in (*base.overlay.patches, *submission.patches))))
    need("read-tree", "--empty")
    listed = need("ls-tree", "-r", base.repository.commit, "--", *touched) if touched else ""
    entries = [re.split(r"[ \t]", line, maxsplit=3) for line in listed.splitlines()]
    for mode, _, blob, path in entries:
        need("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")
    need("checkout-index", "-q", "-a", "-f")
    need("commit", "-q", "--allow-empty", "-m", base.repository.label)
    for number, patch in enumerate(base.overlay.patches, 1):
        said = _add(patch, directory, run)
        if said is not None:
            found = conflict.examine(patch, said, files, run)
            where = "; ".join(line for place in found.places for line in place.lines())
            raise UserError(
                f"the base's own patch {number} ({patch.name}) does not apply to {base.repository.label}: "
                f"{where}\ncorrect the series in its kernel file"
            )
    first = need("rev-parse", "HEAD")
    applied = [_next(n, submission.patches, directory, run) for n in range(1, len(submission.patches) + 1)]
    return Tree(directory, first, tuple(applied))


def _next(
    number: int,
    patches: Sequence[Patch],
    directory: Path,
    run: conflict.Run,
) -> Applied:
    patch, files = patches[number - 1], directory / "files"
    _, before = run("rev-parse", "HEAD")
    said = _add(patch, directory, run)
    if said is not None and not said.startswith("merged"):
        raise Refused(number, len(patches), patch, conflict.examine(patch, said, files, run))
    _, commit = run("rev-parse", "HEAD")
    _, changed = run("diff-tree", "-r", "--no-commit-id", "--name-only", "HEAD")
    if commit == before or not changed.strip():
        found = Conflict("reversed", (), ("it changes nothing",))
        raise Refused(number, len(patches), patch, found)
    place = directory / "patches"
    run(
        "format-patch",
        "-q",
        "-1",
        "-N",
        "--full-index",
        "--zero-commit",  # the same series gives the same bytes, and so the same kernel
        "--no-signature",
        "--start-number",
        str(number),
        "-o",
        place,
    )
    (file,) = place.glob(f"{number:04}-*")
    data = file.read_bytes()
    return Applied(
        number,
        subject_of(data) if patch.mail else patch.name,
        Patch(file.name, data, True),
        commit.strip(),
        tuple(changed.split()),
        said is not None,
    )


def _add(patch: Patch, directory: Path, run: conflict.Run) -> str | None:
    """Apply and commit one patch; returns None, ``merged`` after a three-way merge, or git's refusal."""
    file = directory / "patch"
    file.write_bytes(patch.data)
    common = (f"-p{patch.strip}", "--whitespace=nowarn")
    if patch.mail:
        status, said = run("am", "-3", "--keep-cr", *common, file)
        if status:
            run("am", "--abort")
            run("reset", "-q", "--hard")
            return said or f"error: status {status}"
    else:
        status, said = run("apply", "-3", "--index", *common, file)
        if status:
            run("reset", "-q", "--hard")
            return said or f"error: status {status}"
        run("commit", "-q", "-m", patch.name)
    return "merged" if _MERGED.search(said) else None
