# SPDX-License-Identifier: GPL-2.0-only
"""The commands, scenarios and links in README.md and docs/ are what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from harness.artefacts.kernel import load_kernel
from harness.cli.lint import OTHERS
from harness.cli.parser import parser
from harness.errors import InputError, UserError
from harness.host.paths import IMAGES, ROOT
from harness.runner.project import find_cells, vocabulary
from harness.scenario.load import load_file
from harness.scenario.scenario import NO_OVERRIDES

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)


def blocks(language: str) -> list[tuple[str, str]]:
    """Fenced blocks of a language, with the page's name."""
    return [(p.name, text) for p in PAGES for kind, text in FENCE.findall(p.read_text()) if kind == language]


def commands() -> list[tuple[str, str]]:
    """Every ``./nvh`` line of the shell blocks."""
    lines = [(page, line.strip()) for page, text in blocks("sh") for line in text.splitlines()]
    return [(page, line.partition(" #")[0]) for page, line in lines if line.startswith("./nvh ")]


def test_there_is_something_to_check() -> None:
    assert len(commands()) >= 6
    assert any(page == "README.md" for page, _ in blocks("yaml"))


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_parse(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    arguments = parser().parse_args(words[: words.index("--")] if "--" in words else words)
    assert callable(arguments.function), page
    if page == "CONTRIBUTING.md":  # what a newcomer types has to be there
        named = [each for each in getattr(arguments, "what", []) if not (ROOT / each).exists()]
        assert find_cells([], named, NO_OVERRIDES)


def test_a_wrong_command_would_be_found(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["run", "--no-such-option"])
    assert "no-such-option" in capsys.readouterr().err


def scenarios() -> list[tuple[str, str]]:
    """Every scenario, with the page's name."""
    return [each for each in blocks("yaml") if each[1].startswith("scenario:")]


def code_of(page: str) -> dict[str, str]:
    """The Python code that a page shows, by the name of the file that its scenarios call it."""
    shown = [text for name, text in blocks("python") if name == page]
    return {"overlap.py": shown[0]} if shown else {}


@pytest.mark.parametrize(("page", "text"), scenarios())
def test_scenarios_load(page: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "block.yaml"
    path.write_text(text)
    for name, code in code_of(page).items():
        (tmp_path / name).write_text(code)
    try:
        assert load_file(path, vocabulary()), page
    except InputError as error:
        pytest.fail(f"{page}: {error}")


def other_files() -> list[tuple[str, str, str]]:
    """Blocks of any language that are a plan, a kernel or a model file, with the page and the kind."""
    found = []
    for page in PAGES:
        for _, text in FENCE.findall(page.read_text()):
            kind = re.match(r"(?:#[^\n]*\n)*(plan|kernel|model): ", text)
            if kind:
                found.append((page.name, kind[1], text))
    return found


@pytest.mark.parametrize(("page", "kind", "text"), other_files())
def test_plans_kernels_and_models_are_what_nvh_reads(page: str, kind: str, text: str, tmp_path: Path) -> None:
    """But for the files that they name, which are the reader's own."""
    path = tmp_path / f"{kind}.yaml"
    path.write_text(text)
    try:
        OTHERS[kind](path)
    except InputError as error:
        wrong = [each for each in error.problems if not each.found.startswith("no file")]
        assert not wrong, page


def test_there_are_a_plan_and_a_kernel_to_read() -> None:
    assert {kind for _, kind, _ in other_files()} >= {"plan", "kernel"}


def test_the_kernel_of_ones_own_loads_once_copied(tmp_path: Path) -> None:
    """README tells the reader to copy this file into the checkout, where its paths are right."""
    name = "my-tree.yaml.example"
    assert f"cp images/kernels/{name} mine.yaml" in (ROOT / "README.md").read_text()
    text = (IMAGES / "kernels" / name).read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("images/", f"{IMAGES}/"))
    mine, shipped = load_kernel(path), load_kernel("nv")
    assert (mine.config, mine.require) == (shipped.config, shipped.require)
    assert [each.name for each in mine.series().patches] == [each.name for each in shipped.series().patches]
    path.write_text(text)
    with pytest.raises(UserError, match="fragment"):
        load_kernel(path)


PLACE = re.compile(r"`((?:harness|images|tests|scenarios|locks|bench|docs|\.ci)/[^`\s]*)`")


def absent(text: str) -> list[str]:
    """The paths in backticks that the checkout lacks; NAME stands for any name, a module for its file."""
    found = [re.sub(r"\b[A-Z]{3,}\b", "*", path).removesuffix("/") for path in PLACE.findall(text)]
    return [path for path in found if not any(ROOT.glob(path)) and not (ROOT / f"{path}.py").is_file()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    assert absent(page.read_text()) == []


def test_a_path_that_does_not_exist_would_be_found() -> None:
    assert absent("`harness/arch`, `images/kernels/NAME.yaml`, `harness/tlbi/cover.py`") == [
        "harness/tlbi/cover.py"
    ]


def test_links_lead_somewhere() -> None:
    dead = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not dead
