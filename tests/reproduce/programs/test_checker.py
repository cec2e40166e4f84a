# SPDX-License-Identifier: GPL-2.0-only
"""What a checked program is: the author's values against the model's, memory, private tables, the C."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import InputError, edits
from harness.host.paths import IMAGES, SCENARIOS
from harness.program.allowed import HANG, allowed_of
from harness.program.kernel_defects import DEFECTS
from harness.program.memory_types import MEMATTR
from harness.program.needs import CONTEXTS
from harness.program.parse import parse
from harness.reproduce.programs import corpus, grammar
from harness.reproduce.programs.checker import Checked, check, check_file
from harness.reproduce.programs.words import cut, nearest
from tests.program.simulate import observations

CORPUS = sorted((SCENARIOS / "programs").glob("*.nvl"))


def one(text: str) -> Checked:
    (checked,) = check(text)
    return checked


def allowed(text: str) -> list[str]:
    """What each observing line allows, as it is written."""
    return ["|".join(sorted(may)) for may in one(text).allowed if may is not None]


def s2(*lines: str, context: str = "") -> str:
    head = [
        "program a cpus=2",
        f"context 0 granule=4k vmid=1 s2 {context}".rstrip(),
        "poke 0x100000000 0xaaaa",
    ]
    return "\n".join([*head, *lines, "end"]) + "\n"


def test_an_author_may_leave_every_observation_away() -> None:
    for path in CORPUS:
        text = path.read_text()
        without = "\n".join(line.partition("=>")[0] for line in text.splitlines())
        for mine, bare in zip(check(text), check(without), strict=True):
            assert mine.allowed == bare.allowed
            assert set(bare.written) == {None}


def test_the_authors_own_values_in_the_corpus_are_the_models() -> None:
    """Every one of them was written by hand, and none says less than what is allowed."""
    written = 0
    for path in CORPUS:
        for checked in check_file(path):
            assert checked.notes == (), path
            for wrote, may in zip(checked.written, checked.allowed, strict=True):
                written += wrote is not None
                assert wrote is None or wrote == may, path
    assert written > 80


def test_a_value_that_is_not_allowed_is_a_mistake_and_one_too_few_a_note() -> None:
    lines = ("s2 0 0x400000000 3 0x100000000 rwx", "s2 0 0x400000000 3 none", "read 0 0x400000000 => {}")
    with pytest.raises(InputError) as caught:
        check(s2(*lines).format("v=0xbbbb"), "mine.nvl")
    assert str(caught.value) == (
        "mine.nvl:6:23: written v=0xbbbb, allowed s2-translation@0x400000000|v=0xaaaa"
    )
    checked = one(s2(*lines).format("v=0xAAAA"))
    assert [str(note) for note in checked.notes] == [
        "program:6:23: written v=0xaaaa, allowed also s2-translation@0x400000000"
    ]


def test_memory_is_what_the_program_says_and_what_it_writes() -> None:
    found = allowed(
        s2(
            "s2 0 0x400000000 3 0x100000000 rwx",
            "read 0 0x400000000",
            "read 0 0x400000010",
            "write 0 0x400000010 0x77",
            "read 0 0x400000010",
        )
    )
    assert found == ["v=0xaaaa", "v=0x0", "at=none", "v=0x77"]
    (note,) = one(s2("write 0 0x400000010 0x77")).notes
    assert str(note) == (
        "program:4:1: a write is looked for in no word; expected `frames PA` for where it may land"
    )


def test_a_write_that_may_have_gone_to_two_pages_leaves_both_in_doubt() -> None:
    text = """program a
context 0 granule=4k vmid=1 s2
frames 0x100000000 0x100001000
s2 0 0x400000000 3 0x100000000 rwx
s2 0 0x400000000 3 none
tlbi 0 ipas2e1 0x400000
tlbi 0 vmalle1
s2 0 0x400000000 3 0x100001000 rwx
s2 0 0x400001000 3 0x100000000 rwx
s2 0 0x400000000 3 0x100001000 r
write 0 0x400000000 0x5
read 0 0x400001000
read 0 0x400000000
end
"""
    assert allowed(text)[2:] == ["at=0x100001000|s2-permission", "v=0x0", "v=0x0|v=0x5"]


def test_frames_that_hold_the_value_already_are_reported_too() -> None:
    text = """program a
context 0 granule=4k vmid=1 s2
frames 0x100000000 0x100001000
poke 0x100001000 0x5
s2 0 0x400000000 3 0x100000000 rwx
write 0 0x400000000 0x5
end
"""
    assert allowed(text) == ["at=0x100000000+0x100001000"]


def test_operands_by_field_are_the_bits() -> None:
    by_name = one(s2("tlbi 0 vae1is va=0x40400000 asid=5", "tlbi 0 ipas2e1is ipa=0x400000000 ns=1 ttl=7"))
    by_bits = one(s2("tlbi 0 vae1is 0x5000000040400", "tlbi 0 ipas2e1is 0x8000700000400000"))
    assert by_name.program.actions == by_bits.program.actions


def test_private_tables_are_each_pes_own_unless_they_are_common() -> None:
    path = SCENARIOS / "programs" / "private-tables.nvl"
    text = path.read_text()
    assert [c.pe for c in one(text).program.world.contexts] == [0, 1]
    common = text.replace("asid=5 s1", "asid=5 s1 cnp")
    with pytest.raises(InputError, match="a TLB may hold 0x40400000"):
        check(common)


def test_above_the_input_size_nothing_is_mapped_and_a_known_defect_says_otherwise() -> None:
    checked = one((SCENARIOS / "programs" / "beyond-input-size.nvl").read_text())
    known = [each for each in DEFECTS if each.aliases]
    assert allowed_of(checked.program, known) != list(checked.allowed)
    assert observations(checked.program, "x", 1.0) == [
        next(iter(may)) if may else None for may in checked.allowed
    ]
    aliased = observations(checked.program, "x", 1.0, "beyond-input-size")
    assert aliased[4] == "v=0x1111"
    assert all(
        may is None or token in may
        for token, may in zip(aliased, allowed_of(checked.program, known), strict=True)
    )


def test_a_start_level_that_does_not_fit_faults_and_its_defect_hangs() -> None:
    low, high = check_file(SCENARIOS / "programs" / "unfit-start-level.nvl")
    (defect,) = [each for each in DEFECTS if each.unfit]
    assert high.allowed == (frozenset({"s2-translation!code"}),)
    assert HANG in (allowed_of(high.program, [defect])[0] or ())
    assert low.allowed[3] == frozenset({"s2-translation!code"})


@pytest.mark.parametrize(
    ("operand", "left"),
    [
        ("0x54000024051ff", True),
        ("0x5400002404fff", False),
        ("0x5400002405100", False),
        ("0x5400002405200", False),
    ],
    ids=["begins-in", "ends-in", "lies-in", "behind"],
)
def test_a_range_that_begins_in_a_block_and_ends_behind_it(operand: str, left: bool) -> None:
    """QEMU keeps the block, which is a defect of the model: images/model-defects.yaml, qemu-range-block."""
    text = f"""\
program a cpus=1
context 0 granule=4k vmid=1 asid=5 s1
poke 0x100200000 0xaaaa
s1 0 0x2405000000 2 0x100200000 x
read 0 0x2405000000
s1 0 0x2405000000 2 none
tlbi 0 rvale1 {operand}
read 0 0x2405000000
end
"""
    (defect,) = [each for each in DEFECTS if each.of_model]
    program = one(text).program
    strict = {"s1-translation"} | ({"v=0xaaaa"} if operand.endswith("5200") else set())
    assert set(allowed_of(program)[-1] or ()) == strict
    assert set(allowed_of(program, [defect])[-1] or ()) == strict | ({"v=0xaaaa"} if left else set())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_script_reads_back_as_the_same_program(path: Path) -> None:
    """What nvh-litmus gets means the same actions and contexts, and ends as a generated program does."""
    for checked in check_file(path):
        ((name, again),) = parse(checked.script())
        assert (name, again.world, again.actions) == (
            checked.name,
            checked.program.world,
            checked.program.actions,
        )


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_right_machine_passes_the_corpus(path: Path) -> None:
    for checked in check_file(path):
        if checked.program.memory and checked.program.memory.words:
            continue  # a simulated machine has values of its own
        for seed, retain in (("a", 0.0), ("b", 0.5), ("c", 1.0)):
            for token, may in zip(observations(checked.program, seed, retain), checked.allowed, strict=True):
                assert may is None or token in may


FAULTS = {
    path.stem: found
    for path in CORPUS
    if (
        found := [
            name for kind, name in corpus.header(path.read_text(), str(path)).faults if kind == "simulated"
        ]
    )
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_machine_with_the_fault_is_red(name: str) -> None:
    """Each fault shows in a program of the file, and each program shows one."""
    red = set()
    programs = check_file(SCENARIOS / "programs" / f"{name}.nvl")
    for checked in programs:
        for fault in FAULTS[name]:
            machines = [observations(checked.program, str(seed), 1.0, fault) for seed in range(8)]
            pairs = [pair for tokens in machines for pair in zip(tokens, checked.allowed, strict=True)]
            if any(may is not None and token not in may for token, may in pairs):
                red.add((checked.name, fault))
    assert {fault for _, fault in red} == set(FAULTS[name])
    assert {program for program, _ in red} == {checked.name for checked in programs}


def test_words_have_columns_arrows_without_spaces_too() -> None:
    (line,) = cut("  read 0 0x10=>v=0x1 # v", "a")
    assert [(w.text, w.where.col) for w in line.words] == [("read", 3), ("0", 8), ("0x10", 10)]
    assert line.allowed is not None
    assert [(w.text, w.where.col) for w in line.allowed] == [("v=0x1", 16)]


def test_nearest_counts_edits_with_neighbours_swapped() -> None:
    assert edits("ipas2e1si", "ipas2e1is") == 1
    assert nearest("ipas2e1si", ["ipas2e1", "ipas2e1os", "ipas2e1is"]) == "ipas2e1is"
    assert nearest("zzzz", ["read", "write"]) == ""


# --- the tables of grammar.py against the C


def define(name: str, header: str = "shared/shared.h") -> int:
    text = (IMAGES / "payloads" / "litmus" / header).read_text()
    match = re.search(rf"#define {name} (0x[0-9a-f]+|[0-9]+)\b", text)
    assert match, name
    return int(match.group(1), 0)


def test_the_memory_map_is_the_payloads() -> None:
    for name, value in (
        ("IMAGE_PA", grammar.IMAGE_PA),
        ("SHARED_PA", grammar.SHARED_PA),
        ("POOL_PA", grammar.POOL_PA),
        ("DATA_PA", grammar.DATA.start),
        ("DATA_SIZE", grammar.DATA.size),
        ("EVENT_PA", grammar.EVENTS.start),
        ("EVENT_SIZE", grammar.EVENTS.size),
        ("E2_TEST_VA", grammar.VEL2.start),
        ("L2_DATA_VA", grammar.L2_DATA_VA),
        ("L2_PAGE_SIZE", grammar.L2_PAGE_SIZE),
        ("CPUS_MAX", grammar.CPUS_MAX),
        ("CONTEXTS_MAX", grammar.CONTEXTS_MAX),
        ("FRAMES_MAX", grammar.FRAMES_MAX),
        ("STEPS_MAX", grammar.STEPS_MAX + 4),
        ("PRESSURE_PAGES", grammar.PRESSURE_MAX),
        ("PHYSICAL_BITS", 40),
    ):
        assert define(name) == value, name
    assert define("WATCHES_MAX", "host/text_words.h") == grammar.WATCHES_MAX
    assert define("LEAST_BITS", "host/text_context.c") == grammar.LEAST_BITS
    step = (IMAGES / "payloads" / "litmus" / "guest/step.c").read_text()
    match = re.search(r"shift == 16 \? (0x\w+) : (0x\w+);", step)
    assert match is not None
    assert {int(each, 0) for each in match.groups()} == set(grammar.POOL_USED.values())


def test_the_statements_are_those_that_nvh_litmus_reads() -> None:
    """Verbs, words of `context`, actions of the host, places and letters, from the C that reads them."""
    host = IMAGES / "payloads" / "litmus" / "host"
    text = (host / "text.c").read_text()
    assert set(re.findall(r'\{ "([a-z0-9-]+)", (?:do|text)_\w+ \}', text)) == set(grammar.STATEMENTS)
    context = (host / "text_context.c").read_text()
    assert set(re.findall(r'text_value\(w\[i\], "([a-z0-9-]+)"\)', context)) == set(grammar.CONTEXT_VALUES)
    flags = re.findall(r'strcmp\(w\[i\], "([a-z0-9-]+)"\)|\{ "([a-z0-9-]+)", \.\w+ =', context)
    assert {one or other for one, other in flags} == set(grammar.CONTEXT_FLAGS)
    head = (host / "text_head.c").read_text()
    assert set(re.findall(r'\{ "([a-z0-9-]+)", CONTEXT_', head)) == set(CONTEXTS)
    assert f"some of {', '.join(grammar.NEEDS)}" in head
    actions = text[text.index("static bool do_host") : text.index("static bool do_spin")]
    assert set(re.findall(r'\{ "([a-z-]+)", EVENT', actions)) == set(grammar.HOST_ACTIONS)
    spin = text[text.index("static bool do_spin") : text.index("static bool do_cpu")]
    assert set(re.findall(r'\{ "([a-z0-9-]+)", SPIN', spin)) == set(grammar.PLACES)
    letters = re.search(
        r'kind == STEP_S2\s*\? "(\w+)-"\s*: kind == STEP_S1\s*\? "(\w+)-"\s*: "(\w+)-"',
        (host / "text_memory.c").read_text(),
    )
    assert letters is not None
    assert [set(each) for each in letters.groups()[:2]] == [set(grammar.S2_LETTERS), set(grammar.S1_LETTERS)]
    assert set(grammar.E2_LETTERS) <= set(letters.group(3))
    memory = (host / "text_memory.c").read_text()
    types = {letter: int(value) for letter, value in re.findall(r"\{ '([A-Z])', (\d+) \}", memory)}
    assert types == MEMATTR
    assert set(grammar.E2_LETTERS) <= set(grammar.S1_LETTERS)
