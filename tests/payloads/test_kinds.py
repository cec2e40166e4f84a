# SPDX-License-Identifier: GPL-2.0-only
"""Kinds of mistakes in C that reviewers of kernels look for: found in a bad example, and in no payload."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.arch.header import write_headers
from harness.artefacts.payloads import SOURCES
from harness.host import command
from harness.host.command import HOSTCC

PLUGINS = {
    "nvh-trace": ("plugin", "plugin/trace"),
    "nvh-coverage": ("plugin", "plugin/coverage"),
    "nvh-hold": ("plugin", "plugin/hold"),
    "nvh-sanitizer": ("plugin", "sanitizer"),
}
"""Folders of each plugin's sources."""
KNOWN = {"nvh-sanitizer": "the level of a block is asked where it is translated; QEMU 10.0 and 11.1 answer"}
"""Plugins that do it all the same, with the reason."""
FUNCTION = re.compile(
    r"^(?:(?P<macro>QP_TB_CB|QP_VCPU_CB)\((?P<cb>\w+),[^)]*\)"
    r"|(?!\s|#|extern|typedef|struct \w+ \{)[\w \t*]*?\b(?P<name>\w+)\([^;{}]*\))\n\{\n(?P<body>.*?)^\}",
    re.MULTILINE | re.DOTALL,
)
CALL = re.compile(r"\b(\w+)\(")
NO_REGISTERS = re.compile(r"qemu_plugin_register_\w+_cb\(\s*\w+,\s*(\w+),\s*QP_CB_NO_REGS")
READS = {"nvh_read", "nvh_read_memory", "qemu_plugin_read_register", "qemu_plugin_read_memory_vaddr"}
ALLOCATES = {"malloc", "calloc", "realloc", "strdup", "g_byte_array_new"}
KEEPS = "nvh_keep"
"""Which allocates once for each distinct thing."""
SPIN = re.compile(
    r"while\s*\(\s*!?\s*(?:__atomic_(?:exchange_n|test_and_set|compare_exchange_n?)|__sync_lock_test_and_set)"
    r"|atomic_flag_test_and_set|cmpxchg"
)
ATOMIC = re.compile(
    r"__atomic_(?:add_fetch|fetch_add|sub_fetch|fetch_sub|fetch_or)\(&[^,]*?(\w+)(?:\[[^\]]*\]+)?,"
)
ABI = (
    "module/nvh_uapi.h",
    "plugin/trace/format.h",
    "plugin/coverage/format.h",
    "agent/proto.h",
    "kvm/shared.h",
    "litmus/shared/shared.h",
)
"""Structures that two programs agree on."""
ASM = re.compile(r"__asm__ volatile\(")
CALLS_OUT = ("smc", "hvc")
MAY_GO = tuple(f'"x{n}"' for n in range(4, 18))
"""SMC Calling Convention 1.0: what a call need not keep."""


def sources(*folders: str) -> dict[str, str]:
    """Text of the C files directly in ``folders`` of the payloads; of all with none."""
    if not folders:
        paths = sorted((*SOURCES.rglob("*.c"), *SOURCES.rglob("*.h")))
    else:
        paths = sorted(path for folder in folders for path in (SOURCES / folder).glob("*.[ch]"))
    return {path.relative_to(SOURCES).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def functions(text: str) -> dict[str, set[str]]:
    """What each function in ``text`` calls by name; callbacks of translations begin with ``tb:``."""
    found: dict[str, set[str]] = {}
    for match in FUNCTION.finditer(text):
        name = match["name"] or match["cb"]
        found.setdefault(name, set()).update(CALL.findall(match["body"]))
        if match["macro"] == "QP_TB_CB":
            found[f"tb:{name}"] = found[name]
    return found


def reach(calls: dict[str, set[str]], start: str, stop: str = "") -> set[str]:
    """Every function that ``start`` calls, by way of others but ``stop``."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        for name in calls.get(todo.pop(), set()) - seen:
            seen.add(name)
            if name != stop:
                todo.append(name)
    return seen


def of_translations(text: str) -> list[str]:
    """What callbacks of translations must not do: read registers, allocate at each translation."""
    calls = functions(text)
    found = []
    for start in sorted(name for name in calls if name.startswith("tb:")):
        reached = reach(calls, start, KEEPS)
        found += [f"{start} reaches {name}()" for name in sorted(reached & (READS | ALLOCATES))]
    return found


def without_registers(text: str) -> list[str]:
    """Callbacks registered for no registers that read some."""
    calls = functions(text)
    return [
        f"{start} reaches {name}()"
        for start in sorted(set(NO_REGISTERS.findall(text)))
        for name in sorted(reach(calls, start) & READS)
    ]


def mixed_increments(text: str) -> list[str]:
    """Plain increments of what is incremented atomically elsewhere in the same program."""
    found = []
    for name in sorted(set(ATOMIC.findall(text))):
        plain = re.compile(rf"(?:\+\+|--)[\w.>\[\]-]*\b{name}\b|\b{name}(?:\[[^\]]*\])?(?:\+\+|--| [+|-]= )")
        found += [line.strip() for line in text.splitlines() if plain.search(line) and "/*" not in line]
    return found


def statements(text: str) -> Iterator[str]:
    """Each asm statement in ``text``, from its parenthesis to the one that closes it."""
    for match in ASM.finditer(text):
        depth, at, quoted = 1, match.end(), False
        while depth and at < len(text):
            c = text[at]
            quoted ^= c == '"' and text[at - 1] != "\\"
            if not quoted:
                depth += (c == "(") - (c == ")")
            at += 1
        yield text[match.start() : at]


def clobbers(text: str) -> list[str]:
    """asm statements that say too little of what they change."""
    found = []
    for each in statements(text):
        missing = [] if '"memory"' in each else ["memory"]
        if re.search(rf'"(?:{"|".join(CALLS_OUT)})\b', each):
            missing += [name for name in MAY_GO if name not in each]
        if missing:
            found.append(f"{' '.join(each.split())} lacks {', '.join(missing)}")
    return found


def holes(header: Path, work: Path) -> str:
    """What the compiler says of implicit holes in the structures of ``header``; empty when there are none."""
    write_headers(work)
    folders = [SOURCES, SOURCES / "litmus", SOURCES / "lib", SOURCES / "arch", work]
    words = [HOSTCC, "-std=gnu11", "-Wpadded", "-Werror", "-fsyntax-only", "-x", "c"]
    return command.run(
        [*words, *(f"-I{folder}" for folder in folders), header], timeout_s=60, check=False
    ).stdout


@pytest.mark.parametrize("plugin", PLUGINS)
def test_callbacks_of_translations(plugin: str) -> None:
    text = "\n".join(sources(*PLUGINS[plugin]).values())
    calls = functions(text)
    (start,) = (name for name in calls if name.startswith("tb:"))
    assert len(reach(calls, start)) > 5 or plugin == "nvh-hold"
    assert KEEPS in reach(calls, start) or plugin == "nvh-hold"
    assert [line for line in of_translations(text) if plugin not in KNOWN] == []
    assert without_registers(text) == []


def test_a_read_at_translation_is_found() -> None:
    good = "static void watch(struct qp_tb *tb)\n{\n\tf(tb, on_exec);\n\tnvh_keep(&k, tb);\n}\n"
    callback = "QP_TB_CB(on_block, tb)\n{\n\twatch(tb);\n}\n"
    deep = "static void f(struct qp_tb *tb)\n{\n\tnvh_read(r, h);\n}\n"
    keep = "void *nvh_keep(struct k *k, const void *t)\n{\n\treturn malloc(1);\n}\n"
    on_exec = "static void on_exec(unsigned index, void *data)\n{\n\tnvh_read(r, h);\n}\n"
    assert of_translations(good + callback + keep + on_exec) == []
    assert of_translations(good + callback + deep) == ["tb:on_block reaches nvh_read()"]
    leak = good.replace("nvh_keep(&k, tb)", "calloc(1, 8)")
    assert of_translations(leak + callback + keep) == ["tb:on_block reaches calloc()"]


def test_a_read_without_registers_is_found() -> None:
    text = "static void on_dsb(unsigned index, void *data)\n{\n\tlevel(data);\n}\n"
    text += "static unsigned level(void *data)\n{\n\treturn nvh_read(r, h);\n}\n"
    register = "\tqemu_plugin_register_vcpu_insn_exec_cb(insn, on_dsb, {}, NULL);\n"
    assert without_registers(text + register.format("QP_CB_R_REGS")) == []
    assert without_registers(text + register.format("QP_CB_NO_REGS")) == ["on_dsb reaches nvh_read()"]


def test_locks_do_not_spin() -> None:
    for name, text in sources().items():
        assert not SPIN.search(text), f"{name} should use pthread_mutex_lock()"
    assert SPIN.search("	while (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))\n		;")


@pytest.mark.parametrize(
    "program", [*PLUGINS.values(), ("kvm",), ("litmus/host",), ("litmus/guest", "lib/bare")]
)
def test_what_is_incremented_atomically_always_is(program: tuple[str, ...]) -> None:
    assert mixed_increments("\n".join(sources(*program).values())) == []


def test_a_plain_increment_is_found() -> None:
    text = "	__atomic_add_fetch(&vcpus[i].gen, 1, __ATOMIC_RELEASE);\n"
    for line in (
        "	vcpu->gen++;",
        "	++vcpu->gen;",
        "	vcpus[who(index)].gen++;",
        "	vcpu->gen += 1;",
    ):
        assert mixed_increments(text + line) == [line.strip()]
    assert mixed_increments(text + "	vcpu->generation++;\n	x = vcpu->gen;") == []


def test_asm_says_what_it_changes() -> None:
    every = {name: text for name, text in sources().items() if "__asm__" in text}
    assert sum(len(list(statements(text))) for text in every.values()) > 40
    assert [f"{name}: {line}" for name, text in every.items() for line in clobbers(text)] == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('__asm__ volatile("msr x, %0" ::"r"(v));', 1),
        ('__asm__ volatile("msr x, %0" ::"r"(v) : "memory");', 0),
        ('__asm__ volatile("smc #0" : "+r"(x0)::"memory");', 1),
        ('__asm__ volatile("isb" ::: "memory"); __asm__ volatile("yield");', 1),
    ],
)
def test_a_missing_clobber_is_found(text: str, count: int) -> None:
    assert len(clobbers(text)) == count


@pytest.mark.parametrize("header", ABI)
def test_structures_that_two_programs_agree_on_have_no_hole(header: str, tmp_path: Path) -> None:
    assert holes(SOURCES / header, tmp_path) == ""


def test_a_hole_is_found(tmp_path: Path) -> None:
    header = tmp_path / "holed.h"
    header.write_text("struct holed {\n\tunsigned flags;\n\tunsigned long long value;\n};\n")
    assert "padding struct to align" in holes(header, tmp_path)


def test_an_exception_counts_as_undefined_by_its_class_alone() -> None:
    """ESR_ELx.EC is 0 for what is UNDEFINED (D24.2.46); each place that says so asks."""
    judge = (SOURCES / "litmus/host/judge.c").read_text()
    case = judge[judge.index("case ROLE_UNDEF:") : judge.index("case ROLE_TRAP:")]
    assert "!undefined(o)" in case
    asked = judge[judge.index("static bool undefined(") : judge.index("static void judge_probe(")]
    assert "o->esr == (PLACE(ESR_EC, ESR_EC_UNKNOWN) | ESR_IL)" in asked
    module = (SOURCES / "module/nvh_main.c").read_text()
    undef = module[: module.index("t->undef++")].rsplit("if (", 1)[1]
    assert "ESR_ELx_EC_UNKNOWN" in undef
    assert "mrs	x14, esr_el1" in (SOURCES / "module/execute.S").read_text()
