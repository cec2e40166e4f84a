# SPDX-License-Identifier: GPL-2.0-only
"""Calls a plugin's entry point as QEMU does, without QEMU; exits with what that returns.

python -m tests.artefacts.plugin_options FILE.so [KEY=VALUE...]
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path


class Info(ctypes.Structure):
    """``struct qp_info`` of images/payloads/plugin/qemu_plugin.h."""

    _fields_ = (
        ("target_name", ctypes.c_char_p),
        ("min", ctypes.c_int),
        ("cur", ctypes.c_int),
        ("system_emulation", ctypes.c_bool),
        ("smp_vcpus", ctypes.c_int),
        ("max_vcpus", ctypes.c_int),
    )


def main(path: Path, options: list[str]) -> int:
    """Return what ``qemu_plugin_install`` returns; functions of QEMU that it calls end this process."""
    api = int(path.stem.rpartition("-")[2])
    info = Info(b"aarch64", 0, api, True, 2, 2)
    words = (ctypes.c_char_p * (len(options) + 1))(*(each.encode() for each in options), None)
    library = ctypes.CDLL(str(path), mode=os.RTLD_LAZY)
    return int(library.qemu_plugin_install(ctypes.c_uint64(1), ctypes.byref(info), len(options), words))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
