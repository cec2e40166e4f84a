# SPDX-License-Identifier: GPL-2.0-only
"""Print the shell code that completes verbs, options, cells, models and kernels.

examples:
  eval "$(./nvh completion bash)"                                       in ~/.bashrc
  ./nvh completion zsh > ~/.zfunc/_nvh                                  a directory of zsh's $fpath
  ./nvh completion fish > ~/.config/fish/completions/nvh.fish

Both `nvh` and `./nvh` are completed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from harness.host.paths import SCENARIOS, data_names

SHELLS = ("bash", "zsh", "fish")
Completer = Callable[..., Iterable[str]]


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def main(arguments: argparse.Namespace) -> int:
    """Print the shell's code; returns the exit status."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["nvh"], shell=arguments.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell that asks, by argcomplete's protocol, and end the process."""
    import argcomplete

    attach(parser)
    argcomplete.autocomplete(parser)


def attach(parser: argparse.ArgumentParser) -> None:
    """Give a parser's arguments, and those of its verbs, their completers: by option, else by metavar."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                attach(sub)
            continue
        known = [BY_OPTION[option] for option in action.option_strings if option in BY_OPTION]
        known += [BY_METAVAR[str(action.metavar)]] if action.metavar in BY_METAVAR else []
        if known:
            action.completer = _or_files(known[0])  # type: ignore[attr-defined]  # argcomplete's interface


def cells() -> list[str]:
    """Return the ids of the shipped cells, and their scenarios."""
    from harness.runner.project import find_cells
    from harness.scenario.scenario import NO_OVERRIDES

    known = find_cells([SCENARIOS], [], NO_OVERRIDES)
    return sorted({word for cell in known for word in (cell.id, cell.scenario)})


def models() -> list[str]:
    """Return the shipped models."""
    return data_names("models")


def machines() -> list[str]:
    """Return the shipped models and console models."""
    return [*models(), *data_names("consoles")]


def kernels() -> list[str]:
    """Return the shipped kernels."""
    return data_names("kernels")


def mutants() -> list[str]:
    """Return the injected faults."""
    from harness.scenario import mutants as table

    return list(table.names())


def guest_mutants() -> list[str]:
    """Return the injected faults of L1's kernel."""
    from harness.scenario import mutants as table

    return list(dict.fromkeys([*table.names(table.GUEST_FILE), *table.names()]))


def artefacts() -> list[str]:
    """Return the shipped artefacts as KIND:NAME."""
    kinds = {"model": "models", "kernel": "kernels", "rootfs": "rootfs"}
    return [f"{kind}:{name}" for kind, folder in kinds.items() for name in data_names(folder)]


Source = Callable[[], list[str]]
BY_OPTION: dict[str, Source] = {
    "--model": machines,
    "--like": models,
    "--kernel": kernels,
    "--l0-kernel": kernels,
    "--l1-kernel": kernels,
    "--l2-kernel": kernels,
    "--base": kernels,
    "--mutant": mutants,
    "--l1-mutant": guest_mutants,
}
BY_METAVAR: dict[str, Source] = {
    "SCENARIO": cells,
    "CELL": cells,
    "RUN|CELL": cells,
    "MUTANT": mutants,
    "KIND:NAME": artefacts,
}


def _or_files(source: Source) -> Completer:
    """Return a completer for names; everything that has a name here may also be a path."""

    def completer(prefix: str, **_: Any) -> list[str]:
        from argcomplete.completers import FilesCompleter

        return [*source(), *FilesCompleter()(prefix)]

    return completer
