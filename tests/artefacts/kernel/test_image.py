# SPDX-License-Identifier: GPL-2.0-only
"""Kernel images in the forms that distributions ship, and the initramfs for modular kernels."""

from __future__ import annotations

import gzip
import lzma
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.artefacts.kernel import initramfs
from harness.artefacts.kernel.image import raw_image
from harness.artefacts.kernel.initramfs import Module, ModuleTree
from harness.errors import UserError
from tests.ci import want

RAW = b"MZ" + bytes(54) + b"ARM\x64" + b"code" * 100


def zboot(name: bytes, payload: bytes) -> bytes:
    """Return an EFI zboot image (drivers/firmware/efi/libstub/zboot-header.S)."""
    return struct.pack("<4s4sII8x32s", b"MZ\0\0", b"zimg", 64, len(payload), name).ljust(64, b"\0") + payload


def xz_with_legacy_header(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE)


@pytest.mark.parametrize(
    ("name", "compress"),
    [(b"gzip", gzip.compress), (b"xzkern", lzma.compress), (b"lzma", xz_with_legacy_header)],
)
def test_zboot(name: bytes, compress: Callable[[bytes], bytes]) -> None:
    assert raw_image(zboot(name, compress(RAW)), "vmlinuz") == RAW


def test_zboot_zstd() -> None:
    packed = subprocess.run([want("zstd"), "-c"], input=RAW, stdout=subprocess.PIPE, check=True).stdout
    assert raw_image(zboot(b"zstd22", packed), "vmlinuz") == RAW


def test_raw_and_gzip() -> None:
    assert raw_image(RAW, "Image") == RAW
    assert raw_image(gzip.compress(RAW), "Image.gz") == RAW


@pytest.mark.parametrize("data", [b"", b"\x7fELF" + bytes(100), zboot(b"lz4", b"x")])
def test_not_an_image(data: bytes) -> None:
    with pytest.raises(UserError, match="vmlinuz-x"):
        raw_image(data, "vmlinuz-x")


def module(path: Path, depends: str = "", softdep: str = "") -> None:
    """Write something with a module's .modinfo strings, compressed as the suffix says."""
    data = b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0"
    if softdep:
        data += b"softdep=pre: " + softdep.encode() + b"\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(data) if path.suffix == ".xz" else data)


def test_modules_come_after_what_they_need(tmp_path: Path) -> None:
    module(tmp_path / "fs/ext4.ko.xz", "jbd2,mbcache", "crc32c-generic missing")
    module(tmp_path / "fs/jbd2.ko", "")
    module(tmp_path / "fs/mbcache.ko.xz", "")
    module(tmp_path / "crypto/crc32c-generic.ko")
    module(tmp_path / "net/virtio_net.ko", "net_failover")
    module(tmp_path / "net/net_failover.ko", "failover")
    module(tmp_path / "net/failover.ko", "virtio_net")  # a cycle ends instead of recursing
    names = [m.name for m in ModuleTree(tmp_path).ordered(["virtio-net", "built_in", "ext4", "jbd2"])]
    assert names == ["failover", "net_failover", "virtio_net", "crc32c_generic", "jbd2", "mbcache", "ext4"]


def test_initramfs_unpacks_with_the_system_cpio(tmp_path: Path) -> None:
    archive = initramfs.initramfs(b"busybox", b"#!init", [Module("jbd2", b"12345"), Module("ext4", b"6")])
    assert archive == initramfs.initramfs(
        b"busybox", b"#!init", [Module("jbd2", b"12345"), Module("ext4", b"6")]
    )
    subprocess.run(
        ["cpio", "-idm", "--quiet", "--no-absolute-filenames"],
        input=gzip.decompress(archive),
        cwd=tmp_path,
        check=True,
        timeout=30,
    )
    assert (tmp_path / "init").read_bytes() == b"#!init"
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "bin/busybox").read_bytes() == b"busybox"
    assert (tmp_path / "lib/modules/jbd2.ko").read_bytes() == b"12345"
    assert (tmp_path / "modules.order").read_text() == "/lib/modules/jbd2.ko\n/lib/modules/ext4.ko\n"
    for mount in ("proc", "sys", "dev", "root"):
        assert (tmp_path / mount).is_dir()
