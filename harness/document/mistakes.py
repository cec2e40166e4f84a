# SPDX-License-Identifier: GPL-2.0-only
"""What a person did wrong where a text is no YAML: the parser's complaint in words, at the place to mend."""

from __future__ import annotations

import re

import yaml

from harness.errors import Location, Problem

_KEY = re.compile(r"[A-Za-z_][\w.-]*")
_NO_SPACE = re.compile(r"\s*(?:- )?[A-Za-z_][\w-]*:\S")
_QUOTED = re.compile(r"""(['"]).*\1""")
_CANNOT = "that cannot start any token"
_A_KEY = "a key such as `boot: l2`"
_OPERATORS = ("<", ">", "!", "=")
_PAIRS = {"{": "}", "[": "]"}


def problem(path: str, source: str, error: yaml.MarkedYAMLError) -> Problem:
    """The mistake behind a syntax error, with its place, and what to write instead."""
    return _Mistake(path, source, error).found()


class _Mistake:
    """One syntax error and the text around it.

    ``at`` is where the parser stopped, ``begun`` where what it was reading then had begun.
    """

    def __init__(self, path: str, source: str, error: yaml.MarkedYAMLError) -> None:
        self.path = path
        self.source = source
        self.lines = source.split("\n")
        self.says = error.problem or ""
        self.context = error.context or ""
        self.at = error.problem_mark or error.context_mark
        self.begun = error.context_mark

    def found(self) -> Problem:
        if self.at is None:
            return Problem(Location(self.path), f"not YAML: {self.says}")
        known = (
            self._tab,
            self._deep,
            self._reference,
            self._quote,
            self._tag,
            self._key,
            self._colon,
            self._block_text,
            self._start,
            self._bracket,
            self._indentation,
        )
        for kind in known:
            if problem := kind():
                return problem
        reason = ", ".join(part for part in (self.context, self.says) if part)
        return self._here(f"not YAML: {reason}")

    def _line(self, number: int) -> str:
        return self.lines[number] if number < len(self.lines) else ""

    def _here(self, found: str, expected: str = "", *, begun: bool = False) -> Problem:
        mark = self.begun if begun else self.at
        assert mark is not None
        return Problem(Location(self.path, mark.line + 1, mark.column + 1), found, expected)

    def _tab(self) -> Problem | None:
        tab = self.at is not None and self.source[self.at.index : self.at.index + 1] == "\t"
        return self._here("a tab", "spaces for indentation") if tab else None

    def _deep(self) -> Problem | None:
        return self._here(self.says, "a flatter file") if self.says.startswith("nested") else None

    def _reference(self) -> Problem | None:
        assert self.at is not None
        line = self._line(self.at.line)
        if "${" in line and "{" in line.replace("${", "") and "quoted scalar" not in self.context:
            return self._here("not YAML", 'quotes around "${...}" inside braces')
        return None

    def _quote(self) -> Problem | None:
        """A quote that nothing closes, or one inside the text that it should be around."""
        if "quoted scalar" in self.context:
            if "unknown escape" in self.says:
                letter = self.says.rpartition("character ")[2]
                return self._here(
                    f"\\{letter.strip(chr(39))} in double quotes",
                    "single quotes around it, or \\\\ for one \\",
                )
            return self._here(
                f"a quote {self._opening()} that is not closed", "the same quote behind the text", begun=True
            )
        assert self.at is not None
        before = self._line(self.at.line)[: self.at.column]
        if self.says.endswith("'<scalar>'") and _QUOTED.search(before):
            return self._here(
                "text behind a closing quote",
                "quotes around the whole value; inside single quotes '' is one '",
            )
        return None

    def _opening(self) -> str:
        assert self.begun is not None
        return self.source[self.begun.index : self.begun.index + 1]

    def _tag(self) -> Problem | None:
        """``!= 0`` reads as a tag of YAML."""
        if self.context in ("while scanning a tag", "while parsing a tag"):
            return self._here("`!` without quotes", 'quotes, as in "!= 0"', begun=True)
        return None

    def _key(self) -> Problem | None:
        """A line that is neither a key nor goes on with a text."""
        if self.context != "while scanning a simple key" or self.begun is None:
            return None
        text = self._line(self.begun.line)[self.begun.column :].strip()
        if _NO_SPACE.match(text):
            return self._here(f"no space behind the colon of {text!r}", _A_KEY, begun=True)
        return self._here(f"a line without a colon, {text!r}", _A_KEY, begun=True)

    def _colon(self) -> Problem | None:
        """Two colons in a line, a key without one, or one without a space behind it."""
        if not self.says.startswith("mapping values are not allowed"):
            return None
        assert self.at is not None
        line = self._line(self.at.line)
        before = line[: self.at.column]
        if ": " in before:
            return self._here("a second `: ` in one line", "quotes around a text with `: ` in it")
        above = next((n for n in range(self.at.line - 1, -1, -1) if self._line(n).strip()), None)
        if above is None:
            return None
        text = self._line(above)
        place = Location(self.path, above + 1, len(text) - len(text.lstrip()) + 1)
        if _NO_SPACE.match(text):
            return Problem(place, f"no space behind the colon of {text.strip()!r}", _A_KEY)
        if ":" not in text:
            return Problem(place, f"a line without a colon, {text.strip()!r}", _A_KEY)
        return self._here(
            "a key that is indented below a value",
            "the indentation of the key above, or no value behind that",
        )

    def _block_text(self) -> Problem | None:
        """``> 0`` and ``| x`` begin a text of several lines."""
        if "block scalar" in self.context and "comment or a line break" in self.says:
            sign = self._opening()
            return self._here(f"`{sign}` without quotes", f'quotes, as in "{sign} 0"', begun=True)
        return None

    def _start(self) -> Problem | None:
        assert self.at is not None
        sign = self.source[self.at.index : self.at.index + 1]
        if _CANNOT in self.says:
            example = f'"{sign} 0"' if sign in _OPERATORS else f'"{sign}..."'
            return self._here(f"`{sign}` without quotes", f"quotes, as in {example}")
        if self.context in ("while scanning an alias", "while scanning an anchor"):
            return self._here(f"`{self._opening()}` without quotes", "quotes around the value", begun=True)
        return None

    def _bracket(self) -> Problem | None:
        """A brace or bracket that nothing closes, or that another sign closes."""
        if not self.context.startswith("while parsing a flow"):
            return None
        assert self.at is not None
        assert self.begun is not None
        opening = self._opening()
        closing = _PAIRS.get(opening, "")
        sign = self.source[self.at.index : self.at.index + 1]
        if not closing:
            return self._nothing_there(sign)
        if sign == ":" and self.at.line == self.begun.line:
            return self._here(f"a `:` inside {opening}{closing}", "quotes around a text with a colon in it")
        if sign in _PAIRS.values() and self.at.line == self.begun.line:
            return self._here(f"`{opening}` closed by `{sign}`", f"`{closing}`")
        return self._here(
            f"a `{opening}` that is not closed", f"`{closing}` behind the last item", begun=True
        )

    def _nothing_there(self, sign: str) -> Problem:
        """Inside braces or brackets there is no value where one belongs."""
        assert self.at is not None
        if sign == ",":
            return self._here("a `,` without a value before it", "one comma between two values")
        depth = 0
        for index in range(min(self.at.index, len(self.source)) - 1, -1, -1):
            letter = self.source[index]
            depth += (letter in _PAIRS.values()) - (letter in _PAIRS)
            if depth < 0:
                before = self.source[:index]
                place = Location(self.path, before.count("\n") + 1, index - before.rfind("\n"))
                return Problem(
                    place, f"a `{letter}` that is not closed", f"`{_PAIRS[letter]}` behind the last item"
                )
        return self._here(f"not YAML: {self.says}")

    def _indentation(self) -> Problem | None:
        """What stands at a column where neither its list or mapping goes on nor another one ends."""
        if "<block end>" not in self.says:
            return None
        assert self.at is not None
        assert self.begun is not None
        line = self._line(self.at.line)
        text = line.strip()
        column = len(line) - len(line.lstrip())
        before = line[: self.at.column].rstrip()
        if self.at.column > column and self.source[self.at.index : self.at.index + 1] in _PAIRS.values():
            return self._here("a closing bracket that nothing opened", "as many as are opened")
        if self.at.column > column and before[-1:] in ("'", '"'):
            return self._here(
                f"text behind a closing quote, in {text!r}", "each quote closed: is one in a line above open?"
            )
        if self.at.column > column:  # behind something that ended on this line
            return self._here(f"text behind a value, in {text!r}", "one value, or quotes around all of it")
        block, begins = self.begun.column, self.begun.line + 1
        in_list = "collection" in self.context
        inside = self._inside(block) if in_list else block
        if in_list and column > block and not text.startswith("- "):
            return self._here(
                f"wrong indentation: {column} spaces before {text!r}",
                f"{inside} spaces, as the other keys of its item, or {block} and `- `",
            )
        if in_list and column == block:
            expected = f"`- ` before it, or {inside} spaces for a key of the item above"
            return self._here(f"a key where a list goes on, {text!r}", expected)
        if text.startswith("- ") and column == block:
            return self._here(f"a list item among keys, {text!r}", "a key, or the item below one")
        return self._here(
            f"wrong indentation: {column} spaces before {text!r}",
            f"{block} spaces, as in line {begins}, or those of another line above",
        )

    def _inside(self, block: int) -> int:
        """The column of the keys of a list's items."""
        assert self.at is not None
        for number in range(self.at.line - 1, -1, -1):
            line = self._line(number)
            column = len(line) - len(line.lstrip())
            if column == block and line.lstrip().startswith("- "):
                rest = line.lstrip()[1:]
                return block + 1 + len(rest) - len(rest.lstrip())
        return block + 2
