# SPDX-License-Identifier: GPL-2.0-only
"""Git without the user's settings: no signing, no hooks, no end-of-line conversion, no prompts."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.host import command

_SETTINGS = (
    "safe.directory=*",
    "commit.gpgSign=false",
    "core.hooksPath=/dev/null",
    "core.autocrlf=false",
    "core.fsmonitor=false",
    "core.sparseCheckout=false",
    "core.bare=false",
    "am.threeWay=false",
    "gc.auto=0",
)
_WHO = {"NAME": "nvh", "EMAIL": "nvh@localhost"}
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()},
}


def git(
    *words: str | Path,
    git_dir: Path,
    work_tree: Path,
    index: Path | None = None,
    log: Path | None = None,
    check: bool = True,
    timeout_s: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run git on exactly this repository, work tree and index, whatever the caller's environment says."""
    environment: Mapping[str, str] = {
        **_ENVIRONMENT,
        "GIT_DIR": str(git_dir),
        "GIT_WORK_TREE": str(work_tree),
        "GIT_INDEX_FILE": str(index or git_dir / "index"),
    }
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    return command.run(
        ["git", *settings, *words],
        timeout_s=timeout_s,
        cwd=work_tree,
        env=environment,
        log=log,
        check=check,
    )
