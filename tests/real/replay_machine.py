# SPDX-License-Identifier: GPL-2.0-only
"""A machine with a console for tests: nvh-bundle of this host plays recorded cases of a bundle.

``python replay_machine.py TREE BUNDLE OPTIONS``: ``TREE`` has the programs and the recorded lines, ``BUNDLE``
is what the machine was given to boot, ``OPTIONS`` are those of run.sh, in one word.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

tree, bundle, options = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split()
booted = Path(tempfile.mkdtemp(prefix="booted-", dir=tree.parent)) / "tree"
shutil.copytree(tree, booted, ignore=shutil.ignore_patterns("lists", "id"))
shutil.copytree(bundle / "tree/lists", booted / "lists")
shutil.copy(bundle / "tree/id", booted)
text = (tree / "nvh-litmus").read_text().replace(str(tree), str(booted))
(booted / "nvh-litmus").write_text(text)
print("firmware: booting", bundle, flush=True)
os.execv(booted / "nvh-bundle", ["nvh-bundle", *options])
