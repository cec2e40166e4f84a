# SPDX-License-Identifier: GPL-2.0-only
"""A range of commits, ``REPO:A..B``, as the patches that `git format-patch` makes of it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from harness.artefacts.kernel.git import git
from harness.artefacts.kernel.patch import Patch
from harness.errors import UserError
from harness.host import command

_RANGE = re.compile(r"(?P<repository>.+):(?P<first>[^:]+?)\.\.(?P<last>[^:.][^:]*)?")
_SUBJECT = re.compile(rb"^Subject: (?:\[[^\]]*\] )?(.*(?:\n[ \t].*)*)", re.M)
_TIMEOUT_S = 120


def looks_like(text: str) -> bool:
    """Whether ``text`` is written as a range."""
    return _RANGE.fullmatch(text) is not None


def git_directory(path: Path) -> Path:
    """Return the git directory of a repository or work tree; ``UserError`` when it is none."""
    if not path.is_dir():
        raise UserError(f"there is no repository {path}; correct the part before the colon")
    found = command.run(
        ["git", "-c", "safe.directory=*", "-C", path, "rev-parse", "--absolute-git-dir"],
        timeout_s=_TIMEOUT_S,
        check=False,
    )
    if found.returncode:
        raise UserError(f"{path} is not a git repository: {found.stdout.strip()}")
    return Path(found.stdout.strip())


def commit(git_dir: Path, ref: str) -> str:
    """Return the commit that ``ref`` names; ``UserError`` when there is none."""
    done = git(
        *("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"),
        git_dir=git_dir,
        work_tree=git_dir,
        check=False,
    )
    if done.returncode:
        raise UserError(f"{git_dir} has no commit {ref!r}; fetch it, or correct the range")
    return done.stdout.strip()


def patches(text: str) -> tuple[Patch, ...]:
    """Return the commits of ``REPO:A..B`` in order (``B`` is HEAD when left out).

    ``UserError`` for a range that is empty or holds merges, which no series of patches can express.
    """
    match = _RANGE.fullmatch(text)
    assert match is not None, text
    git_dir = git_directory(Path(match["repository"]).expanduser())
    first, last = (commit(git_dir, match[key] or "HEAD") for key in ("first", "last"))

    def run(*words: str) -> str:
        return git(*words, git_dir=git_dir, work_tree=git_dir, timeout_s=_TIMEOUT_S).stdout

    if merges := run("rev-list", "--merges", f"{first}..{last}").split():
        raise UserError(
            f"{text} holds {len(merges)} merges (the first is {merges[-1][:12]}); give a linear range"
        )
    with tempfile.TemporaryDirectory(prefix="nvh-range-") as name:
        how = ("-q", "-N", "--full-index", "--zero-commit", "--no-signature")
        run("format-patch", *how, "-o", name, f"{first}..{last}")
        mails = [path.read_bytes() for path in sorted(Path(name).iterdir())]
    if not mails:
        raise UserError(f"the series {text} is empty: no commit is in B and not in A; are they swapped?")
    return tuple(Patch(subject_of(mail), mail, True) for mail in mails)


def subject_of(mail: bytes) -> str:
    """Return a formatted patch's subject without its tag."""
    found = _SUBJECT.search(mail)
    return " ".join(found[1].decode("utf-8", "replace").split()) if found else "no subject"
