# SPDX-License-Identifier: GPL-2.0-only
"""Models and root file systems: the shipped files load, damaged ones are refused as a whole with places."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.artefacts.ext4 import pack
from harness.artefacts.model import build_model, load_model
from harness.artefacts.rootfs import load_rootfs
from harness.errors import InputError, UserError
from harness.host.cache import Store
from harness.host.paths import IMAGES, data_names, find_data_file

MODEL = """\
model: mine
summary: s
source: {path: %s}
machine: virt,virtualization=on
cpu: max
timings: {icount: [-accel, tcg], mttcg: [-accel, "tcg,thread=multi"]}
slowdown: 2
"""


def quiet(_: str) -> None:
    return None


def model_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", data_names("models"))
def test_shipped_models_load(name: str) -> None:
    spec = load_model(name)
    assert spec.name == name
    assert "virtualization=on" in spec.machine
    assert set(spec.timings) == {"icount", "mttcg"}
    assert spec.slowdown > 0


def test_the_example_of_a_model_by_path_loads() -> None:
    spec = load_model(str(IMAGES / "models/by-path.yaml.example"))
    assert spec.source["path"].endswith("qemu-system-aarch64")


@pytest.mark.parametrize("name", data_names("rootfs"))
def test_shipped_root_file_systems_load(name: str) -> None:
    spec = load_rootfs(name)
    assert spec.name == name
    assert {"busybox", "dropbear-bin"} <= set(spec.packages)
    assert "nvh-agent" in spec.payloads


def test_every_defect_of_a_model_is_named_with_its_place(tmp_path: Path) -> None:
    text = """\
model: mine
summary: s
source: {pathh: /bin/true}
machin: virt
cpu: 3
timings: {}
slowdown: 0
"""
    with pytest.raises(InputError) as caught:
        load_model(model_file(tmp_path, text))
    lines = [line.partition("mine.yaml:")[2] for line in str(caught.value).splitlines()]
    assert lines == [
        "3:10: unknown key 'pathh'; expected one of debian, path; did you mean 'path'?",
        "4:1: unknown key 'machin'; expected one of model, summary, source, version, machine, cpu, pa-bits, "
        "timings, devices, sandbox, slowdown, narrow, … (13 in all); did you mean 'machine'?",
        "5:6: the integer 3; expected a string",
        "6:10: an empty mapping; expected a key or more",
        "7:11: the integer 0; expected more than 0",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("model: [", "1:"),
        ("- a\n- b\n", "1:1: "),
        ("", "1:1: "),
        ("model: a\nmodel: b\n", "2:1: "),
        ("rootfs: !!python/object:os.system x\n", "1:9: "),
    ],
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=f"mine.yaml:{complaint}"):
        load_rootfs(model_file(tmp_path, text))


def test_names_that_do_not_exist() -> None:
    with pytest.raises(UserError, match=r"did you mean 'qemu-10.0'"):
        load_model("qemu-10.1")
    with pytest.raises(UserError, match="did you mean 'guest'"):
        load_rootfs("gest")
    with pytest.raises(
        UserError, match=r"./absent.yaml: no such file; expected a model by its name \(qemu, "
    ):
        find_data_file("models", "./absent.yaml")
    with pytest.raises(UserError, match="there is no kernel ''; expected a kernel by its name"):
        find_data_file("kernels", "")


def test_a_directory_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path}: a directory; expected a root file system by its name"):
        find_data_file("rootfs", str(tmp_path))


def by_path(tmp_path: Path, program: Path | str) -> str:
    return model_file(tmp_path, MODEL % program)


def test_model_at_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"/absent/qemu does not exist; set source.path"):
        build_model(load_model(by_path(tmp_path, "/absent/qemu")), Store(tmp_path / "c"), quiet)


def test_model_that_is_not_executable(tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(UserError, match=r"qemu is not executable; set source.path"):
        build_model(load_model(by_path(tmp_path, program)), Store(tmp_path / "c"), quiet)


@pytest.mark.parametrize("body", ["#!/bin/sh\necho version 11.1\n", "#!/bin/sh\nexit 1\n"])
def test_model_that_is_another_program(tmp_path: Path, body: str) -> None:
    program = tmp_path / "qemu"
    program.write_text(body)
    program.chmod(0o755)
    with pytest.raises(UserError, match="this is not QEMU"):
        build_model(load_model(by_path(tmp_path, program)), Store(tmp_path / "c"), quiet)


def test_model_whose_file_is_no_program(tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text("just text\n")
    program.chmod(0o755)
    with pytest.raises(UserError, match="qemu cannot be run: Exec format error"):
        build_model(load_model(by_path(tmp_path, program)), Store(tmp_path / "c"), quiet)


def test_model_by_a_relative_path_is_found_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\necho QEMU emulator version 99.0.1\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    model = build_model(load_model(by_path(tmp_path, "qemu")), Store(tmp_path / "c"), quiet)
    assert model.version == "99.0.1"
    assert model.launcher == (str(program),)
    assert model.flags("icount") == ("-M", "virt,virtualization=on", "-cpu", "max", "-accel", "tcg")
    with pytest.raises(UserError, match=r"has no timing 'icont' .*did you mean 'icount'"):
        model.flags("icont")


def test_ext4_image_holds_the_tree(tmp_path: Path) -> None:
    tree, image = tmp_path / "tree", tmp_path / "image"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/file").write_bytes(b"content\n" * 1000)
    pack(tree, image, "6ba7b814-9dad-11d1-80b4-00c04fd430c8", tmp_path / "log")
    debugfs = shutil.which("debugfs", path="/usr/sbin:/sbin:/usr/bin")
    assert debugfs, "debugfs is missing; install e2fsprogs"
    words: list[str | Path] = [debugfs, "-R", "cat sub/file", image]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b"content\n" * 1000
