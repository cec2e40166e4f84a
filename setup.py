# SPDX-License-Identifier: GPL-2.0-only
"""Puts into the wheel, as ``harness/share``, the data that a checkout has beside the package.

Everything else is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
SHARED = ("images", "scenarios", "quarantine.yaml")
# Where the shipped scenarios' comment for editors points to.
SCHEMA = "harness/scenario/editor-schema.json"


class BuildWithData(build_py):
    """Copies the data after the modules. An editable install uses the checkout's own."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        share = Path(self.build_lib) / "harness/share"
        shutil.rmtree(share, ignore_errors=True)
        share.mkdir(parents=True)
        for name in SHARED:
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, share / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(HERE / name, share / name)
        (share / SCHEMA).parent.mkdir(parents=True)
        shutil.copy2(HERE / SCHEMA, share / SCHEMA)


setup(cmdclass={"build_py": BuildWithData})
