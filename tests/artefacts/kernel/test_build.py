# SPDX-License-Identifier: GPL-2.0-only
"""From a kernel file to an artefact, on the toy tree."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from harness.artefacts.kernel import config
from harness.artefacts.kernel.make import make
from harness.artefacts.kernel.tree import prune
from harness.errors import InfraError, InputError, UserError
from tests.artefacts.kernel.toy import FORK, NEW, Toy, mail, run_git, write_tree


def serie(toy: Toy, *diffs: str) -> str:
    """Write patches and return the YAML line that names them."""
    directory = toy.root / "patches"
    directory.mkdir(exist_ok=True)
    for old in directory.glob("*"):
        old.unlink()
    for number, diff in enumerate(diffs):
        (directory / f"{number}.patch").write_text(mail(diff))
    return "series: {directory: patches}\n"


def test_artefact_and_manifest(toy: Toy) -> None:
    toy.write(serie(toy, FORK, NEW))
    built = toy.build()
    image = (built.path / "Image").read_bytes()
    assert b"three();" in image
    assert b"int trace;" in image
    assert {path.name for path in built.path.iterdir()} == {
        *(
            "Image",
            "vmlinux",
            "config",
            "System.map",
            "modules",
            "build.log",
            "warnings.json",
            "manifest.json",
        )
    }
    module = (built.path / "modules/nvh.ko").read_bytes()
    assert b"module" in module
    assert b".debug_info" not in module
    manifest = built.manifest
    assert manifest["release"] == "1.2.3-toy"
    assert manifest["sha256"] == hashlib.sha256(image).hexdigest()
    assert manifest["series"]["patches"] == ["0.patch", "1.patch"]
    assert manifest["source"]["kind"] == "directory"
    assert "gcc" in manifest["toolchain"]
    assert config.read(built.path / "config") == {"CONFIG_KVM": "y", "CONFIG_NUMBER": "8"}
    assert (toy.tree / "kernel/fork.c").read_text().count("three") == 0, "the user's tree was changed"
    assert not (toy.tree / "kernel/trace.c").exists()


def test_unchanged_is_not_built_again(toy: Toy) -> None:
    toy.write(serie(toy, FORK))
    first = toy.build()
    said = len(toy.said)
    assert toy.build().path == first.path
    assert len(toy.said) == said


def test_changed_inputs_build_what_depends_on_them(toy: Toy) -> None:
    toy.write()
    first = toy.build()
    assert toy.compiled(first) == ["fork", "sched"]

    toy.write(serie(toy, FORK))
    second = toy.build()
    assert second.digest != first.digest
    assert toy.compiled(second) == ["fork"]

    toy.write(serie(toy, NEW))
    third = toy.build()
    assert toy.compiled(third) == ["fork", "trace"], "fork.c was not given its original content back"
    assert b"three" not in (third.path / "Image").read_bytes()

    (toy.tree / "kernel/sched.c").write_text("int sched2;\n")
    fourth = toy.build()
    assert toy.compiled(fourth) == ["sched"]
    assert b"int trace" in (fourth.path / "Image").read_bytes()

    (toy.payload / "nvh.c").write_text("int other;\n")
    fifth = toy.build()
    assert toy.compiled(fifth) == []
    assert b"other" in (fifth.path / "modules/nvh.ko").read_bytes()

    (toy.root / "a.config").write_text("CONFIG_KVM=y\nCONFIG_NUMBER=16\n")
    sixth = toy.build()
    assert config.read(sixth.path / "config")["CONFIG_NUMBER"] == "16"
    assert len({a.digest for a in (first, second, third, fourth, fifth, sixth)}) == 6


def test_later_fragment_wins_and_refused_options_are_recorded(toy: Toy) -> None:
    (toy.root / "b.config").write_text(
        "# comment\nCONFIG_NUMBER=16\nCONFIG_UNKNOWN=y\n# CONFIG_OFF is not set\n"
    )
    toy.write(config="[a.config, b.config]")
    built = toy.build()
    assert config.read(built.path / "config")["CONFIG_NUMBER"] == "16"
    assert built.manifest["config_unmet"] == ["CONFIG_UNKNOWN=y"]
    toy.write("require: [CONFIG_UNKNOWN]\n", config="[a.config, b.config]")
    with pytest.raises(UserError, match="does not offer CONFIG_UNKNOWN"):
        toy.build()


def test_damaged_fragment(toy: Toy) -> None:
    (toy.root / "a.config").write_text("CONFIG_KVM=y\nCONFIG_NUMBER\nCONFIG_X=maybe\n")
    toy.write()
    with pytest.raises(InputError) as caught:
        toy.build()
    assert [problem.where.line for problem in caught.value.problems] == [2, 3]


def test_conflict_leaves_nothing_and_the_next_build_works(toy: Toy) -> None:
    toy.write(serie(toy, FORK.replace("two", "zwei")))
    with pytest.raises(UserError, match=r"(?s)kernel toy: patch '0\.patch'.*kernel/fork\.c.*log: "):
        toy.build()
    assert toy.store.artefacts() == []
    assert list((toy.store.root / "tmp").iterdir()) == []
    toy.write(serie(toy, FORK))
    assert b"three" in (toy.build().path / "Image").read_bytes()


def test_failed_make_names_the_error_and_keeps_the_log(toy: Toy) -> None:
    (toy.tree / "kernel/fork.c").write_text("error\n")
    toy.write()
    with pytest.raises(InfraError) as caught:
        toy.build()
    assert "*** " in str(caught.value)
    log = Path(str(caught.value).rpartition("log: ")[2])
    assert "CC      " in log.read_text()
    assert toy.store.artefacts() == []


def test_interrupted_build_leaves_nothing(toy: Toy) -> None:
    toy.write(serie(toy, FORK))

    def interrupt(text: str) -> None:
        if text.endswith("compiling"):
            raise KeyboardInterrupt

    toy.say = interrupt
    with pytest.raises(KeyboardInterrupt):
        toy.build()
    assert toy.store.artefacts() == []
    assert list((toy.store.root / "tmp").iterdir()) == []
    toy.say = toy.said.append
    assert b"three" in (toy.build().path / "Image").read_bytes()


def test_hanging_make_is_ended(toy: Toy) -> None:
    (toy.tree / "Makefile").write_text("all:\n\t@echo begun\n\t@sleep 60\n")
    log = toy.root / "log"
    with pytest.raises(InfraError, match="did not end within 3 s") as caught:
        make(toy.tree, ["all"], log=log, progress=toy.said.append, timeout_s=3.0)
    assert "begun" in caught.value.output


def test_missing_payload(toy: Toy) -> None:
    (toy.payload / "Kbuild").unlink()
    toy.write()
    with pytest.raises(UserError, match="holds no Kbuild"):
        toy.build()


def test_module_that_is_not_made(toy: Toy) -> None:
    makefile = toy.tree / "Makefile"
    makefile.write_text(makefile.read_text().replace("-o $(M)/nvh.ko", "-o $(M)/other.ko"))
    toy.write()
    with pytest.raises(InfraError, match=r"left no nvh\.ko"):
        toy.build()


def test_tarball_with_and_without_checksum(toy: Toy) -> None:
    tarball = toy.root / "linux.tar.gz"
    with tarfile.open(tarball, "w:gz") as archive:
        archive.add(toy.tree, "linux-1.2.3")
    checksum = hashlib.sha256(tarball.read_bytes()).hexdigest()
    toy.write(serie(toy, FORK), f"{{tarball: {{path: linux.tar.gz, sha256: {checksum}}}}}")
    built = toy.build()
    assert b"three" in (built.path / "Image").read_bytes()
    assert built.manifest["source"]["sha256"] == checksum
    toy.write("", f"{{tarball: {{path: linux.tar.gz, sha256: {'a' * 64}}}}}")
    with pytest.raises(UserError, match="wants aaaa"):
        toy.build()
    toy.write("", "{tarball: {path: gone.tar}}")
    with pytest.raises(UserError, match="does not exist"):
        toy.build()


def test_git_ref_without_touching_the_work_tree(toy: Toy) -> None:
    run_git(toy.tree, "init", "-q", "-b", "main")
    run_git(toy.tree, "add", "-A")
    run_git(toy.tree, "commit", "-q", "-m", "one")
    run_git(toy.tree, "tag", "v1")
    run_git(toy.tree, "config", "remote.origin.url", "https://git.example/linux")
    (toy.tree / "kernel/sched.c").write_text("int committed;\n")
    run_git(toy.tree, "commit", "-q", "-a", "-m", "two")
    (toy.tree / "kernel/sched.c").write_text("int edited;\n")
    before = {path: path.stat().st_mtime_ns for path in toy.tree.rglob("*") if path.is_file()}

    toy.write(serie(toy, FORK), f"{{git: {{path: {toy.tree}, ref: v1}}}}")
    one = toy.build()
    assert b"int sched(void)" in (one.path / "Image").read_bytes()
    toy.write(serie(toy, FORK), f"{{git: {{path: {toy.tree}, ref: main}}}}")
    two = toy.build()
    assert b"int committed" in (two.path / "Image").read_bytes()
    assert b"three" in (two.path / "Image").read_bytes()
    assert "sched" in toy.compiled(two)
    assert len(two.manifest["source"]["commit"]) == len(two.manifest["source"]["tree"]) == 40
    assert two.manifest["source"]["commit"] != two.manifest["source"]["tree"]
    assert two.manifest["source"]["url"] == "https://git.example/linux"
    after = {path: path.stat().st_mtime_ns for path in toy.tree.rglob("*") if path.is_file()}
    assert after == before

    toy.write("", f"{{git: {{path: {toy.tree}, ref: v9}}}}")
    with pytest.raises(UserError, match="no ref 'v9'"):
        toy.build()
    toy.write("", f"{{git: {{path: {toy.payload}, ref: v1}}}}")
    with pytest.raises(UserError, match="not a git repository"):
        toy.build()


def test_directory_leaves_build_products_and_ignored_files(toy: Toy) -> None:
    (toy.tree / ".config").write_text("CONFIG_OLD=y\n")
    (toy.tree / "kernel/fork.o").write_text("object")
    (toy.tree / "include/generated").mkdir(parents=True)
    (toy.tree / "include/generated/x.h").write_text("x")
    (toy.tree / "kernel/link.c").symlink_to("sched.c")
    toy.write()
    first = toy.build()
    (src,) = (toy.store.root / "kernel-trees").glob("*/src")
    assert not (src / ".config").exists()
    assert not (src / "kernel/fork.o").exists()
    assert not (src / "include").exists()
    assert (src / "kernel/link.c").is_symlink()
    (toy.tree / "kernel/fork.o").write_text("another object")
    assert toy.build().digest == first.digest

    (toy.tree / "kernel/link.c").unlink()
    assert toy.build().digest != first.digest
    assert not (src / "kernel/link.c").is_symlink()

    run_git(toy.tree, "init", "-q")
    (toy.tree / ".gitignore").write_text("*.tmp\n")
    (toy.tree / "kernel/a.tmp").write_text("a")
    (toy.tree / "kernel/untracked.c").write_text("int untracked;\n")
    assert b"int untracked" in (toy.build().path / "Image").read_bytes()
    assert not (src / "kernel/a.tmp").exists()


def test_trees_of_two_sources_are_apart(toy: Toy) -> None:
    toy.write()
    first = toy.build()
    other = write_tree(toy.root / "other")
    (other / "kernel/sched.c").write_text("int other;\n")
    toy.write("", f"{{directory: {{path: {other}}}}}")
    assert b"int other" in (toy.build().path / "Image").read_bytes()
    assert len(list((toy.store.root / "kernel-trees").glob("directory-*"))) == 2
    assert toy.compiled(first) == ["fork", "sched"]


def test_prune_takes_only_unused_trees(toy: Toy) -> None:
    toy.write()
    toy.build()
    assert prune(toy.store, 3600) == []
    ((name, size),) = prune(toy.store, 0)
    assert name.startswith("directory-")
    assert size > 0
    toy.write(serie(toy, FORK))
    assert b"three" in (toy.build().path / "Image").read_bytes()


def test_make_that_outlived_its_builder_is_waited_for(toy: Toy) -> None:
    """Two makes in one tree damage each other: the second builder waits for the first one's make."""
    toy.write()
    makefile = toy.tree / "Makefile"
    slow = makefile.read_text().replace(
        "Image: $(OBJECTS)\n", "Image: $(OBJECTS)\n\t@sleep 3; echo late > $(O)/late\n"
    )
    makefile.write_text(slow)
    words = "from harness.artefacts.kernel import *; from harness.host.cache import Store;"
    words += "from pathlib import Path;"
    words += f"build_kernel(load_kernel({str(toy.file)!r}), Store(Path({str(toy.store.root)!r})),"
    words += f"Path({str(toy.payload)!r}), lambda text: print(text, flush=True))"
    builder = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, text=True)
    assert builder.stdout is not None
    for line in builder.stdout:
        if line.endswith("compiling\n"):
            break
    time.sleep(0.5)
    builder.kill()
    builder.wait()
    toy.build()
    assert "kernel toy: waiting for the make of a build that was killed" in toy.said
    builder.stdout.close()
