# SPDX-License-Identifier: GPL-2.0-only
"""Kernels: a source, a patch series and config fragments become an artefact that a level can boot."""

from harness.artefacts.kernel.build import build_kernel, built_kernel
from harness.artefacts.kernel.spec import KernelSpec, list_kernels, load_kernel

__all__ = ["KernelSpec", "build_kernel", "built_kernel", "list_kernels", "load_kernel"]
