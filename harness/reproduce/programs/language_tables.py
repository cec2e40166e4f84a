# SPDX-License-Identifier: GPL-2.0-only
"""The tables of ``grammar`` as docs/programs.md and the editor grammar have them; tests compare.

``python -m harness.reproduce.programs.language_tables`` prints the blocks of the page and writes the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from harness.arch.table import load
from harness.host.paths import ROOT
from harness.program.program import TRANSLATIONS
from harness.reproduce.programs import grammar
from harness.reproduce.programs.grammar import DATA, EVENTS, OWN, STATEMENTS, VEL2, MemoryRegion

EDITOR = ROOT / "docs" / "nvl.tmLanguage.json"
"""A TextMate grammar, which Visual Studio Code, Sublime Text, Kate and bat read."""
OPERANDS = {
    "CTX": "number",
    "N": "number",
    "CPU": "number",
    "IPA": "number",
    "VA": "number",
    "PA": "number",
    "VALUE": "number",
    "STAGE": "stage",
    "IPA|VA": "number",
    "OFFSET": "number",
    "PA...": "number { number }",
    "LEVEL": '( "1" | "2" | "3" )',
    "none|PA": '( "none" | number )',
    "none|IPA": '( "none" | number )',
    "OP": "tlbi-name",
    "AT-OP": "at-name",
    "WHERE": "place",
    "ACTION": "host-action",
}


def _words(words: Iterable[str]) -> str:
    return " | ".join(f'"{word}"' for word in words)


def ebnf() -> str:
    """The language; a statement is one line, and ``#`` begins a comment."""
    fields = [*(f'"{key}="' for key in grammar.CONTEXT_VALUES if key != "granule")]
    rules = {
        "file": "{ program }",
        "program": 'head { line } "end"',
        "head": '"program" name { "cpus=" number | "spare=" number | "world=" word | "hide=" feature '
        '| "needs=" needed { "," needed } | "pressure=" number | "e2h0" | "late" | "halts" '
        '| "fresh" | "loose" }',
        "line": 'statement [ "loose" ] [ "=>" observation { "|" observation } ]',
        "statement": " | ".join(STATEMENTS),
    }
    for form in STATEMENTS.values():
        rules[form.verb] = _statement(form)
    rules |= {
        "context-word": f'"granule=" ( "4k" | "16k" | "64k" ) | ( {" | ".join(fields)} ) number '
        f"| {_words(grammar.CONTEXT_FLAGS)}",
        "operand": f"number | field {{ field }}   (* by name: {', '.join(grammar.OPERAND_FIELDS)} *)",
        "field": f"( {_words(f'{each}=' for each in grammar.OPERAND_FIELDS)} ) number",
        "letters": f'"-" | letter {{ letter }}   (* s2: {grammar.S2_LETTERS}; s1: {grammar.S1_LETTERS}; '
        f"e2: {grammar.E2_LETTERS} *)",
        "feature": _words(grammar.HIDES),
        "needed": _words(grammar.NEEDS),
        "stage": _words(grammar.STAGES),
        "place": _words(grammar.PLACES),
        "host-action": _words(grammar.HOST_ACTIONS),
        "at-name": _words(TRANSLATIONS),
        "tlbi-name": "(* a row of images/tlbi.csv *)",
        "number": '"0x" hex { hex } | digit { digit }',
        "name": 'lower { lower | digit | "-" }',
        "observation": "(* one of the table below *)",
    }
    width = max(map(len, rules))
    return "\n".join(f"{name:{width}} = {rule} ;" for name, rule in rules.items()) + "\n"


def _statement(form: grammar.Statement) -> str:
    words = [f'"{form.verb}"', *(OPERANDS[name] for name in form.operands)]
    optional = {
        "KEY=VALUE...": "{ context-word }",
        "FLAG...": "",
        "LETTERS": "[ letters ]",
        "el0": '[ "el0" ]',
        "OPERAND": "[ operand ]",
        "attr": '[ "attr" ]',
    }
    return " ".join([*words, *(word for each in form.optional if (word := optional[each]))])


def memory_map() -> str:
    """What lies where, in a table of Markdown."""
    pool = MemoryRegion(
        "tables", grammar.POOL_PA, grammar.POOL_USED[16], "L2's own tables, while its stage 1 is on"
    )
    second = MemoryRegion("l2-data", grammar.L2_DATA_VA, grammar.L2_PAGE_SIZE, "L2's page once more (`el0`)")
    rows = [
        ("IPA, VA", OWN, "vEL2's image and L2's own page: not to be mapped"),
        ("IPA", pool, pool.what + ": not to be mapped"),
        ("VA", second, second.what + ": not to be mapped"),
        ("PA", DATA, DATA.what),
        ("PA", EVENTS, EVENTS.what),
        ("VA of vEL2", VEL2, VEL2.what),
    ]
    lines = [
        f"| {kind} | `{region.start:#x}` to `{region.end - 1:#x}` | {what} |" for kind, region, what in rows
    ]
    return "\n".join(["| of | from, to | |", "|---|---|---|", *lines]) + "\n"


def observations() -> str:
    """Which statement observes what, in a table of Markdown."""
    lines = [
        f"| `{form.usage.replace('|', chr(92) + '|')}` | {form.what} | "
        f"{', '.join(f'`{family}`' for family in form.observes) or '-'} |"
        for form in STATEMENTS.values()
    ]
    return "\n".join(["| statement | | observes |", "|---|---|---|", *lines]) + "\n"


def editor() -> dict[str, Any]:
    """The editor grammar."""
    names = sorted((op.name for op in load()), key=lambda name: (-len(name), name))
    keys = "|".join(
        [
            *(*grammar.CONTEXT_VALUES, *grammar.OPERAND_FIELDS),
            *("cpus", "spare", "world", "hide", "needs", "pressure"),
        ]
    )
    flags = "|".join(
        [
            *grammar.CONTEXT_FLAGS,
            *grammar.STAGES,
            "e2h0",
            "late",
            "halts",
            "fresh",
            "loose",
            "none",
            "attr",
            *grammar.PLACES,
        ]
    )
    verbs = "|".join(sorted(STATEMENTS, key=lambda verb: (-len(verb), verb)))
    return {
        "scopeName": "source.nvl",
        "name": "nvh program",
        "fileTypes": ["nvl"],
        "patterns": [
            {"name": "comment.line.number-sign.nvl", "match": "(?<!\\S)#.*$"},
            {"name": "keyword.control.nvl", "match": "^\\s*(program|end)\\b"},
            {"name": "keyword.other.nvl", "match": f"^\\s*({verbs})(?=\\s|$)"},
            {"name": "keyword.operator.nvl", "match": "=>|\\|"},
            {"name": "support.function.tlbi.nvl", "match": f"\\b({'|'.join(names)})\\b"},
            {"name": "support.function.at.nvl", "match": f"\\b({'|'.join(TRANSLATIONS)})\\b"},
            {"name": "variable.parameter.nvl", "match": f"\\b({keys})="},
            {"name": "constant.language.nvl", "match": f"(?<=\\s)({flags})(?=\\s|$)"},
            {"name": "support.constant.fault.nvl", "match": "\\b(s1|s2|el2|vncr|par-s1|par-s2)-[a-z-]+"},
            {"name": "constant.numeric.nvl", "match": "\\b(0x[0-9a-fA-F]+|[0-9]+)\\b"},
        ],
    }


def editor_text() -> str:
    """The file of the editor grammar."""
    return json.dumps(editor(), indent=1) + "\n"


if __name__ == "__main__":
    EDITOR.write_text(editor_text())
    print("\n".join([ebnf(), observations(), memory_map()]))
