# SPDX-License-Identifier: GPL-2.0-only
"""Model files: where paths lead, what the digest covers, and that the documentation names every key."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.artefacts.model import QEMU, SCHEMA, Model, build_model, load_model, uncovered
from harness.errors import InputError, UserError
from harness.host.cache import Store, sha256_file
from harness.host.paths import ROOT

FILE = {
    "model": "mine",
    "summary": "Mine.",
    "source": {"path": f"bin/{QEMU}"},
    "machine": "virt",
    "cpu": "max",
    "timings": {"icount": ["-icount", "shift=0"]},
    "slowdown": 1.0,
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "models/bin").mkdir(parents=True)
    program = tmp_path / "models/bin" / QEMU
    program.write_text('#!/bin/sh\necho "QEMU emulator version 9.9 $HOW"\n')
    program.chmod(0o755)
    return tmp_path / "models"


def build(place: Path, **more: object) -> Model:
    (place / "mine.yaml").write_text(yaml.safe_dump(FILE | more))
    return build_model(load_model(str(place / "mine.yaml")), Store(place / "cache"), lambda _: None)


def test_a_relative_path_is_relative_to_the_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    model = build(place)
    assert model.launcher == (str(place / "bin" / QEMU),)
    assert model.version == "9.9"
    monkeypatch.chdir(place.parent)
    assert load_model("models/mine.yaml").source["path"] == str(place / "bin" / QEMU)


def test_an_absolute_path_stays(place: Path) -> None:
    assert build(place, source={"path": str(place / "bin" / QEMU)}).launcher == (str(place / "bin" / QEMU),)


def test_variables_reach_the_model_and_count_in_its_digest(place: Path) -> None:
    plain, one, other = (
        build(place),
        build(place, environment={"HOW": "so"}),
        build(place, environment={"HOW": "other"}),
    )
    assert plain.sha256 == sha256_file(place / "bin" / QEMU)
    assert len({plain.sha256, one.sha256, other.sha256}) == 3
    assert one.environment == {"HOW": "so"}
    assert build(place, environment={"HOW": "so"}).sha256 == one.sha256


def test_a_variable_that_is_no_text_is_refused(place: Path) -> None:
    with pytest.raises(InputError, match="the integer 1; expected a string"):
        build(place, environment={"HOW": 1})


def test_bits_of_pa_are_those_that_a_cpu_can_have(place: Path) -> None:
    assert build(place, **{"pa-bits": 40}).spec.pa_bits == 40
    assert not build(place, **{"pa-bits": 40}).spec.is_wide
    assert build(place).spec.pa_bits == 0
    assert build(place).spec.is_wide
    with pytest.raises(InputError, match="41"):
        build(place, **{"pa-bits": 41})


def test_what_the_digest_leaves_out_is_reported(place: Path) -> None:
    assert uncovered(build(place)).endswith("does not cover the program that this script starts")
    (place / "bin/elf").symlink_to("/bin/sh")
    model = build(place)
    binary = Model(model.spec, (str(place / "bin/elf"),), {}, "", "", None)
    assert uncovered(binary).endswith("does not cover the shared libraries that it loads")


FAKE = """#!/usr/bin/python3
import ctypes, sys, time
if "--version" in sys.argv:
    print("QEMU emulator version 9.9")
    sys.exit()
ctypes.CDLL("LIBRARY")
print('{"QMP": {}}', flush=True)
time.sleep(60)
"""


@pytest.fixture
def wrapped(place: Path) -> Path:
    """A script that starts a program (a Python called qemu-real), which loads a library of its own."""
    for name in ("one", "other"):
        source = place / f"{name}.c"
        source.write_text(f"int {name}(void) {{ return 1; }}\n")
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-o", str(place / f"{name}.so"), str(source)], check=True, timeout=60
        )
    shutil.copy(place / "one.so", place / "library.so")
    shutil.copy(Path(sys.executable).resolve(), place / "qemu-real")
    (place / "real.py").write_text(FAKE.replace("LIBRARY", str(place / "library.so")))
    home = f"PYTHONHOME={sys.base_prefix}"
    (place / "bin" / QEMU).write_text(f'#!/bin/sh\n{home} {place}/qemu-real {place}/real.py "$@"\n')
    return place


def test_the_digest_covers_what_a_script_starts_and_what_that_loads(wrapped: Path) -> None:
    model = build(wrapped)
    assert {path.name for path in model.files} >= {"qemu-real", "library.so"}
    assert uncovered(model) == ""
    assert build(wrapped).sha256 == model.sha256
    (wrapped / "library.so").unlink()
    shutil.copy(wrapped / "other.so", wrapped / "library.so")
    changed = build(wrapped)
    assert changed.sha256 != model.sha256
    with (wrapped / "qemu-real").open("ab") as program:
        program.write(b"changed")
    assert build(wrapped).sha256 not in (changed.sha256, model.sha256)


def test_a_file_without_a_slash_is_hinted_at(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "mine.yaml").write_text("")
    monkeypatch.chdir(place)
    with pytest.raises(UserError, match=r"there is no model 'mine.yaml'; .*did you mean './mine.yaml'\?"):
        load_model("mine.yaml")
    with pytest.raises(UserError, match=r"did you mean 'qemu'\?"):
        load_model("qemuu")


def test_the_documentation_names_every_key_of_a_models_file() -> None:
    text = (ROOT / "docs/models.md").read_text()
    section = text.partition("## A model's file\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z`, -]+`) \|", section, re.M)
    named = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)]
    assert sorted(named) == sorted(SCHEMA["properties"])
