# SPDX-License-Identifier: GPL-2.0-only
"""A raw arm64 Image out of the forms in which distributions ship it.

Formats: Documentation/arch/arm64/booting.rst (Image header), drivers/firmware/efi/libstub/zboot-header.S.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import subprocess

from harness.errors import UserError

IMAGE_MAGIC_OFFSET = 56
IMAGE_MAGIC = b"ARM\x64"
_ZBOOT = struct.Struct("<4s4sII8x32s")  # MZ, "zimg", payload offset and size, compression name


def raw_image(data: bytes, origin: str) -> bytes:
    """Return the bootable Image inside ``data``; ``UserError`` naming ``origin`` when there is none."""
    if data[4:8] == b"zimg":
        _, _, offset, size, name = _ZBOOT.unpack_from(data)
        data = _decompress(data[offset : offset + size], name.split(b"\0")[0].decode(), origin)
    elif data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[IMAGE_MAGIC_OFFSET : IMAGE_MAGIC_OFFSET + 4] != IMAGE_MAGIC:
        raise UserError(f"{origin} is not an arm64 kernel image (raw, gzip or EFI zboot)")
    return data


def _decompress(data: bytes, how: str, origin: str) -> bytes:
    if how == "gzip":
        return gzip.decompress(data)
    if how in ("xzkern", "lzma", "xz"):
        return lzma.decompress(data)
    if how in ("zstd", "zstd22"):
        return filtered(["zstd", "-dc"], data)
    raise UserError(f"{origin} is compressed with {how}, which nvh cannot unpack (gzip, xz, lzma, zstd)")


def filtered(argv: list[str], data: bytes) -> bytes:
    """Return what ``argv`` writes when it is fed ``data``."""
    try:
        return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    except FileNotFoundError as error:
        raise UserError(f"{argv[0]} is not installed; install the package {argv[0]}") from error
    except subprocess.SubprocessError as error:
        raise UserError(f"{' '.join(argv)} could not unpack its input: {error}") from error
