# SPDX-License-Identifier: GPL-2.0-only
"""Patch series: how each kind becomes an ordered list of patches, and how they are applied.

Patches are applied by git in a scratch repository that holds only the files they touch: importing the
90,000 files of a kernel would take longer than building it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.kernel.git import git
from harness.artefacts.kernel.mail import read_bytes, read_mails
from harness.artefacts.kernel.patch import Patch
from harness.errors import UserError

_SUFFIXES = (".patch", ".diff")


@dataclass(frozen=True, slots=True)
class Series:
    """A named, ordered list of patches."""

    name: str
    patches: tuple[Patch, ...] = ()

    def digest(self) -> str:
        """Return a SHA-256 over the patches and their order."""
        total = hashlib.sha256()
        for patch in self.patches:
            total.update(f"{patch.strip} {len(patch.data)}\n".encode() + patch.data)
        return total.hexdigest()

    def paths(self) -> list[str]:
        """Return every file that some patch touches, sorted."""
        return sorted(set().union(*(patch.paths() for patch in self.patches)))


def _patches(path: Path, strip: int = 1) -> tuple[Patch, ...]:
    """The patches of a file, which has mails or is a bare diff; they are called as the file is."""
    found = [mail.patch for mail in read_mails(path, strip) if mail.has_diff]
    if not found:
        raise UserError(f"{path} holds no diff; a patch is what `git format-patch` or `diff -u` writes")
    return tuple(dataclasses.replace(patch, name=path.name) for patch in found)


def from_mbox(path: Path) -> Series:
    """Read a mailbox as written by ``b4 am`` or saved from an archive; mails without a diff are left out.

    Mails are taken in the order of their ``[PATCH n/m]`` when each of them has one.
    """
    mails = [mail for mail in read_mails(path) if mail.has_diff]
    if not mails:
        raise UserError(f"{path} holds no mail with a patch; save the thread with `b4 am` first")
    if all(mail.part is not None for mail in mails):
        mails.sort(key=lambda mail: mail.part or 0)
    return Series(path.stem, tuple(dataclasses.replace(mail.patch, name=mail.subject) for mail in mails))


def from_directory(path: Path) -> Series:
    """Read all ``*.patch`` and ``*.diff`` of a directory in the order of their names."""
    if not path.is_dir():
        raise UserError(f"{path} is not a directory of patches")
    files = sorted(entry for entry in path.iterdir() if entry.suffix in _SUFFIXES)
    if not files:
        raise UserError(f"{path} holds no {' or '.join(_SUFFIXES)} file")
    return Series(path.name, tuple(patch for file in files for patch in _patches(file)))


def from_directories(paths: Sequence[Path]) -> Series:
    """Read one directory after the other, each as ``from_directory`` does."""
    parts = [from_directory(path) for path in paths]
    return Series("+".join(part.name for part in parts), tuple(p for part in parts for p in part.patches))


def from_list(paths: Sequence[Path]) -> Series:
    """Read patches given one by one."""
    return Series("list", tuple(patch for path in paths for patch in _patches(path)))


def from_quilt(path: Path) -> Series:
    """Read a quilt ``series`` file: patches relative to it, ``-pN`` options, ``#`` comments (quilt(1))."""
    if path.is_dir():
        path = path / "series"
    patches: list[Patch] = []
    for line in read_bytes(path).decode("utf-8", "replace").splitlines():
        words = line.partition("#")[0].split()
        if words:
            levels = [int(word[2:]) for word in words[1:] if re.fullmatch(r"-p\d", word)]
            patches += _patches(path.parent / words[0], levels[0] if levels else 1)
    return Series(path.parent.name, tuple(patches))


KINDS: Mapping[str, Callable[[Path], Series]] = {
    "mbox": from_mbox,
    "directory": from_directory,
    "quilt": from_quilt,
}
LISTS: Mapping[str, Callable[[Sequence[Path]], Series]] = {
    "directories": from_directories,
    "patches": from_list,
}


def apply(
    series: Series, original: Callable[[str], Path | None], target: str, result: Path, log: Path
) -> None:
    """Apply ``series`` to the files that ``original(path)`` yields (None: absent); they end up in ``result``.

    A conflict raises ``UserError`` naming patch, file, hunk and what git said. ``target`` names the source.
    """
    with tempfile.TemporaryDirectory(prefix="nvh-series-") as scratch:
        repository = Path(scratch)
        for path in series.paths():
            if (found := original(path)) is not None:
                (result / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, result / path)

        def run(*words: str | Path, check: bool = True) -> str:
            done = git(*words, git_dir=repository / "git", work_tree=result, log=log, check=check)
            if not check and done.returncode:
                return done.stdout or f"status {done.returncode}"
            return ""

        run("init", "-q")
        run("add", "-f", "-A", ".")
        run("commit", "-q", "--allow-empty", "-m", "pristine")
        for patch in series.patches:
            file = repository / "patch"
            file.write_bytes(patch.data)
            # no -3: the scratch repository has no blobs to fall back on
            how = ("am", "-q", "--keep-cr") if patch.mail else ("apply", "--index")
            if refused := run(*how, f"-p{patch.strip}", "--whitespace=nowarn", file, check=False):
                raise _conflict(series, patch, target, refused)
            if not patch.mail:
                run("commit", "-q", "-m", patch.name)


def _conflict(series: Series, patch: Patch, target: str, output: str) -> UserError:
    words = [line for line in output.splitlines() if line.startswith(("error:", "fatal:"))]
    where = "the patch is damaged"
    if match := re.search(r"patch failed: (.+):(\d+)$", output, re.M):
        where = f"{match[1]}, line {match[2]}"
        if hunk := _hunk(patch.text(), match[1], int(match[2])):
            where += f", hunk {hunk}"
    elif match := re.search(r"error: (\S+): (.+)$", output, re.M):
        where = f"{match[1]}: {match[2]}"
    said = "\n".join(f"  git: {line}" for line in words or output.splitlines()[:5])
    return UserError(
        f"patch {patch.name!r} of series {series.name} does not apply to {target}: {where}\n{said}\n"
        "rebase the series onto this source, or name another source in the kernel's file"
    )


def _hunk(diff: str, file: str, line: int) -> str:
    """Return the header of the hunk for ``file`` that starts at old line ``line``."""
    current = ""
    for text in diff.splitlines():
        if text.startswith(("--- ", "+++ ")) and not text.endswith("/dev/null"):
            current = text.split("\t")[0]
        elif text.startswith((f"@@ -{line},", f"@@ -{line} ")) and current.endswith(f"/{file}"):
            return text
    return ""
