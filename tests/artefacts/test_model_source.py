# SPDX-License-Identifier: GPL-2.0-only
"""A patched model from Debian's source: real apt, tar, patch and ninja on toys; what is missing is named."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.artefacts import debian, model_source
from harness.artefacts.debian_source import SourceArchive, SourcePackage
from harness.artefacts.model import QEMU
from harness.errors import InfraError, UserError
from harness.host.cache import Store
from harness.host.paths import IMAGES
from tests.ci import want

SUITE = "trixie"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory whose ``archive`` is the mirror; apt trusts it, as nobody signs a test's archive."""
    monkeypatch.setattr(debian, "KEYRING", tmp_path / "absent")
    monkeypatch.setenv("NVH_DEBIAN_MIRROR", f"[trusted=yes] file:{tmp_path / 'archive'}")
    monkeypatch.setenv("NVH_APT_MAX_AGE", "0")
    monkeypatch.delenv("NVH_OFFLINE", raising=False)
    debian.mirror.cache_clear()
    yield tmp_path
    debian.mirror.cache_clear()


def publish(archive: Path, versions: dict[str, dict[str, bytes]]) -> None:
    """Make ``archive`` offer sources: version → name of a file → content; the .dsc comes by itself."""
    entries = []
    for version, files in versions.items():
        named = {f"qemu_{version}.dsc": f"Source: qemu\nVersion: {version}\n".encode(), **files}
        lines = []
        archive.mkdir(exist_ok=True)
        for name, content in named.items():
            (archive / name).write_bytes(content)
            lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n")
        entries.append(
            f"Package: qemu\nBinary: qemu-system-arm\nVersion: {version}\nDirectory: .\n"
            f"Checksums-Sha256:\n{''.join(lines)}"
        )
    index = archive / f"dists/{SUITE}/main/source/Sources"
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text("\n".join(entries))
    found = index.read_bytes()
    (archive / f"dists/{SUITE}/Release").write_text(
        f"Suite: {SUITE}\nCodename: {SUITE}\nComponents: main\nSHA256:\n"
        f" {hashlib.sha256(found).hexdigest()} {len(found)} main/source/Sources\n"
    )


TWO = {
    "10.0-1": {"qemu_10.0.orig.tar.xz": b"ten", "qemu_10.0-1.debian.tar.xz": b"d"},
    "9.1-1": {"qemu_9.1.orig.tar.xz": b"nine", "qemu_9.1-1.debian.tar.xz": b"d"},
}


def test_the_newest_source_is_fetched_and_recorded(place: Path) -> None:
    publish(place / "archive", TWO)
    source = SourceArchive(Store(place / "cache"), (SUITE,)).fetch("qemu")
    assert source.version == "10.0-1"
    assert source.gone == ()
    assert source.file(".orig.tar").read_bytes() == b"ten"
    record = source.record()
    assert record["files"]["qemu_10.0.orig.tar.xz"] == hashlib.sha256(b"ten").hexdigest()
    assert len(record["files"]) == 3


def test_a_tarball_that_is_gone_is_reported_and_the_nearest_is_taken(place: Path) -> None:
    publish(place / "archive", TWO)
    (place / "archive/qemu_10.0.orig.tar.xz").unlink()
    source = SourceArchive(Store(place / "cache"), (SUITE,)).fetch("qemu")
    assert (source.version, source.gone) == ("9.1-1", ("10.0-1",))


def test_another_content_than_the_index_says_is_refused(place: Path) -> None:
    publish(place / "archive", {"10.0-1": TWO["10.0-1"]})
    (place / "archive/qemu_10.0.orig.tar.xz").write_bytes(b"TEN")
    with pytest.raises(UserError, match=r"has no source of qemu in"):
        SourceArchive(Store(place / "cache"), (SUITE,)).fetch("qemu")


def test_no_source_at_all(place: Path) -> None:
    publish(place / "archive", TWO)
    with pytest.raises(UserError, match="no such source package"):
        SourceArchive(Store(place / "cache"), (SUITE,)).fetch("quemu")


PATCH = "--- a/target/a.c\n+++ b/target/a.c\n@@ -1,3 +1,3 @@\n one\n-{}\n+{}\n three\n"


def tarball(root: Path, name: str, files: dict[str, str], top: str = "") -> Path:
    tree = root / f"{name}.tree"
    for path, text in files.items():
        (tree / top / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / top / path).write_text(text)
    subprocess.run(["tar", "-cJf", root / name, "-C", tree, *(p.name for p in tree.iterdir())], check=True)
    return root / name


def toy(root: Path) -> SourcePackage:
    series = {
        "debian/patches/series": "cpu.diff -p1\n# docs.diff\nui.diff\n",
        "debian/patches/cpu.diff": PATCH.format("two", "2"),
        "debian/patches/ui.diff": "--- a/ui/b.c\n+++ b/ui/b.c\n@@ -1 +1 @@\n-nothing like it\n+x\n",
    }
    orig = tarball(root, "qemu_1.orig.tar.xz", {"target/a.c": "one\ntwo\nthree\n"}, "qemu-1")
    return SourcePackage("qemu", "1-1", (orig, tarball(root, "qemu_1-1.debian.tar.xz", series)))


def test_of_debians_patches_those_to_what_is_emulated_are_applied(tmp_path: Path) -> None:
    source = toy(tmp_path)
    tree = tmp_path / "work/source"
    tree.parent.mkdir()
    applied = model_source.unpack(source, tree, tmp_path / "log")
    assert applied == ["cpu.diff"]
    assert (tree / "target/a.c").read_text() == "one\n2\nthree\n"


def test_a_patch_of_ours_that_does_not_fit_is_reported(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target/a.c").write_text("one\ntwo\nthree\n")
    good, bad = tmp_path / "good.patch", tmp_path / "bad.patch"
    good.write_text(PATCH.format("two", "2"))
    bad.write_text(PATCH.format("twice", "deux"))
    model_source.apply(good, tmp_path, tmp_path / "log")
    assert (tmp_path / "target/a.c").read_text() == "one\n2\nthree\n"
    with pytest.raises(UserError, match=r"bad\.patch does not fit this source .*FAILED"):
        model_source.apply(bad, tmp_path, tmp_path / "log")


def test_packages_that_the_machine_lacks_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"apt-get install nowhere-dev lost$"):
        model_source.require_tools(
            {str(tmp_path / "no.h"): "nowhere-dev", "sh": "dash", "nvh-no-such": "lost"}
        )


def test_what_the_build_needs_is_in_the_list_of_packages() -> None:
    rows = {
        tuple(line.split()[:2])
        for line in (IMAGES / "system-packages.txt").read_text().splitlines()
        if line.endswith(" optional")
    }
    assert set(model_source.NEEDED.items()) <= rows


def ninja_file(place: Path, command: str) -> None:
    place.mkdir()
    steps = "".join(f"build o{n}: c\n" for n in range(3))
    (place / "build.ninja").write_text(
        f"rule c\n  command = sleep 1; touch $out\nrule l\n  command = {command}\n"
        f"{steps}build {QEMU}: l o0 o1 o2\n"
    )


def test_progress_says_objects_done_of_all(tmp_path: Path) -> None:
    want("ninja")
    ninja_file(tmp_path / "b", "touch $out")
    told: list[str] = []
    model_source.ninja(tmp_path / "b", tmp_path / "log", told.append, {})
    assert (tmp_path / "b" / QEMU).is_file()
    assert told[-1] == "4 of 4 objects"
    assert any(each in ("1 of 4 objects", "2 of 4 objects", "3 of 4 objects") for each in told)


def test_a_build_that_fails_has_the_compilers_errors(tmp_path: Path) -> None:
    want("ninja")
    ninja_file(tmp_path / "b", "echo a.c:1: error: no such thing; false")
    with pytest.raises(InfraError, match=r"ended with status 1\n.*a\.c:1: error: no such thing"):
        model_source.ninja(tmp_path / "b", tmp_path / "log", lambda _: None, {})


def test_steps() -> None:
    assert model_source.steps(b"") == "begins"
    assert (
        model_source.steps(b"ninja: Entering\n[9/1873] Compiling\n[412/1873] Linking")
        == "412 of 1873 objects"
    )
