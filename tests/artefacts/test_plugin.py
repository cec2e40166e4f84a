# SPDX-License-Identifier: GPL-2.0-only
"""Plugins are built for every version of QEMU's interface; a model that loads none of them is refused."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from harness.arch.header import write_headers
from harness.artefacts import plugin
from harness.artefacts.model import Model, ModelSpec
from harness.artefacts.payloads import HOST_SOURCES, SOURCES
from harness.errors import InfraError, UserError
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree
from harness.machine.qemu import Plugin

REFUSED = "Could not load plugin x.so: plugin requires API version {0}, but this QEMU supports only "
TOO_NEW = REFUSED + "up to version {1}"
TOO_OLD = REFUSED + "a minimum version of {1}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    return plugin.build_plugins(Store(tmp_path_factory.mktemp("cache")), lambda _: None)


def model(tmp_path: Path, script: str) -> Model:
    """A program that answers as some QEMU would; $plugin is what it is asked to load."""
    program = tmp_path / "qemu"
    program.write_text(f'#!/bin/sh\nwhile [ "$1" != -plugin ]; do shift; done\nplugin=$2\n{script}\n')
    program.chmod(0o755)
    spec = ModelSpec("toy", {"path": str(program)}, "", "virt", "max", {}, (), True, 1.0)
    return Model(spec, (str(program),), {}, "12.3", "digest", None)


def answers(api: int) -> str:
    """A QEMU that loads the plugins of version ``api`` and refuses others as QEMU does."""
    return (
        "case $plugin in\n"
        f"*nvh-trace-{api}.so,probe=on) echo 'nvh-plugin: nvh-trace: api={api} min={api}';;\n"
        f"*-7.so*) echo '{TOO_NEW.format(7, api)}';;\n*) echo '{TOO_OLD.format(4, api)}';;\nesac\nexit 1"
    )


def test_every_plugin_is_built_for_every_version(built: Artefact) -> None:
    files = {path.name for path in built.path.glob("*.so")}
    assert {f"nvh-trace-{api}.so" for api in plugin.APIS} <= files
    for name in files:
        assert built.manifest["files"][name] == sha256_file(built.path / name)
        symbols = command.run(["nm", "-D", built.path / name], timeout_s=30).stdout
        assert " T qemu_plugin_install" in symbols
        assert " D qemu_plugin_version" in symbols
        # Nothing that only a newer C library has, because the model brings its own.
        assert "isoc23" not in symbols


MALFORMED = "unknown or malformed option"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nvh-coverage-4", ["ends=4"], f"{MALFORMED} 'ends=4'"),
        ("nvh-coverage-4", ["out=x", "start=0x10", "end=ten"], f"{MALFORMED} 'end=ten'"),
        ("nvh-coverage-4", [], "needs the options out=PATH, start=ADDR and end=ADDR"),
        ("nvh-coverage-4", ["out=/no/file", "start=0x10", "end=0x20"], "/no/file: No such file or directory"),
        ("nvh-hold-7", ["parallel=no"], f"{MALFORMED} 'parallel=no'"),
        ("nvh-hold-7", ["parallel=on"], "needs the option holds=PATH"),
        ("nvh-hold-7", ["parallel=on", "holds=/no/file"], "/no/file: No such file or directory"),
        ("nvh-hold-4", [], "this QEMU's plugins cannot set a PC"),
        ("nvh-identify-7", ["parange=16"], f"{MALFORMED} 'parange=16'"),
        ("nvh-identify-7", [], "needs the option parange=N"),
        ("nvh-fault-7", ["at=1"], f"{MALFORMED} 'at=1'"),
        (
            "nvh-fault-7",
            ["at=0xd5380700"],
            "needs the options at=WORD and one of nothing, loses, gains and hides",
        ),
        ("nvh-trace-4", ["limit=0"], f"{MALFORMED} 'limit=0'"),
        ("nvh-trace-4", ["cpu=mpidr"], f"{MALFORMED} 'cpu=mpidr'"),
        ("nvh-trace-4", ["limit=64"], "needs the options out=PATH and limit=UNITS"),
        ("nvh-trace-4", ["out={}", "limit=4096", "call=12"], f"{MALFORMED} 'call=12'"),
        ("nvh-trace-4", ["out={}", "limit=4096", "call=8:f", "call=8:g"], f"{MALFORMED} 'call=8:g'"),
        ("nvh-turns-4", ["any=on"], f"{MALFORMED} 'any=on'"),
        ("nvh-sanitizer-4", ["any=on"], f"{MALFORMED} 'any=on'"),
    ],
    ids=lambda each: each if isinstance(each, str) else "_".join(each),
)
def test_a_plugin_names_the_option_that_it_cannot_take(
    built: Artefact, tmp_path: Path, name: str, options: list[str], message: str
) -> None:
    words = [each.format(tmp_path / "out") for each in options]
    path = built.path / f"{name}.so"
    done = command.run(
        [sys.executable, Path(__file__).parent / "plugin_options.py", path, *words], timeout_s=60, check=False
    )
    assert done.returncode == 1
    assert message in done.stdout


def test_sources_of_plugins_change_no_root_file_system() -> None:
    assert "plugin" in HOST_SOURCES
    assert sha256_tree(SOURCES) != sha256_tree(SOURCES, leave_out=HOST_SOURCES)


def test_an_unknown_version_does_not_compile(tmp_path: Path) -> None:
    write_headers(tmp_path)
    done = command.run(
        ["make", "-C", SOURCES / "plugin", f"O={tmp_path}", f"GENERATED={tmp_path}", "CC=gcc", "APIS=5"],
        timeout_s=60,
        check=False,
    )
    assert done.returncode != 0
    assert "declare what this version" in done.stdout


@pytest.mark.parametrize("api", plugin.APIS)
def test_the_model_is_asked_once(built: Artefact, tmp_path: Path, api: int) -> None:
    store = Store(built.path.parents[1])
    toy = dataclasses.replace(model(tmp_path, answers(api)), sha256=f"toy {api}")
    found = plugin.plugins_for(toy, store, lambda _: None)
    assert found.api == api
    assert found.file("nvh-trace").name == f"nvh-trace-{api}.so"
    Path(toy.launcher[0]).unlink()
    assert plugin.plugins_for(toy, store, lambda _: None) == found
    with pytest.raises(InfraError, match="nvh-nothing"):
        found.file("nvh-nothing")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (answers(9), "has version 9 of QEMU's plugin interface; nvh knows versions 4 and 7"),
        (answers(3), "has version 3"),
        ("echo 'qemu: -plugin: invalid option'; exit 1", "built without --enable-plugins"),
        ("echo 'nvh-plugin: nvh-trace: api=8 min=2'; exit 1", "loads none of nvh's plugins: .*api=8"),
        ("exit 0", "loads none"),
    ],
)
def test_a_model_of_another_version_is_refused(
    built: Artefact, tmp_path: Path, script: str, words: str
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        plugin.ask(model(tmp_path, script), built)
    assert "model toy: QEMU 12.3" in str(caught.value)
    assert "use another model" in str(caught.value)


def test_options_of_a_plugin_are_escaped() -> None:
    each = Plugin(Path("/a,b/x.so"), (("out", "model,1.trace"), ("call", "0x10:f"), ("call", "0x20:g")))
    assert each.argument == "/a,,b/x.so,out=model,,1.trace,call=0x10:f,call=0x20:g"
