# SPDX-License-Identifier: GPL-2.0-only
"""What was handed in: a series of patches in order, whole, of one version, whatever form it came in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.accept import gitrange
from harness.accept.diff_lines import HUNK
from harness.artefacts.kernel.mail import Mail, read_bytes, read_mails
from harness.artefacts.kernel.patch import Patch
from harness.errors import InputError, Location, Problem, UserError
from harness.report.safe_text import some

SUFFIXES = (".patch", ".diff", ".eml", ".mbox", ".mbx", ".txt")
_BINARY = re.compile(r"^(?:GIT binary patch|Binary files .* differ)$", re.M)
_ONLY_METADATA = re.compile(
    r"^(?:rename from|similarity index|old mode|deleted file mode|new file mode) ", re.M
)


@dataclass(frozen=True, slots=True)
class Submission:
    """A series: where it came from, its cover letter's title, its patches in order, what was left out."""

    origin: str
    title: str
    version: int
    patches: tuple[Patch, ...]
    notes: tuple[str, ...] = ()


def read(source: str, version: int | None = None) -> Submission:
    """Read ``source``: an mbox or mail, a directory of patches, a quilt series, or ``REPO:A..B``.

    ``version`` chooses among several. ``InputError`` or ``UserError`` says what is wrong: not an mbox, empty,
    binary, patches missing, versions mixed.
    """
    path = Path(source).expanduser()
    if not path.exists() and gitrange.looks_like(source):
        _only_version(source, version)
        return _checked(Submission(source, "", 1, gitrange.patches(source)), [])
    if not path.exists():
        raise UserError(
            f"there is no series {source}; name an mbox, a directory of patches, a quilt series file, or a "
            "range REPO:A..B"
        )
    if path.is_dir() and (path / "series").is_file():
        path = path / "series"
    if path.is_file() and path.name == "series":
        _only_version(str(path), version)
        return _quilt(path)
    mails = _directory(path) if path.is_dir() else read_mails(path)
    return _chosen(path, mails, version)


def _only_version(source: str, version: int | None) -> None:
    """Refuse a version of what has none but the one that is there."""
    if version not in (None, 1):
        raise UserError(f"{source} has no version {version} (it is no mails: v1 alone); leave --version out")


def _directory(path: Path) -> list[Mail]:
    files = sorted(entry for entry in path.iterdir() if entry.suffix in SUFFIXES and entry.is_file())
    if not files:
        raise UserError(f"the series {path} is empty: the directory holds no {' or '.join(SUFFIXES)} file")
    return [mail for file in files for mail in read_mails(file)]


def _quilt(path: Path) -> Submission:
    """A quilt ``series`` file: names relative to it, ``-pN`` options, ``#`` comments (quilt(1))."""
    mails, problems = [], []
    for number, line in enumerate(read_bytes(path).decode("utf-8", "replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        levels = [int(word[2:]) for word in words[1:] if re.fullmatch(r"-p\d", word)]
        if not (path.parent / words[0]).is_file():
            problems.append(Problem(Location(str(path), number), f"no file {words[0]}", "a patch beside it"))
            continue
        mails += read_mails(path.parent / words[0], levels[0] if levels else 1)
    if problems:
        raise InputError(problems)
    patches = [mail for mail in mails if mail.has_diff]
    if not patches:
        raise UserError(f"the series {path} is empty: it names no patch")
    return _checked(Submission(str(path), "", 1, tuple(mail.patch for mail in patches)), patches)


def _chosen(path: Path, mails: Sequence[Mail], version: int | None) -> Submission:
    """Choose one version of the series and put it in order."""
    notes = []
    patches = [mail for mail in mails if mail.has_diff and not mail.reply]
    empty = [
        Problem(mail.where, f"{mail.label} without a diff", "a patch")
        for mail in mails
        if mail.part and not mail.reply and not mail.has_diff
    ]
    if empty:
        raise InputError(empty)
    if not patches:
        raise UserError(f"the series {path} is empty: {len(mails)} mails, and none of them has a patch")
    if left := len(mails) - len(patches):
        notes.append(f"{left} mails without a patch of the series (cover letter, replies) left out")
    versions = sorted({mail.version for mail in patches})
    if version is not None and version not in versions:
        raise UserError(
            f"{path} has no version {version} ({', '.join(f'v{v}' for v in versions)}); correct --version"
        )
    wanted = version or versions[-1]
    chosen = [mail for mail in patches if mail.version == wanted]
    others = [mail for mail in patches if mail.version != wanted]
    ordered = _ordered(path, chosen, others, notes)
    if others:
        names = ", ".join(f"v{v}" for v in versions if v != wanted)
        notes.append(f"v{wanted} taken; {names} in the same place left out")
    cover = next((m for m in mails if m.part == 0 and m.version == wanted and not m.reply), None)
    title = cover.title if cover else (ordered[0].title if len(ordered) == 1 else "")
    found = Submission(str(path), title, wanted, tuple(mail.patch for mail in ordered), tuple(notes))
    return _checked(found, ordered)


def _ordered(path: Path, chosen: list[Mail], others: list[Mail], notes: list[str]) -> list[Mail]:
    """Return the patches of one version in the order of their numbers; all must be there, each once."""
    numbered = [mail for mail in chosen if mail.part is not None]
    if not numbered or (path.is_dir() and (len(numbered) < len(chosen) or len(_totals(numbered)) > 1)):
        if others:
            raise _mixed(path, chosen, others)
        return chosen  # a directory, or mails without numbers: in the order in which they lie there
    if stray := [mail for mail in chosen if mail.part is None]:
        raise InputError(
            [Problem(m.where, f"{m.title!r} without a number", "[PATCH n/m], as the others") for m in stray]
        )
    if len(totals := _totals(numbered)) > 1:
        found = f"patches of {' and of '.join(map(str, totals))} in one series"
        raise InputError([Problem(numbered[0].where, found, "one series; is this two of them?")])
    ((total, _),) = totals.items()
    by_part: dict[int, Mail] = {}
    for mail in numbered:
        part = mail.part or 0
        same = by_part.setdefault(part, mail)
        if same is not mail and same.patch.text() != mail.patch.text():
            found = f"another {mail.label}, different from the one at line {same.where.line}"
            raise InputError([Problem(mail.where, found, "each patch once")])
    missing = [part for part in range(1, total + 1) if part not in by_part]
    if len(by_part) == 1 and missing and not others:
        (only,) = by_part.values()
        notes.append(f"{only.label} taken alone; the other {len(missing)} patches of its series are not here")
        return [only]
    if missing:
        elsewhere = [mail for mail in others if mail.part in missing]
        if elsewhere:
            raise _mixed(path, chosen, others)
        what = some((f"{part} of {total}" for part in missing), 10)
        here = ", ".join(map(str, sorted(by_part)))
        raise UserError(
            f"{path}: patch {what} of v{chosen[0].version} is missing (it holds {here}); fetch "
            "the whole thread, for example with `b4 am`"
        )
    return [by_part[part] for part in sorted(by_part)]


def _totals(mails: Sequence[Mail]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for mail in mails:
        if mail.total is not None:
            totals[mail.total] = totals.get(mail.total, 0) + 1
    return totals


def _mixed(path: Path, chosen: Sequence[Mail], others: Sequence[Mail]) -> UserError:
    held: dict[int, list[str]] = {}
    for mail in sorted([*chosen, *others], key=lambda m: (m.version, m.part or 0)):
        held.setdefault(mail.version, []).append(f"{mail.part}/{mail.total}" if mail.part else mail.title)
    what = "; ".join(f"v{version} has {', '.join(parts)}" for version, parts in held.items())
    return UserError(f"{path} mixes versions, and none of them is whole: {what}; fetch one version's thread")


def _checked(found: Submission, mails: Sequence[Mail]) -> Submission:
    """Refuse what no kernel can be built from."""
    if not found.patches:
        raise UserError(f"the series {found.origin} is empty")
    problems = []
    places = [mail.where for mail in mails] or [Location(found.origin)] * len(found.patches)
    for patch, where in zip(found.patches, places, strict=True):
        text = patch.text()
        if match := _BINARY.search(text):
            problems.append(
                Problem(where, f"a binary patch ({match[0]!r} in {patch.name!r})", "changes to source text")
            )
        elif not HUNK.search(text) and not _ONLY_METADATA.search(text):
            problems.append(Problem(where, f"{patch.name!r} without a hunk", "a diff with @@ lines"))
    if problems:
        raise InputError(problems)
    return found
