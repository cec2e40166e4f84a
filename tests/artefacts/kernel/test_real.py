# SPDX-License-Identifier: GPL-2.0-only
"""The shipped series on the newest two Debian kernels (downloads some 330 MB the first time)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.artefacts.kernel import load_kernel, series
from harness.artefacts.kernel.debian_image import DebianImage
from harness.host.cache import Store
from harness.scenario import mutants


def patched(name: str, tmp_path: Path) -> Path:
    """Apply a kernel's series to its unpacked source; returns the directory with the changed files."""
    spec = load_kernel(name)
    assert not isinstance(spec.source, DebianImage)
    content = spec.source.resolve(Store())
    source = tmp_path / "source"
    content.fill(source, tmp_path / "state", tmp_path / "log")
    result = tmp_path / "result"
    result.mkdir()
    patches = spec.series()
    series.apply(
        patches,
        lambda path: found if (found := source / path).exists() else None,
        content.label,
        result,
        tmp_path / "log",
    )
    return result


def defined_last(text: str) -> str:
    """The function, or the macro, within which ``text`` ends."""
    if macro := re.search(r"^#define (\w+)\((?:[^\n]*\\\n)*[^\n]*\Z", text, re.M):
        return macro[1]
    return str(re.findall(r"^[a-z_].*?\b(\w+)\([^;\n]*(?:\n\s+[^;{\n]+)*\n\{$", text, re.M)[-1])


def test_the_last_definition_is_a_function_or_a_macro() -> None:
    function = "static int\nfirst(void)\n{\n\treturn 0;\n}\n\nstatic bool last(int a,\n\t\t int b)\n{\n\tif ("
    assert defined_last(function) == "last"
    assert defined_last(function + "0)\n}\n\n#define each(i)\t\t\\\n\tfor (i = 0;\t\\\n\t     ") == "each"
    assert defined_last("#define other(i) i\n\n" + function) == "last"
    assert defined_last(function + "0)\n}\n\n#define short(i)\t(i + ") == "short"


@pytest.mark.real
def test_deliberate_faults_are_where_the_table_says(tmp_path: Path) -> None:
    files = [path.read_text() for path in patched("nv-mutants", tmp_path).rglob("*.[ch]")]
    for mutant in mutants.load():
        use = f"kvm_mutant({mutant.name.replace('-', '_')})"
        places = [text[: found.start()] for text in files for found in re.finditer(re.escape(use), text)]
        assert mutant.at in {f"{defined_last(before)}()" for before in places}, mutant.name


@pytest.mark.real
@pytest.mark.parametrize("name", ["nv", "nv-previous"])
def test_series_applies(name: str, tmp_path: Path) -> None:
    result = patched(name, tmp_path)
    header = (result / "arch/arm64/kvm/trace_nv.h").read_text()
    for event in (
        "kvm_nv_tlbi",
        "kvm_nv_tlbi_lost",
        "kvm_nv_tlbi_forward",
        "kvm_nv_shadow_unmap",
        "kvm_nv_shadow_wp",
    ):
        assert f"TRACE_EVENT({event},\n" in header
    # git takes the nearest place whose context matches: see that each hunk went where it belongs
    handlers = (result / "arch/arm64/kvm/sys_regs.c").read_text()
    for handler in ("alle1is", "vmalls12e1is", "ripas2e1is", "ipas2e1is", "tlbi_el2", "tlbi_el1"):
        body = handlers.split(f"\nstatic bool handle_{handler}(")[1].split("\n}\n")[0]
        assert body.count("\tkvm_nv_trace_tlbi(vcpu, sys_encoding, p->regval);\n") == 1, handler
    fast = (result / "arch/arm64/kvm/hyp/vhe/switch.c").read_text()
    body = fast.split("\nstatic bool kvm_hyp_handle_tlbi_el2(")[1].split("\n}\n")[0]
    noted = body.index("\t\tkvm_nv_hold_tlbi(vcpu, instr, val);\n")
    assert body.rindex("return false;") < noted < body.index("__kvm_skip_instr")
    run_loop = (result / "arch/arm64/kvm/arm.c").read_text()
    assert "\t\tret = kvm_arm_vcpu_enter_exit(vcpu);\n\t\tkvm_nv_release_tlbis(vcpu);\n" in run_loop
