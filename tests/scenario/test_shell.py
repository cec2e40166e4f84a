# SPDX-License-Identifier: GPL-2.0-only
"""Calls of our programs in ``run:``: what they refuse is refused at load; what only a shell knows is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.document.nodes import Node
from harness.errors import Location
from harness.host.paths import IMAGES
from harness.scenario import shell
from harness.scenario.programs import KVM_CASES, PROGRAMS

PAYLOADS = IMAGES / "payloads"


def told(text: str) -> list[str]:
    node = Node(Location("s.yaml", 3, 10), text, raw=text)
    return [str(problem) for problem in shell.check(node)]


@pytest.mark.parametrize(
    "text",
    [
        "nvh-tlbi alle1",
        "nvh-tlbi --list",
        "nvh-tlbi vae1is --operand 0xffffffffffffffff --vmid 0xffff --e2h-tge guest --count 3 --cpu 1",
        'for op in a b; do nvh-tlbi $op --operand 0x1 --vmid "$v" || exit 1; done',
        "nvh-tlbi $op --vmid 1 $more --neither",
        "nvh-litmus --case 's2-unmap/*' --skip=x --granule 16k --quick 2>/dev/null >out | grep x",
        "nvh-litmus --program - <<END\nnvh-tlbi nonsense\nEND",
        "nvh-kvm --case all --iterations 1000000 --region-mib 64 --self-test # nvh-tlbi nonsense",
        "echo nvh-tlbi nonsense",
        "/usr/bin/nvh-tlbi nonsense",
        "X=1 nvh-kvm --caps && (nvh-kvm --list)",
        "nvh-remap --size 3",
        "nvh-litmus --gran 4k",
        "echo 'nvh-kvm --nonsense'; cat <x",
        "nvh-kvm \\\n  --case remap",
        "nvh-kvm --case $(cat x) --vms 3",
    ],
)
def test_let_through(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nvh-tlbi", "s.yaml:3:10: nvh-tlbi without an operation"),
        ("nvh-tlbi alle3", "unknown operation 'alle3' of nvh-tlbi"),
        ("true && nvh-tlbi ipas2e1si --vmid 1", "s.yaml:3:27: unknown operation 'ipas2e1si'"),
        (
            "if nvh-tlbi alle1 --vmid 65536; then true; fi",
            "--vmid 65536 of nvh-tlbi; expected a number from 0",
        ),
        ("nvh-tlbi alle1 --vmid -1", "--vmid -1 of nvh-tlbi"),
        ("nvh-tlbi alle1 --operand 1ffffffffffffffff", "up to 16 hexadecimal digits"),
        ("nvh-tlbi alle1 --count 0", "--count 0 of nvh-tlbi"),
        ("nvh-tlbi alle1 --vmid=3", "expected --vmid and its value as two words"),
        ("nvh-tlbi alle1 --vmid", "--vmid without a value"),
        ("nvh-tlbi alle1 --e2h-tge gest", "did you mean 'guest'?"),
        ("nvh-litmus --cpu 2 --granule 8k", "--granule 8k of nvh-litmus"),
        ("nvh-litmus --c 2", "nvh-litmus has no option '--c'"),
        ("nvh-litmus --quick=yes", "'--quick=yes' of nvh-litmus"),
        ("nvh-litmus s2-unmap", "nvh-litmus has no operand 's2-unmap'"),
        ("nvh-kvm --case remap --iteration 3", "did you mean '--iterations'?"),
        ("{ nvh-kvm --case demap; }", "--case demap of nvh-kvm"),
        ("nvh-kvmm --case remap", "there is no program 'nvh-kvmm'; did you mean 'nvh-kvm'?"),
        ("nvh-tlbi vae1 --operand ''", "--operand with an empty value"),
    ],
)
def test_refused_with_its_place(text: str, words: str) -> None:
    (line,) = told(text)
    assert words in line


def options_of(path: Path) -> set[str]:
    """The options that a C file compares its words with, or lists for getopt_long."""
    text = path.read_text(encoding="utf-8")
    found = set(re.findall(r'strcmp\((?:key|argv\[1\]), "(--[a-z0-9-]+)"\)', text))
    return found | {f"--{name}" for name in re.findall(r'\{ "([a-z0-9-]+)", (?:no|required)_argument', text)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_options_are_those_of_the_c(name: str) -> None:
    program = PROGRAMS[name]
    (path,) = [
        each for each in PAYLOADS.rglob("*.c") if f'"usage: {name} ' in each.read_text(errors="replace")
    ]
    assert options_of(path) == set(program.options) | set(program.alone)
    flags = set(re.findall(r'\{ "([a-z0-9-]+)", no_argument', path.read_text(encoding="utf-8")))
    if flags:
        assert {f"--{flag}" for flag in flags} == {key for key, value in program.options.items() if not value}


def test_the_cases_are_those_of_nvh_kvm() -> None:
    (path,) = [each for each in PAYLOADS.rglob("host_main.c") if "case_remap" in each.read_text()]
    assert tuple(re.findall(r'^\t\{ "([a-z-]+)", "', path.read_text(), re.MULTILINE)) == KVM_CASES


@pytest.mark.parametrize(
    ("name", "pattern", "option", "most"),
    [
        ("nvh-kvm", r"#define VCPUS_MAX (\d+)", "--vcpus", 1),
        ("nvh-kvm", r"#define PAGES_MAX (\d+)", "--region-mib", 256),
        ("nvh-tlbi", r"#define NVH_SETTLE_MAX_US (\d+)", "--settle", 1),
    ],
)
def test_the_bounds_are_those_of_the_c(name: str, pattern: str, option: str, most: int) -> None:
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in PAYLOADS.rglob("*.h")]
    (bound,) = {int(found) for text in texts for found in re.findall(pattern, text)}
    value = PROGRAMS[name].options[option]
    assert value is not None
    assert value.accepts(str(bound // most))
    assert not value.accepts(str(bound // most + 1))
