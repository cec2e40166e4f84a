# SPDX-License-Identifier: GPL-2.0-only
"""Locks: exactly the versions in the file, checked, and what is gone is named with the nearest there is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.artefacts import debian, lock
from harness.artefacts.debian import Archive
from harness.artefacts.kernel.archives import DebianSource
from harness.errors import InputError, UserError
from harness.host.cache import Store
from tests.artefacts.archive import ARCH, SUITE, deb, publish

SUBJECT = "kernel:k"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory whose ``archive`` is the mirror; apt trusts it, as nobody signs a test's archive."""
    monkeypatch.setattr(debian, "KEYRING", tmp_path / "absent")
    monkeypatch.setenv("NVH_DEBIAN_MIRROR", f"[trusted=yes] file:{tmp_path / 'archive'}")
    monkeypatch.setenv("NVH_APT_MAX_AGE", "0")
    monkeypatch.delenv("NVH_OFFLINE", raising=False)
    monkeypatch.delenv(lock.VARIABLE, raising=False)
    debian.mirror.cache_clear()
    lock._load.cache_clear()
    yield tmp_path
    debian.mirror.cache_clear()
    lock._load.cache_clear()


@pytest.fixture
def debs(place: Path) -> dict[str, Path]:
    found = {version: deb(place, "tool", version, "lib") for version in ("1.0-1", "1.0-9", "1.0-10", "2.0-1")}
    return {**found, "lib": deb(place, "lib", "5"), "lib6": deb(place, "lib", "6")}


def archive(place: Path) -> Archive:
    return Archive(Store(place / "cache"), (SUITE,), ARCH)


def locked(
    place: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, tuple[str, str]], subject: str = SUBJECT
) -> Path:
    path = place / "lock.yaml"
    rows = {name: {"version": version, "sha256": sha} for name, (version, sha) in packages.items()}
    lock.write(path, {subject: {"packages": rows}})
    monkeypatch.setenv(lock.VARIABLE, str(path))
    lock._load.cache_clear()
    return path


def test_a_locked_version_is_taken_though_a_newer_one_is_there(
    place: Path, debs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place / "archive", list(debs.values()))
    assert archive(place).candidate("tool").version == "2.0-1"
    locked(place, monkeypatch, {"tool": ("1.0-9", digest(debs["1.0-9"])), "lib": ("5", digest(debs["lib"]))})
    with lock.pinned("kernel", "k"):
        found = archive(place)
        assert found.candidate("tool").version == "1.0-9"
        files = found.closure(["tool"])
    assert [(f.name, f.version) for f in files] == [("lib", "5"), ("tool", "1.0-9")]
    debian.unpack(files, place / "tree")
    assert (place / "tree/usr/share/tool").read_text() == "1.0-9"
    assert archive(place).candidate("tool").version == "2.0-1", "only while the artefact is built"


def test_what_is_gone_is_named_with_the_nearest(
    place: Path, debs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place / "archive", [debs["1.0-1"], debs["1.0-10"], debs["2.0-1"], debs["lib"]])
    file = locked(place, monkeypatch, {"tool": ("1.0-9", digest(debs["1.0-9"]))})
    with lock.pinned("kernel", "k"), pytest.raises(UserError) as raised:
        archive(place).candidate("tool")
    assert f"{file} pins tool 1.0-9, which is gone from {SUITE} ({ARCH})" in str(raised.value)
    assert "the nearest there is 1.0-10;" in str(raised.value)
    assert "images lock kernel:k" in str(raised.value)


def test_the_cache_keeps_what_the_archive_has_dropped(
    place: Path, debs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place / "archive", [debs["1.0-9"], debs["lib"]])
    archive(place).closure(["tool"])
    publish(place / "archive", [debs["2.0-1"], debs["lib6"]])
    locked(place, monkeypatch, {"tool": ("1.0-9", digest(debs["1.0-9"])), "lib": ("5", digest(debs["lib"]))})
    with lock.pinned("kernel", "k"):
        assert [f.version for f in archive(place).closure(["tool"])] == ["1.0-9", "5"][::-1]


def test_another_build_of_the_same_version_is_refused(
    place: Path, debs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place / "archive", list(debs.values()))
    locked(place, monkeypatch, {"tool": ("1.0-9", "0" * 64)})
    with lock.pinned("kernel", "k"), pytest.raises(UserError, match="another build of the same version"):
        archive(place).download([archive(place).candidate("tool")])


def test_a_kernel_source_resolves_to_what_is_locked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = deb(place, "linux-source-7.2", "7.2.1-1"), deb(place, "linux-source-7.3", "7.3.4-1")
    publish(place / "archive", [old, new])
    source = DebianSource((SUITE,), r"^linux-source-[0-9.]+$", 0)
    monkeypatch.setattr("harness.artefacts.kernel.archives.Archive", lambda *_: archive(place))
    assert source.resolve(Store(place / "cache")).identity["version"] == "7.3.4-1"
    locked(place, monkeypatch, {"linux-source-7.2": ("7.2.1-1", digest(old))})
    with lock.pinned("kernel", "k"):
        assert source.resolve(Store(place / "cache")).identity == {
            "package": "linux-source-7.2",
            "version": "7.2.1-1",
        }


@pytest.mark.parametrize(
    ("version", "offered", "near"),
    [
        ("1.0-9", ["1.0-10", "2.0-1", "1.0-1"], "1.0-10"),
        ("1:11.1.2+ds-1", ["1:11.1.3+ds-1~bpo13+1", "1:10.0.2-1"], "1:11.1.3+ds-1~bpo13+1"),
        ("3", ["1", "2"], "2"),
        ("3", [], ""),
    ],
)
def test_nearest(version: str, offered: list[str], near: str) -> None:
    assert lock.nearest(version, offered) == near


DEB = {"name": "a", "version": "1:2", "sha256": "0" * 64}
PACKAGES = {"packages": {"a": {"version": "1:2", "sha256": "0" * 64}}}


@pytest.mark.parametrize(
    ("manifest", "row"),
    [
        ({"packages": [DEB], "sha256": "1" * 64}, PACKAGES),
        ({"sha256": "1" * 64}, {"sha256": "1" * 64}),
        ({"source": {"kind": "debian-source", "label": "l", **DEB, "suite": "s"}}, PACKAGES),
        ({"source": {"kind": "debian-image", **DEB, "packages": [DEB]}}, PACKAGES),
        ({"source": {"kind": "git", "path": "/p", "ref": "r", "commit": "c" * 40}}, {"commit": "c" * 40}),
        ({"source": {"kind": "tarball", "path": "/p", "sha256": "2" * 64}}, {"sha256": "2" * 64}),
    ],
    ids=["model", "model by path", "debian-source", "debian-image", "git", "tarball"],
)
def test_rows_survive_the_file(manifest: dict[str, Any], row: dict[str, Any], tmp_path: Path) -> None:
    assert lock.row(manifest) == row
    path = tmp_path / "l.yaml"
    lock.write(path, {SUBJECT: lock.row(manifest)})
    pins = lock.load(path).pins(SUBJECT)
    assert (pins.versions(), pins.commit, pins.sha256) == (
        {"a": "1:2"} if "packages" in row else {},
        row.get("commit", ""),
        row.get("sha256", ""),
    )


def test_a_file_that_is_wrong_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "l.yaml"
    path.write_text("format: 1\nartefacts:\n  model:m:\n    pakages: {}\n")
    with pytest.raises(InputError, match=r"l.yaml:4:5: unknown key 'pakages'; .*; did you mean 'packages'"):
        lock.load(path)


def test_an_artefact_that_is_not_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked(tmp_path, monkeypatch, {"a": ("1", "0" * 64)})
    with (
        pytest.raises(UserError, match=r"does not pin kernel:kk .*did you mean 'kernel:k'"),
        lock.pinned("kernel", "kk"),
    ):
        pass
    monkeypatch.setenv(lock.VARIABLE, str(tmp_path / "absent.yaml"))
    with (
        pytest.raises(UserError, match=r"absent.yaml does not exist; make it with ./nvh images lock"),
        lock.pinned("kernel", "k"),
    ):
        pass


def test_another_content_is_refused(tmp_path: Path) -> None:
    pins = lock.Pins("model:m", tmp_path / "l", sha256="0" * 64)
    pins.check_sha256("/bin/qemu", "0" * 64)
    with pytest.raises(UserError, match="model:m: /bin/qemu has SHA-256 1"):
        pins.check_sha256("/bin/qemu", "1" * 64)


def test_a_built_artefact_is_reused_when_its_dependencies_are_those_of_the_lock(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key has the named packages alone: another set of dependencies is another artefact."""
    store = Store(place / "cache")

    def build(_: Path) -> dict[str, Any]:
        pins = lock.current()
        versions = pins.versions() if pins else {"a": "1", "lib": "5"}
        return {"packages": [{"name": n, "version": v, "sha256": "0" * 64} for n, v in versions.items()]}

    plain = lock.get_or_build(store, "model", {"packages": {"a": "1"}}, build)
    locked(place, monkeypatch, {"a": ("1", "0" * 64), "lib": ("5", "0" * 64)}, "model:m")
    with lock.pinned("model", "m"):
        assert lock.get_or_build(store, "model", {"packages": {"a": "1"}}, build).path == plain.path
    locked(place, monkeypatch, {"a": ("1", "0" * 64), "lib": ("6", "0" * 64)}, "model:m")
    with lock.pinned("model", "m"):
        other = lock.get_or_build(store, "model", {"packages": {"a": "1"}}, build)
    assert other.path != plain.path
    assert {p["version"] for p in yaml.safe_load(str(list(other.manifest["packages"])))} == {"1", "6"}
