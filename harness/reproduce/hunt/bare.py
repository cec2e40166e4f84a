# SPDX-License-Identifier: GPL-2.0-only
"""The same programs on the bare machine, at true EL2: the model's own TLB, with no kernel between.

nvh-bare (images/payloads/bare) runs on the host and starts the model's QEMU. What is right at vEL2 is right
there: an observation that the reference model forbids is a defect of the hardware model, or of the reference
model.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.arch.header import headers, write_headers
from harness.artefacts.payloads import CROSS, SOURCES, toolchain
from harness.errors import InfraError
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_tree
from harness.host.command import HOSTCC
from harness.reproduce.hunt.program_findings import parse_results, totals
from harness.reproduce.hunt.target import BATCH_DEADLINE_S, USAGE, Batch
from harness.scenario.language import StackSpec
from harness.stack.images import StackImages

PROGRAM = "nvh-bare"
DIE_TOGETHER = ("setpriv", "--pdeathsig", "KILL")


def build_bare(store: Store, progress: Callable[[str], None] = lambda _: None) -> Artefact:
    """The artefact that holds nvh-bare, built with this machine's compiler."""
    compiler = toolchain(HOSTCC)
    key = {
        "sources": sha256_tree(SOURCES),
        "headers": dict(headers()),
        "toolchain": toolchain(),
        "compiler": compiler,
    }

    def build(work: Path) -> dict[str, Any]:
        progress(PROGRAM)
        write_headers(work)
        words = [f"O={work}", f"GENERATED={work}", f"CROSS_COMPILE={CROSS}", f"HOSTCC={HOSTCC}"]
        command.run(
            ["make", "-C", SOURCES, *words, str(work / PROGRAM)], timeout_s=600, log=work / "build.log"
        )
        return {"name": PROGRAM, "compiler": compiler}

    return store.get_or_build("bare", key, build)


class BareTarget:
    """Runs programs on the model of a stack; each batch has machines of its own. The twin of ``Target``."""

    def __init__(self, images: StackImages, spec: StackSpec, program: Path) -> None:
        model = images.model
        # A machine with several threads: a deterministic one gives a CPU that waits nothing to wait for.
        flags = model.spec.timings.get("mttcg", ("-accel", "tcg"))
        model_command = [*DIE_TOGETHER, *model.launcher, *flags, "-cpu", model.spec.cpu]
        self._command = [*DIE_TOGETHER, str(program), "FILE", *model_command]
        self._environment = {**os.environ, **model.environment}
        self._deadline = BATCH_DEADLINE_S * model.spec.slowdown
        self.name = spec.model

    def close(self) -> None:
        """Nothing is left between batches."""

    def features(self) -> frozenset[str]:
        """Which of FEAT_TLBIOS, FEAT_TLBIRANGE and FEAT_XS the model has."""
        done = self._call("--features", "")
        if done.returncode != 0:
            raise InfraError(f"{PROGRAM} on {self.name}: {done.stderr.strip()}")
        return frozenset(word.partition("=")[0] for word in done.stdout.split() if word.endswith("=1"))

    def run(self, text: str) -> Batch:
        """Run the programs of ``text``; ``InfraError`` when that was cut off."""
        done = self._call("-", text)
        if done.returncode == USAGE:
            raise InfraError(f"{PROGRAM} refused a program: {done.stderr.strip()}")
        try:
            totals(done.stdout)
            return Batch(tuple(parse_results(done.stdout)))
        except ValueError as error:
            raise InfraError(f"{PROGRAM} ended with status {done.returncode}: {error}") from error

    def _call(self, what: str, text: str) -> subprocess.CompletedProcess[str]:
        words = [what if word == "FILE" else word for word in self._command]
        try:
            return subprocess.run(
                words,
                env=self._environment,
                input=text,
                capture_output=True,
                text=True,
                timeout=self._deadline,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InfraError(f"{PROGRAM} on {self.name} still ran after {self._deadline:.0f} s") from error
