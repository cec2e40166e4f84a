# SPDX-License-Identifier: GPL-2.0-only
"""The cause in a run's output is the first line of its finding."""

from __future__ import annotations

import pytest

from harness.check.evaluate import evaluate
from harness.check.finding import RunResult
from harness.check.said import cause
from harness.errors import Location
from harness.reproduce.programs.checker import check
from harness.scenario.language import ResultCheck
from harness.trace.timeline import Timeline

COMMAND = """\
nvh-litmus --program - <<'END'
# lines of one: 4=13 6=15
program one cpus=1 spare=2 world=4k
context 0 granule=4k vmid=1 s2
poke 0x100000000 0xaaaa
s2 0 0x400000000 3 0x100000000 rwx
read 0 0x400000000 => v=0xaaaa
tlbi 0 vmalle1is => done
read 0 0x400000000 loose => s2-translation@0x400000000
end
END
"""
FAIL = (
    "program=one observed=4:v=0xaaaa,6:v=0xaaaa verdict=fail line=6 ms=3 "
    "saw=v=0xaaaa allowed=s2-translation@0x400000000\n"
)
LITMUS = (
    "case=s2-unmap/vae1is/4k op=vae1is regime=el1&0 granule=4k scope=is l1=vhe obliged=yes "
    "control=stale-seen verdict={} refaults=0 ns=3{}\n"
)
KVM = (
    "case=remap vcpus=1 pages=256 iterations=3 accesses=7 control=3 stale={} other=0 lost=0 faults=0 mmio=0 "
    "ok=0{}\n"
)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            RunResult(1, FAIL, "", COMMAND),
            "line 15 saw v=0xaaaa, allowed s2-translation@0x400000000: read 0 0x400000000",
        ),
        (RunResult(1, FAIL), "line 6 saw v=0xaaaa, allowed s2-translation@0x400000000"),
        (
            RunResult(1, "program=two observed= verdict=vacuous\n" + FAIL, "", COMMAND),
            "program one: line 15 saw v=0xaaaa, allowed s2-translation@0x400000000: "
            "read 0 0x400000000 (and 1 more)",
        ),
        (
            RunResult(1, "program=one observed= verdict=hang at=guest_l2.c\n"),
            "program one: hang at=guest_l2.c",
        ),
        (
            RunResult(1, 'program=one observed= verdict=broken why="exit reason 6"\n'),
            'program one: broken why="exit reason 6"',
        ),
        (
            RunResult(1, "program=one observed= verdict=vacuous\n"),
            "program one: another CPU did not run in time",
        ),
        (
            RunResult(1, LITMUS.format("pass", "") + LITMUS.format("fail", " stale=3 lost=0")),
            "case s2-unmap/vae1is/4k fail: stale=3 lost=0",
        ),
        (
            RunResult(1, LITMUS.format("hang", ' why="vcpu 1"')),
            'case s2-unmap/vae1is/4k hang: "vcpu 1"',
        ),
        (RunResult(1, KVM.format(2, "")), "case remap: control=3 stale=2"),
        (RunResult(3, KVM.format(0, ' reason="no memory"')), 'case remap: control=3, reason="no memory"'),
        (
            RunResult(2, "", "nvh-tlbi: unknown operation 'x'; see nvh-tlbi --list\n\nusage: a\n b\n c\n"),
            "nvh-tlbi: unknown operation 'x'; see nvh-tlbi --list | usage: a | b",
        ),
        (RunResult(2, "", ""), ""),
        (RunResult(1, "ops=3\n", "some words\n"), ""),
        (RunResult(0, LITMUS.format("pass", ""), ""), ""),
    ],
)
def test_cause(result: RunResult, said: str) -> None:
    assert cause(result) == said


def test_it_is_the_first_line_of_the_finding() -> None:
    wanted = ResultCheck(Location("s.yaml", 4), "ok", "run", values={"failed": 0})
    (found,) = evaluate([wanted], Timeline(), {"run": RunResult(1, FAIL + "failed=1\n", "", COMMAND)}, {})
    assert found.message.splitlines() == [
        "line 15 saw v=0xaaaa, allowed s2-translation@0x400000000: read 0 0x400000000",
        "run run ended with exit 1, expected exit 0; failed=1, expected 0",
    ]
    (found,) = evaluate(
        [wanted], Timeline(), {"run": RunResult(2, "", "tool: no option --x\nusage: tool\n")}, {}
    )
    assert found.message.splitlines()[0] == "tool: no option --x | usage: tool"


def test_the_lines_of_a_file_come_with_its_script() -> None:
    """What a cell of a .nvl file runs says which line of the file each line is."""
    text = (
        COMMAND.split("\n", 2)[2].removesuffix("END\n").replace(" loose", "").replace(" spare=2 world=4k", "")
    )
    text = text.replace(
        "tlbi 0 vmalle1is", "s2 0 0x400000000 3 none\ntlbi 0 ipas2e1is ipa=0x400000000\ntlbi 0 vmalle1is"
    )
    (checked,) = check("# what: a thing\n\n" + text, "one.nvl")
    script = checked.script()
    numbers = {text: line for line, text in enumerate(("# what: a thing\n\n" + text).splitlines(), 1)}
    inside = script[script.index("program one") :].splitlines()
    number, action = next(
        (n, line) for n, line in enumerate(inside) if line.startswith("read") and "s2-translation" in line
    )
    saw = f"program=one observed= verdict=fail line={number} ms=3 saw=v=0x1 allowed=x\n"
    last = max(line for words, line in numbers.items() if words.startswith("read"))
    words = action.partition(" =>")[0]
    assert cause(RunResult(1, saw, "", script)) == f"line {last} saw v=0x1, allowed x: {words}"
