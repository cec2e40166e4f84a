// SPDX-License-Identifier: GPL-2.0
/* The vCPUs running: the first in the caller's thread with the doorbell, the others each in its own. */
#include "host.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define KICK_US 200

/*
 * Each vCPU on a PE of its own: where two take turns, each loses its TLB to the other, and with it the control.
 */
static void pin(unsigned index)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(index % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *follow(void *argument)
{
	struct vcpu *v = argument;
	struct vm *vm = v->vm;

	pin(v->index);
	while (!__atomic_load_n(&vm->stop, __ATOMIC_ACQUIRE)) {
		if (ioctl(v->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			vm_break(vm, "KVM_RUN of vCPU %u: %s", v->index, strerror(errno));
			break;
		}
		if (v->run->exit_reason == KVM_EXIT_MMIO && v->run->mmio.phys_addr == DOORBELL_PA)
			vm_break(vm, "vCPU %u: exception at vEL2: esr=0x%lx elr=0x%lx far=0x%lx", v->index,
				 vm->shared->fatal_esr, vm->shared->fatal_elr, vm->shared->fatal_far);
		else
			vm_break(vm, "vCPU %u: exit reason %u", v->index, v->run->exit_reason);
		break;
	}
	return NULL;
}

bool vm_start_followers(struct vm *vm)
{
	pin(0);
	for (unsigned i = 1; i < vm->config.cpus; i++) {
		int why = pthread_create(&vm->vcpu[i].thread, NULL, follow, &vm->vcpu[i]);

		if (why) {
			errno = why;
			return vm_fails(vm, "pthread_create");
		}
		vm->vcpu[i].started = true;
	}
	return true;
}

static void *kick(void *argument)
{
	struct vm *vm = argument;

	while (__atomic_load_n(&vm->kicking, __ATOMIC_ACQUIRE)) {
		for (unsigned i = 1; i < vm->config.cpus; i++)
			pthread_kill(vm->vcpu[i].thread, SIGUSR1);
		vm->kicks++;
		usleep(KICK_US);
	}
	return NULL;
}

bool vm_kick_start(struct vm *vm)
{
	vm->kicks = 0;
	vm->kicking = true;
	return !pthread_create(&vm->kicker, NULL, kick, vm);
}

uint64_t vm_kick_stop(struct vm *vm)
{
	__atomic_store_n(&vm->kicking, false, __ATOMIC_RELEASE);
	pthread_join(vm->kicker, NULL);
	return vm->kicks;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum ran fatal(struct vm *vm)
{
	const struct shared *s = vm->shared;

	vm_break(vm, "exception at vEL2: esr=0x%lx elr=0x%lx far=0x%lx", s->fatal_esr, s->fatal_elr, s->fatal_far);
	return RAN_FATAL;
}

enum ran vm_run(struct vm *vm, unsigned timeout_s)
{
	const struct vcpu *v = &vm->vcpu[0];
	double deadline = seconds() + timeout_s;

	alarm(timeout_s);
	for (;;) {
		if (vm->broken[0])
			return RAN_BROKEN;
		if (ioctl(v->fd, KVM_RUN, 0) < 0) {
			if (errno != EINTR && errno != EAGAIN) {
				vm_fails(vm, "KVM_RUN");
				return RAN_BROKEN;
			}
			if (seconds() >= deadline)
				return RAN_HANG;
			continue;
		}
		if (v->run->exit_reason == KVM_EXIT_MMIO && v->run->mmio.phys_addr - EVENT_PA < EVENT_SIZE) {
			/* L2 where there is no memory, or none to write */
			if (!v->run->mmio.is_write)
				memcpy(v->run->mmio.data, &vm->mmio_value, sizeof(vm->mmio_value));
			continue;
		}
		if (v->run->exit_reason != KVM_EXIT_MMIO || v->run->mmio.phys_addr != DOORBELL_PA) {
			vm_break(vm, "exit reason %u at 0x%llx", v->run->exit_reason,
				 v->run->exit_reason == KVM_EXIT_MMIO ? v->run->mmio.phys_addr : 0);
			return RAN_BROKEN;
		}
		switch (v->run->mmio.data[0]) {
		case DOORBELL_DONE:
			alarm(0);
			return RAN;
		case DOORBELL_HOST:
			if (!host_action(vm, vm->shared->host_action, vm->shared->host_argument,
					 &vm->shared->host_answer))
				return RAN_BROKEN;
			break;
		default:
			return fatal(vm);
		}
	}
}

const char *vm_lacks(const struct vm *vm, const struct operation *op)
{
	unsigned tlb = vm->shared->id_isar0 >> 56 & 0xf;

	if (op->needs_os && tlb < 1)
		return "no-FEAT_TLBIOS";
	if (op->needs_range && tlb < 2)
		return "no-FEAT_TLBIRANGE";
	if (op->nxs && !(vm->shared->id_isar1 >> 56 & 0xf))
		return "no-FEAT_XS";
	return NULL;
}
