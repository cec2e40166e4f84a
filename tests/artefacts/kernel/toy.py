# SPDX-License-Identifier: GPL-2.0-only
"""A toy kernel tree: a Makefile that answers the targets nvh uses, in milliseconds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from harness.artefacts.kernel import build_kernel, load_kernel
from harness.host.cache import Artefact, Store

# "CC" copies; options that Kconfig does not list are dropped, as allnoconfig does.
MAKEFILE = """\
OBJECTS := $(patsubst %.c,$(O)/%.o,$(wildcard kernel/*.c))
allnoconfig:
	@mkdir -p $(O)/include/config $(O)/arch/arm64/boot
	@grep -F -f Kconfig $(KCONFIG_ALLCONFIG) > $(O)/new || true
	@cmp -s $(O)/new $(O)/.config || cp $(O)/new $(O)/.config
	@echo 1.2.3-toy > $(O)/include/config/kernel.release
$(O)/%.o: %.c kernel/kernel.h $(O)/.config
	@mkdir -p $(dir $@)
	@echo "  CC      $@"
	@! grep -n 'error' $< /dev/null
	@cat $< kernel/kernel.h > $@
Image: $(OBJECTS)
	@cat $(sort $(OBJECTS)) > $(O)/vmlinux
	@touch $(O)/System.map
	@cp $(O)/vmlinux $(O)/arch/arm64/boot/Image
modules:
	@test -z "$(M)" || { test -s $(GENERATED)/tlbi_ops.h && \
		$(CROSS_COMPILE)gcc -g -c $(M)/nvh.c -o $(M)/nvh.ko; }
$(O)/.config: ;
.SECONDARY:
"""

FILES = {
    "Makefile": MAKEFILE,
    "Kconfig": "CONFIG_KVM=\nCONFIG_NUMBER=\n",
    "kernel/kernel.h": "#define H 1\n",
    "kernel/fork.c": "int fork(void)\n{\n\tone();\n\ttwo();\n\treturn 0;\n}\n",
    "kernel/sched.c": "int sched(void)\n{\n\treturn 0;\n}\n",
}

PATCH = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: A Developer <dev@example.org>
Date: Tue, 31 Jan 2023 09:00:00 +0000
Subject: [PATCH {part}] {subject}

Because.
---
{diff}"""

FORK = """\
diff --git a/kernel/fork.c b/kernel/fork.c
--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -2,5 +2,6 @@
 {
 \tone();
 \ttwo();
+\tthree();
 \treturn 0;
 }
"""

NEW = """\
diff --git a/kernel/trace.c b/kernel/trace.c
new file mode 100644
--- /dev/null
+++ b/kernel/trace.c
@@ -0,0 +1 @@
+int trace;
"""

AFTER_FORK = """\
diff --git a/kernel/fork.c b/kernel/fork.c
--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -4,4 +4,5 @@
 \ttwo();
 \tthree();
+\tfour();
 \treturn 0;
 }
"""


def mail(diff: str, part: str = "1/1", subject: str = "A change") -> str:
    """Return a patch as git format-patch writes it."""
    return PATCH.format(part=part, subject=subject, diff=diff)


def write_tree(root: Path) -> Path:
    """Write the toy kernel below ``root``."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def run_git(root: Path, *words: str) -> None:
    """Run git with an identity of its own."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "-C", root, *words], check=True, capture_output=True, timeout=60)


class Toy:
    """The toy kernel with a store, a payload and a kernel file that can be rewritten and built."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree = write_tree(root / "linux")
        self.store = Store(root / "cache")
        self.payload = root / "payload"
        self.payload.mkdir()
        (self.payload / "Kbuild").write_text("obj-m := nvh.o\n")
        (self.payload / "nvh.c").write_text("int module;\n")
        (root / "a.config").write_text("CONFIG_KVM=y\nCONFIG_NUMBER=8\n")
        self.said: list[str] = []
        self.say: Callable[[str], None] = self.said.append
        self.file = root / "toy.yaml"

    def write(self, extra: str = "", source: str = "", config: str = "[a.config]") -> Path:
        """Write the kernel file; ``source`` is the value of ``source:``."""
        source = source or f"{{directory: {{path: {self.tree}}}}}"
        self.file.write_text(f"kernel: toy\nsummary: A toy.\nsource: {source}\nconfig: {config}\n{extra}")
        return self.file

    def build(self) -> Artefact:
        """Build the kernel file as it is now."""
        return build_kernel(load_kernel(str(self.file)), self.store, self.payload, self.say)

    def compiled(self, artefact: Artefact) -> list[str]:
        """Return the stems of the files that this build compiled."""
        lines = (artefact.path / "build.log").read_text().splitlines()
        return sorted(Path(line.split()[-1]).stem for line in lines if line.startswith("  CC "))
