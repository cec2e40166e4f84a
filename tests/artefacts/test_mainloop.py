# SPDX-License-Identifier: GPL-2.0-only
"""What is preloaded into QEMU hands the big lock over where QEMU's own threads may take it at any moment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.artefacts.mainloop import FILE, build_mainloop
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file

# The two threads as QEMU has them. The vCPU thread runs slices without the lock, counts each, and takes the
# lock to serve what has expired by then; the main thread must find no slice that is counted and not served.
THREADS = """\
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static pthread_mutex_t bql = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t made = PTHREAD_COND_INITIALIZER, start = PTHREAD_COND_INITIALIZER;
static int created, started, done, counted, early, turns;
static void *vcpu(void *unused)
{
	pthread_mutex_lock(&bql);
	created = 1;
	pthread_cond_signal(&made);
	while (!started)
		pthread_cond_wait(&start, &bql);
	for (int slice = 0; slice < 300; slice++) {
		pthread_mutex_unlock(&bql);
		usleep(50);
		__atomic_store_n(&counted, 1, __ATOMIC_SEQ_CST);
		usleep(300);
		pthread_mutex_lock(&bql);
		__atomic_store_n(&counted, 0, __ATOMIC_SEQ_CST);
	}
	done = 1;
	pthread_mutex_unlock(&bql);
	return unused;
}
int main(void)
{
	pthread_t thread;
	pthread_mutex_lock(&bql);
	pthread_create(&thread, NULL, vcpu, NULL);
	while (!created)
		pthread_cond_wait(&made, &bql);
	started = 1;
	pthread_cond_signal(&start);
	while (!done) {
		pthread_mutex_unlock(&bql);
		usleep(20);
		pthread_mutex_lock(&other);
		pthread_mutex_unlock(&other);
		pthread_mutex_lock(&bql);
		turns++;
		early += __atomic_load_n(&counted, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&bql);
	pthread_join(thread, NULL);
	printf("turns %d early %d\\n", turns, early);
	return 0;
}
"""

# What the vCPU thread has in RCU (QEMU: include/qemu/rcu.h, notify.h). With an argument the list has a second
# element, as no QEMU has. The main thread asks for an end of the slice as RCU does.
FORCED = """\
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
struct notifier {
	void (*notify)(struct notifier *, void *);
	struct notifier *next, **previous;
};
struct reader {
	unsigned long counter;
	bool waiting;
	struct reader *next, **previous;
	struct notifier *first;
};
static __thread struct reader own;
struct reader *get_ptr_rcu_reader(void)
{
	return &own;
}
static pthread_mutex_t bql = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t made = PTHREAD_COND_INITIALIZER, start = PTHREAD_COND_INITIALIZER;
static struct reader *reader;
static int started, ended, two;
static void end_slice(struct notifier *notifier, void *data)
{
	(void)notifier;
	(void)data;
	ended++;
}
static void *vcpu(void *unused)
{
	struct notifier second = {end_slice, NULL, NULL};
	struct notifier force = {end_slice, two ? &second : NULL, &own.first};
	own.first = &force;
	pthread_mutex_lock(&bql);
	reader = &own;
	pthread_cond_signal(&made);
	while (!started)
		pthread_cond_wait(&start, &bql);
	for (struct notifier *each = reader->first; each; each = each->next)
		each->notify(each, NULL);
	pthread_mutex_unlock(&bql);
	return unused;
}
int main(int count, char **arguments)
{
	pthread_t thread;
	(void)arguments;
	two = count > 1;
	pthread_mutex_lock(&bql);
	pthread_create(&thread, NULL, vcpu, NULL);
	while (!reader)
		pthread_cond_wait(&made, &bql);
	started = 1;
	pthread_cond_signal(&start);
	pthread_mutex_unlock(&bql);
	pthread_join(thread, NULL);
	printf("ended %d\\n", ended);
	return 0;
}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    return build_mainloop(Store(tmp_path_factory.mktemp("cache")), lambda _: None)


@pytest.fixture(scope="module")
def threads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("threads")
    (directory / "threads.c").write_text(THREADS)
    flags = ["-Wall", "-Wextra", "-Werror", "-pthread"]
    command.run(["gcc", *flags, "-o", directory / "threads", directory / "threads.c"], timeout_s=60)
    return directory / "threads"


def run(program: Path, preload: Path | None = None) -> tuple[int, int]:
    """The main thread's turns, and how many of them came before a counted slice was served."""
    environment = {**os.environ, **({"LD_PRELOAD": str(preload)} if preload else {})}
    done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    words = done.stdout.split()
    return int(words[1]), int(words[3])


def test_the_main_thread_comes_early_without_it_and_never_with_it(built: Artefact, threads: Path) -> None:
    turns, early = run(threads)
    assert turns > 0
    assert early > 0
    turns, early = run(threads, built.path / FILE)
    assert turns > 10
    assert early == 0


@pytest.fixture(scope="module")
def forced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("forced")
    (directory / "forced.c").write_text(FORCED)
    flags = ["-Wall", "-Wextra", "-Werror", "-pthread", "-rdynamic"]
    command.run(["gcc", *flags, "-o", directory / "forced", directory / "forced.c"], timeout_s=60)
    return directory / "forced"


def slices_ended(command: list[Path | str], preload: Path | None) -> tuple[str, str]:
    environment = {**os.environ, **({"LD_PRELOAD": str(preload)} if preload else {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, done.stderr


def test_rcu_ends_no_slice_early(built: Artefact, forced: Path) -> None:
    assert slices_ended([forced], None) == ("ended 1\n", "")
    assert slices_ended([forced], built.path / FILE) == ("ended 0\n", "")


def test_another_layout_of_rcu_stays_as_it_is_and_is_reported(built: Artefact, forced: Path) -> None:
    output, said = slices_ended([forced, "two"], built.path / FILE)
    assert output == "ended 2\n"
    assert said == "nvh-mainloop: unknown layout of RCU: on a busy host a slice may end early\n"


def test_it_asks_nothing_of_a_newer_c_library(built: Artefact) -> None:
    assert built.manifest["sha256"] == sha256_file(built.path / FILE)
    symbols = command.run(["nm", "-D", built.path / FILE], timeout_s=30).stdout
    names = {line.split()[-1] for line in symbols.splitlines() if " T " in line}
    assert names == {
        "pthread_mutex_lock",
        "pthread_mutex_unlock",
        "pthread_cond_wait",
        "pthread_cond_timedwait",
    }
    needed = {line.split("@GLIBC_")[1] for line in symbols.splitlines() if "@GLIBC_" in line}
    assert max(tuple(map(int, version.split("."))) for version in needed) <= (2, 34)
