// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a VM, of which other VMs must notice nothing: closed in this process after it ran an L2 in two
 * contexts, at once or later, or with its process killed while its L1 executes operations and its L2 reads. L0 frees the shadow
 * tables, their VMIDs and the memory behind them.
 */
#include "host/teardown.h"
#include "host/break.h"
#include "host/features.h"
#include "host/judge.h"
#include "host/memory.h"
#include "host/pin.h"
#include "host/program.h"
#include "host/run.h"
#include "host/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_PATIENCE_MS 10000
#define REAP_TRIES 100
#define CHILD_CASES "race-fault/ipas2e1is/*"

extern char **environ;

/* An L2 that reads one page with stage 2 on, and one with it off. */
static bool run_an_l2(struct vm *vm)
{
	struct probe probes[PROBES_MAX]; /* the case that this VM disturbs is still to be judged by its own */
	struct litmus l = { .vm = vm, .probes = probes, .shift = vm_stage2(vm), .level = 3, .direct = true };
	struct finding f = { 0 };

	add_context(&l, 0, VMID, 0, false, true);
	add_context(&l, 1, VMID, 0, false, false);
	add_poke(&l, DATA_PA, value_at(DATA_PA));
	add_write(&l, STEP_S2, 0, EVENT_PA, leaf_s2(DATA_PA, 3, PTE_S2_R), 3);
	add_access(&l, 0, ACCESS_READ, EVENT_PA, false, ROLE_BEFORE, value_at(DATA_PA), 0);
	add_access(&l, 1, ACCESS_READ, DATA_PA, false, ROLE_BEFORE, value_at(DATA_PA), 0);
	if (vm_run(vm, 10) != RAN)
		return false;
	judge(&l, &f);
	return !strcmp(f.verdict, "pass");
}

bool teardown_close(struct vm *vm, unsigned turn, unsigned pe)
{
	struct config config = { .cpus = 1 + turn % 2, .first_pe = (uint8_t)pe };
	struct vm closed;
	bool ran = vm_create(&closed, &config) && run_an_l2(&closed);

	if (!ran)
		vm_break(vm, "the VM to be closed: %s",
			 closed.broken[0] ? closed.broken : "its L2 did not read its page");
	vm_destroy(&closed);
	return ran;
}

static struct vm other;
static bool lives;

static bool begin(struct vm *vm)
{
	const struct config config = { .cpus = 1, .first_pe = vm->config.first_pe };
	bool ran;

	if (lives) {
		vm_break(vm, "there is another VM already");
		return false;
	}
	lives = true; /* what a creation that failed left is destroyed, too */
	ran = vm_create(&other, &config) && vm_slot(&other, EVENT_SLOT, EVENT_PA, 0, NULL, 0) &&
	      vm_slot(&other, EVENT_SLOT, EVENT_PA, EVENT_SIZE, vm->event[1], 0) && run_an_l2(&other);
	if (!ran)
		vm_break(vm, "the other VM: %s", other.broken[0] ? other.broken : "its L2 did not read its page");
	return ran;
}

static bool end(struct vm *vm)
{
	if (!lives) {
		vm_break(vm, "there is no other VM");
		return false;
	}
	lives = false;
	vm_destroy(&other);
	return true;
}

bool teardown_other_vm(struct vm *vm, enum other_vm what)
{
	switch (what) {
	case OTHER_VM_COMES_AND_GOES:
		return teardown_close(vm, 0, vm->config.first_pe);
	case OTHER_VM_BEGINS:
		return begin(vm);
	case OTHER_VM_ENDS:
		return end(vm);
	default:
		return !lives || end(vm);
	}
}

/* Its first case is done: the next is under way. */
static bool wait_for_line(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	char text[256];

	return poll(&readable, 1, CHILD_PATIENCE_MS) == 1 && read(fd, text, sizeof(text)) > 5 &&
	       !strncmp(text, "case=", 5);
}

/* One that has ended meanwhile has nothing left, and one that is about to is busy for a moment. */
static bool reap_memory(struct vm *vm, int process, bool *reaped)
{
	for (unsigned i = 0; i < REAP_TRIES; i++) {
		*reaped = !syscall(SYS_process_mrelease, process, 0);
		if (*reaped || errno == ESRCH)
			return true;
		if (errno != EAGAIN && errno != EINTR)
			return vm_fails(vm, "process_mrelease");
	}
	return true;
}

bool teardown_kill(struct vm *vm, unsigned turn, bool *reaped)
{
	char *const words[] = { "nvh-litmus", "--case", CHILD_CASES, NULL };
	posix_spawn_file_actions_t actions;
	int ends[2], status, why, process;
	bool began, fine;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return vm_fails(vm, "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	why = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (why) {
		close(ends[0]);
		vm_break(vm, "posix_spawn: %s", strerror(why));
		return false;
	}
	began = wait_for_line(ends[0]);
	usleep(turn * 7919 % 40 * 1000); /* another moment each time */
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	kill(pid, SIGKILL);
	fine = !reaped || reap_memory(vm, process, reaped);
	close(process);
	close(ends[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || !began) {
		vm_break(vm, "the process to be killed: %s, status 0x%x", began ? "ended by itself" : "ran no case",
			 status);
		return false;
	}
	return fine;
}
