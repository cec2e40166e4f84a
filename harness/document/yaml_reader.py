# SPDX-License-Identifier: GPL-2.0-only
"""From a path to a tree of nodes: what is not plain, bounded YAML is refused with its place.

Typing follows the YAML 1.2 core schema, so ``on``, ``yes`` and ``1:30`` are strings. Anchors, aliases,
merge keys and tags are refused: a file reads the same from top to bottom, and an alias bomb has
nothing to grow from.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import yaml

from harness.document import mistakes
from harness.document.nodes import REFUSED, Node, Plain, shown
from harness.errors import InputError, Location, Problem, closest

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32

_ALIAS = "alias"
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Plain] = {"": None, "~": None, "null": None, "true": True, "false": False}


def read(path: Path) -> Node:
    """Return the one document of a file; ``InputError`` with everything that is refused in it."""
    root, problems = examine(path)
    if problems:
        raise InputError(problems)
    return root


def examine(path: Path) -> tuple[Node, list[Problem]]:
    """Return the one document of a file, and what is refused in it, in whose place stands nothing.

    ``InputError`` when there is no tree to go on with.
    """
    return examine_text(path, _decode(path, _bytes(path)))


def examine_text(path: Path, text: str) -> tuple[Node, list[Problem]]:
    """The same for a text that says what ``path`` means."""
    builder = _Builder(path, text)
    root = builder.document()
    if root is None:
        raise InputError(builder.problems)
    return root, builder.problems


def _refuse(
    path: Path, found: str, expected: str = "", near: str = "", line: int = 1, col: int = 1
) -> InputError:
    return InputError([Problem(Location(str(path), line, col), found, expected, near)])


def _bytes(path: Path) -> bytes:
    """Read a regular file of bounded size; its size is looked at before its content."""
    try:
        info = path.stat()
    except FileNotFoundError:
        raise _refuse(path, "no such file", "a YAML file", _sibling(path)) from None
    except (OSError, ValueError) as error:
        raise _refuse(path, f"cannot be read: {_reason(error)}", "a readable file") from None
    if stat.S_ISDIR(info.st_mode):
        raise _refuse(path, "is a directory", "a YAML file")
    if not stat.S_ISREG(info.st_mode):
        raise _refuse(path, "is not a regular file", "a YAML file")
    if info.st_size > MAX_BYTES:
        raise _refuse(path, f"{info.st_size} bytes", f"a file of at most {MAX_BYTES} bytes")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refuse(path, f"cannot be read: {_reason(error)}", "a readable file") from None
    if len(data) > MAX_BYTES:  # it grew meanwhile, or its size was not known (procfs)
        raise _refuse(path, "too large", f"a file of at most {MAX_BYTES} bytes")
    return data


def _reason(error: Exception) -> str:
    return (os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)).lower()


def _sibling(path: Path) -> str:
    """The closest name beside a missing file, as a path that can be typed."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return ""
    near = closest(path.name, names)
    return str(path.with_name(near)) if near else ""


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        col = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        found = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise _refuse(path, found, "a text file in UTF-8", line=line, col=col) from None


def _mark(event: yaml.Event) -> yaml.Mark:
    assert isinstance(event.start_mark, yaml.Mark)  # the Python parser always sets it
    return event.start_mark


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and not node.value


class _Builder(yaml.SafeLoader):
    """PyYAML's composer with bounded depth, whose result is turned into nodes with places."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = str(path)
        self.source = text
        self.problems: list[Problem] = []
        self.aliases: set[str | None] = set()
        self.depth = 0

    def document(self) -> Node | None:
        """Return the root, or None when ``problems`` says why there is none."""
        try:
            super().__init__(self.source)
            root = self._compose()
        except yaml.reader.ReaderError as error:
            self._unreadable(error)
            return None
        except yaml.MarkedYAMLError as error:
            self.problems.append(mistakes.problem(self.path, self.source, error))
            return None
        if root is None:
            if not self.problems:
                self._add(Location(self.path), "an empty file", "a YAML document")
            return None
        return self._convert(root)

    def _compose(self) -> yaml.Node | None:
        self._next()  # StreamStart
        if self.check_event(yaml.StreamEndEvent):
            return None
        self._next()  # DocumentStart
        root = self.compose_node(None, None)
        self._next()  # DocumentEnd
        if not self.check_event(yaml.StreamEndEvent):
            mark = _mark(self._peek())
            self._add(self._place(mark), "a second document", "one document per file")
        return root

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        """Compose below the depth limit; record and pass over what nvh refuses."""
        event: Any = self._peek()  # anchor and tag are the node events' own
        where = self._place(_mark(event))
        if isinstance(event, yaml.AliasEvent):
            self._next()
            if event.anchor not in self.aliases:  # once each: an alias bomb has many
                self._add(where, f"the alias *{event.anchor}", "the value written out")
            self.aliases.add(event.anchor)
            return yaml.ScalarNode(_ALIAS, "", _mark(event), _mark(event))
        if event.anchor is not None:
            self._add(where, f"the anchor &{event.anchor}", "a plain value")
            event.anchor = None
        if event.tag is not None:
            self._tag(where, event.tag)
            event.tag = None
        if self.depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested more than {MAX_DEPTH} levels deep", problem_mark=_mark(event)
            )
        self.depth += 1
        try:
            # typeshed does not know the index of a mapping's value, which is a node
            return super().compose_node(parent, index)  # type: ignore[arg-type]
        finally:
            self.depth -= 1

    def _tag(self, where: Location, tag: str) -> None:
        if tag.startswith("!") and not tag[1:].isalnum():  # the beginning of a comparison
            line = self.source.split("\n")[where.line - 1][where.col - 1 :]
            said = re.split(r"[,}\]]|\s#", line, maxsplit=1)[0].strip()
            self._add(where, f"`{said}` without quotes, which YAML takes for a tag", f'quotes: "{said}"')
        else:
            self._add(where, f"the tag {shown(tag)}", "a plain value")

    def _peek(self) -> yaml.Event:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        return event

    def _next(self) -> yaml.Event:
        event: yaml.Event = self.get_event()  # type: ignore[no-untyped-call]
        return event

    def _add(self, where: Location, found: str, expected: str = "", near: str = "") -> None:
        self.problems.append(Problem(where, found, expected, near))

    def _place(self, mark: yaml.Mark) -> Location:
        return Location(self.path, mark.line + 1, mark.column + 1)

    def _unreadable(self, error: yaml.reader.ReaderError) -> None:
        """PyYAML checks the whole text for unprintable characters before it scans."""
        before = self.source[: error.position]
        where = Location(self.path, before.count("\n") + 1, error.position - before.rfind("\n"))
        self._add(where, f"the unprintable character U+{ord(self.source[error.position]):04X}", "a text file")

    def _convert(self, node: yaml.Node) -> Node:
        where = self._place(node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            raw = self.source[node.start_mark.index : node.end_mark.index]
            before = len(self.problems)
            value = None if node.tag == _ALIAS else self._scalar(node, where)
            refused = node.tag == _ALIAS or len(self.problems) > before
            return Node(where, None if refused else value, raw=raw, via=REFUSED if refused else "")
        if isinstance(node, yaml.SequenceNode):
            return Node(where, [self._convert(item) for item in node.value])
        entries: dict[str, Node] = {}
        keys: dict[str, Location] = {}
        for key, value in node.value:
            place = self._place(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self._add(place, "a key that is no word", "a key such as 'steps'")
            elif key.value == "<<":
                self._add(place, "the merge key <<", "the keys written out")
            elif ":" in key.value and _is_empty(value) and key.style is None:
                name, _, rest = key.value.partition(":")
                self._add(place, f"{shown(key.value)} without a space behind the colon", f"'{name}: {rest}'")
            elif key.value in entries:
                first = keys[key.value]
                self._add(
                    place, f"duplicate key {shown(key.value)}", f"each key once (first in line {first.line})"
                )
            else:
                entries[key.value] = self._convert(value)
                keys[key.value] = place
                continue
            self._convert(value)  # for its own problems
        return Node(where, entries, keys)

    def _scalar(self, node: yaml.ScalarNode, where: Location) -> Plain:
        text: str = node.value
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
            self._add(where, "an escaped NUL or unpaired surrogate", "printable text")
            return ""
        if node.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _LEADING_ZERO.fullmatch(text):
            self._add(where, f"{shown(text)} with a leading zero", "a decimal or 0x integer, or quotes")
            return 0
        if _INTEGER.fullmatch(text):
            if len(text) > 20 or not -(2**63) <= (number := int(text, 0)) < 2**64:
                self._add(where, f"the integer {shown(text)}", "an integer of at most 64 bits")
                return 0
            return number
        return float(text) if _FLOAT.fullmatch(text) and len(text) < 40 else text
