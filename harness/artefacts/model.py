# SPDX-License-Identifier: GPL-2.0-only
"""Hardware models: one QEMU build plus machine and CPU flags, unpacked from Debian or found at a path."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.arch.pa_sizes import OUTPUT_BITS
from harness.artefacts import debian, lock
from harness.artefacts.mapped import mapped_files
from harness.document.data_files import Document
from harness.document.nodes import listing, shown
from harness.errors import Problem, UserError, closest
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file
from harness.host.paths import data_names, find_data_file

QEMU = "qemu-system-aarch64"
SEE = "docs/models.md"
TIMINGS = ("icount", "mttcg")
"""What a scenario and the command line may ask for."""
STRINGS = {"type": "array", "minItems": 1, "items": {"type": "string"}}
PARANGES = {bits: code for code, bits in enumerate(OUTPUT_BITS)}
"""ID_AA64MMFR0_EL1.PARange of so many bits of PA (D24.2.80, M.a.a)."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["model", "summary", "source", "machine", "cpu", "timings", "slowdown"],
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string"},
        "summary": {"type": "string"},
        "source": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {
                "debian": {
                    "type": "object",
                    "required": ["packages", "suites"],
                    "additionalProperties": False,
                    "properties": {"packages": STRINGS, "suites": STRINGS},
                },
                "path": {"type": "string"},
            },
        },
        "version": {"type": "string"},
        "machine": {"type": "string"},
        "cpu": {"type": "string"},
        "pa-bits": {"enum": list(PARANGES)},
        "timings": {"type": "object", "minProperties": 1, "additionalProperties": STRINGS},
        "devices": {"type": "array", "items": {"type": "string"}},
        "sandbox": {"type": "boolean"},
        "slowdown": {"type": "number", "exclusiveMinimum": 0},
        "narrow": STRINGS,
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model file. ``slowdown`` multiplies every deadline; ``timings`` maps a name to QEMU options.

    ``environment`` are variables for the model's process. ``narrow`` are models, by name or path, that run
    what unmaps whole shadow contexts instead of a wide one. ``pa_bits``: what L0 finds at most in
    ID_AA64MMFR0_EL1.PARange, for which a plugin sees; 0: what the CPU has.
    """

    name: str
    source: Mapping[str, Any]
    version: str
    machine: str
    cpu: str
    timings: Mapping[str, tuple[str, ...]]
    devices: tuple[str, ...]
    sandbox: bool
    slowdown: float
    narrow: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    pa_bits: int = 0

    @property
    def is_wide(self) -> bool:
        """Whether it has 52 bits of PA: QEMU's ``max`` with FEAT_LPA2 has (ID_AA64MMFR0_EL1.PARange)."""
        words = self.cpu.split(",")
        return words[0] == "max" and "lpa2=off" not in words and not self.pa_bits


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be run: the command that starts its QEMU, and where it came from.

    ``files``: of a model given by path, what was mapped when it ran; empty when that could not be seen.
    """

    spec: ModelSpec
    launcher: tuple[str, ...]
    environment: Mapping[str, str]
    version: str
    sha256: str
    artefact: Artefact | None
    files: tuple[Path, ...] = ()

    def deterministic(self, timing: str) -> bool:
        """Whether time in the machine is counted in instructions, so that nothing depends on the host's."""
        return "-icount" in self.flags(timing)

    def flags(self, timing: str, seed: int | None = None) -> tuple[str, ...]:
        """Return the options of the model with ``timing``; ``UserError`` names the closest timing.

        ``seed`` replaces the number after ``-seed``, where the timing has that option.
        """
        if timing not in self.spec.timings:
            near = closest(timing, self.spec.timings)
            hint = f"; did you mean {near!r}?" if near else ""
            offered = ", ".join(self.spec.timings)
            raise UserError(f"model {self.spec.name} has no timing {timing!r} ({offered}){hint}")
        base = ("-M", self.spec.machine, "-cpu", self.spec.cpu)
        words = list(self.spec.timings[timing])
        if seed is not None and "-seed" in words[:-1]:
            words[words.index("-seed") + 1] = str(seed)
        return (*base, *words, *self.spec.devices)


def load_model(name: str) -> ModelSpec:
    """Load ``images/models/<name>.yaml`` or the file at a path; ``InputError`` names every defect.

    A relative ``source.path`` is relative to the file.
    """
    file = find_data_file("models", name)
    if is_program(file):
        raise UserError(
            f"{file} is a program, not a model's file: copy images/models/by-path.yaml.example and set the "
            f"path in it; `./nvh model check {file}` takes the program itself"
        )
    document = Document(file, SCHEMA, SEE)
    _check(document, file.parent)
    data = document.checked()
    source = data["source"]
    if "path" in source:
        source = {"path": str(file.absolute().parent / source["path"])}
    return ModelSpec(
        data["model"],
        source,
        data.get("version", ""),
        data["machine"],
        data["cpu"],
        {timing: tuple(words) for timing, words in data["timings"].items()},
        tuple(data.get("devices", ())),
        bool(data.get("sandbox", True)),
        float(data["slowdown"]),
        tuple(data.get("narrow", ())),
        dict(data.get("environment", {})),
        int(data.get("pa-bits", 0)),
    )


def is_program(path: Path) -> bool:
    """Whether a file can be run: an ELF file, or a script with an interpreter."""
    try:
        with path.open("rb") as stream:
            return stream.read(4).startswith((b"\x7fELF", b"#!"))
    except OSError:
        return False


def _check(document: Document, base: Path) -> None:
    """Names that the schema cannot know."""
    timings = document.good("timings")
    for name, where in timings.keys.items() if timings is not None else ():
        if name not in TIMINGS:
            document.refuse(
                Problem(where, f"unknown timing {shown(name)}", listing(TIMINGS), closest(name, TIMINGS))
            )
    for node in document.rows("narrow"):
        if "/" in (node.text or ""):
            if not (base / (node.text or "")).is_file():
                document.refuse(node.problem(f"no file {shown(node.text or '')}", "a model file, or a name"))
        elif node.text not in (known := data_names("models")):
            document.unknown(node, "model", known)


def build_model(spec: ModelSpec, store: Store, progress: Callable[[str], None]) -> Model:
    """Make the model runnable: unpack its packages, or check the program at its path."""
    with lock.pinned("model", spec.name) as pins:
        if "path" in spec.source:
            model = _from_path(spec)
            if pins:
                pins.check_sha256(model.launcher[0], model.sha256)
            return model
        return _from_debian(spec, store, progress)


def _from_path(spec: ModelSpec) -> Model:
    program = Path(spec.source["path"]).absolute()
    if not program.is_file():
        raise UserError(f"model {spec.name}: {program} does not exist; set source.path to a {QEMU}")
    if not os.access(program, os.X_OK):
        raise UserError(f"model {spec.name}: {program} is not executable; set source.path to a {QEMU}")
    environment = dict(spec.environment)
    version = _version([str(program)], environment)
    model = Model(spec, (str(program),), environment, version, _digest(sha256_file(program), spec), None)
    files = mapped_files([*model.launcher, *model.flags(next(iter(spec.timings)))], environment)
    if not files:
        return model
    parts = sorted({sha256_file(path) for path in (program, *files)})
    whole = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return dataclasses.replace(model, sha256=_digest(whole, spec), files=files)


def _from_debian(spec: ModelSpec, store: Store, progress: Callable[[str], None]) -> Model:
    source = spec.source["debian"]
    # The host's architecture: TCG translates for the machine that runs it.
    arch = command.run(["dpkg", "--print-architecture"], timeout_s=30).stdout.strip()
    archive = debian.Archive(store, source["suites"], arch)
    versions = {name: archive.candidate(name).version for name in source["packages"]}
    for version in versions.values():
        if not version.split(":")[-1].startswith(spec.version):
            raise UserError(f"model {spec.name} wants QEMU {spec.version}, {archive.suites} offer {version}")
    key = {"packages": versions, "suites": archive.suites, "arch": arch}

    def build(work: Path) -> dict[str, Any]:
        progress(f"model {spec.name}: QEMU {', '.join(versions.values())}")
        files = archive.closure(source["packages"], archive.suites[-1])
        debian.unpack(files, work)
        return {"packages": [file.record() for file in files], "sha256": sha256_file(work / "usr/bin" / QEMU)}

    artefact = lock.get_or_build(store, "model", key, build)
    launcher, environment = _unpacked_launcher(artefact.path)
    environment |= spec.environment
    version = _version(launcher, environment)
    digest = _digest(str(artefact.manifest["sha256"]), spec)
    return Model(spec, launcher, environment, version, digest, artefact)


def _digest(program: str, spec: ModelSpec) -> str:
    """Return the program's SHA-256, or one over it and the variables that the model's file sets."""
    if not spec.environment:
        return program
    text = json.dumps([program, dict(spec.environment)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def uncovered(model: Model) -> str:
    """Return what the digest of a model given by path leaves out, as a sentence; "" when it covers all."""
    if model.artefact is not None or model.files:
        return ""
    program = Path(model.launcher[0])
    with program.open("rb") as stream:
        binary = stream.read(4) == b"\x7fELF"
    what = "the shared libraries that it loads" if binary else "the program that this script starts"
    return f"the digest of {program} does not cover {what}"


def _unpacked_launcher(tree: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return how to run QEMU from an unpacked tree with its own libraries and loader.

    ``--inhibit-cache`` keeps the machine's /etc/ld.so.cache out; see ld.so(8).
    """
    loaders = sorted(tree.glob("usr/lib/*/ld-linux-*.so.*"))
    if not loaders:
        raise UserError(
            f"{tree} has no dynamic loader; remove it with `./nvh images gc --all` and build again"
        )
    libraries = loaders[0].parent
    launcher = (
        str(loaders[0]),
        "--inhibit-cache",
        "--library-path",
        str(libraries),
        str(tree / "usr/bin" / QEMU),
        "-L",
        str(tree / "usr/share/qemu"),
    )
    return launcher, {"QEMU_MODULE_DIR": str(libraries / "qemu")}


def _version(launcher: tuple[str, ...] | list[str], environment: Mapping[str, str]) -> str:
    done = command.run([*launcher, "--version"], timeout_s=60, env=environment, check=False)
    output = done.stdout
    match = re.search(r"QEMU emulator version (\S+)", output)
    if done.returncode != 0 or not match:
        raise UserError(f"{launcher[-1]} --version says {output.strip()[:200]!r}: this is not QEMU")
    return match[1]
