# SPDX-License-Identifier: GPL-2.0-only
"""The functions of a series are those of its lines, before and after, whatever its hunk headers say."""

from __future__ import annotations

from harness.accept.selection.touched import Hunk, by_patch, hunks

BASE = """\
static int first(int x)
{
	return x;
}

int second(int y)
{
	if (y)
		return 1;
	return 0;
}
"""
TABLE = "int table[] = {\n\t1,\n};\n"


def diff(path: str, *parts: str) -> str:
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n" + "".join(parts)


REMOVES = diff("k/a.c", "@@ -8,2 +7,0 @@ static int first(int x)\n-\tif (y)\n-\t\treturn 1;\n")
ADDS = diff("k/a.c", "@@ -2,0 +3 @@\n+\tx++;\n")


def after(text: str, first: int, removed: int, *added: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([*lines[: first - 1], *(f"{line}\n" for line in added), *lines[first - 1 + removed :]])


def touched(patches: list[str], texts: list[dict[str, str]]) -> list[tuple[str, str, tuple[int, ...]]]:
    found = by_patch(enumerate(patches, 1), lambda number, path: texts[number].get(path, ""))
    return [(each.path, each.name, each.patches) for each in found]


def test_hunks() -> None:
    assert list(hunks(REMOVES)) == [Hunk("k/a.c", 8, 2, 7, 0)]
    assert list(hunks(ADDS + REMOVES)) == [Hunk("k/a.c", 2, 0, 3, 1), Hunk("k/a.c", 8, 2, 7, 0)]
    gone = diff("k/a.c", "@@ -1 +0,0 @@\n--- a/looks/like/a/header\n").replace("+++ b/k/a.c", "+++ /dev/null")
    assert list(hunks(gone)) == [Hunk("k/a.c", 1, 1, 0, 0)]


def test_a_hunk_that_only_removes_is_its_functions_and_not_its_headers() -> None:
    texts = [{"k/a.c": BASE}, {"k/a.c": after(BASE, 8, 2)}]
    assert touched([REMOVES], texts) == [("k/a.c", "second", (1,))]


def test_a_hunk_that_only_adds() -> None:
    texts = [{"k/a.c": BASE}, {"k/a.c": after(BASE, 3, 0, "\tx++;")}]
    assert touched([ADDS], texts) == [("k/a.c", "first", (1,))]


def test_each_patch_is_seen_on_top_of_those_before_it() -> None:
    one = after(BASE, 3, 0, "\tx++;")
    two = after(one, 9, 2)
    second = REMOVES.replace("-8,2 +7,0", "-9,2 +8,0")
    found = touched([ADDS, second, ADDS], [{"k/a.c": BASE}, {"k/a.c": one}, {"k/a.c": two}, {"k/a.c": two}])
    assert found == [("k/a.c", "first", (1, 3)), ("k/a.c", "second", (2,))]


def test_lines_outside_any_function_are_the_files() -> None:
    patch = diff("k/t.c", "@@ -2 +2 @@\n-\t1,\n+\t2,\n")
    assert touched([patch], [{"k/t.c": TABLE}, {"k/t.c": TABLE.replace("1", "2")}]) == [("k/t.c", "", (1,))]


def test_new_functions_and_files_that_go() -> None:
    new = diff("k/n.c", "@@ -0,0 +1,4 @@\n+int fresh(void)\n+{\n+\treturn 1;\n+}\n")
    text = "int fresh(void)\n{\n\treturn 1;\n}\n"
    assert touched([new], [{}, {"k/n.c": text}]) == [("k/n.c", "fresh", (1,))]
    lines = "".join(f"-{line}\n" for line in text.splitlines())
    gone = diff("k/n.c", f"@@ -1,4 +0,0 @@\n{lines}").replace("+++ b/k/n.c", "+++ /dev/null")
    assert touched([gone], [{"k/n.c": text}, {}]) == [("k/n.c", "fresh", (1,))]


def test_a_document_that_quotes_a_function_changes_none() -> None:
    for path, name in (("k/a.rst", ""), ("k/Kconfig", ""), ("k/a.c", "second"), ("k/a.h", "second")):
        change = diff(path, "@@ -8,2 +7,0 @@\n-\tif (y)\n-\t\treturn 1;\n")
        assert touched([change], [{path: BASE}, {path: after(BASE, 8, 2)}]) == [(path, name, (1,))]
