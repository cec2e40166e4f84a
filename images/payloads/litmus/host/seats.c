// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0 moves vCPUs from CPU to CPU, and has several on one, wherever in KVM's code they are: what KVM keeps for a CPU is another
 * vCPU's then, and what a vCPU had loaded is another CPU's. The first vCPU stays where it is, and its CPU is nobody else's.
 */
#include "host/seats.h"
#include "host/break.h"
#include "host/pin.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define TURNS 24
#define TURN_US 200

struct seats {
	struct vm *vm;
	enum seats_kind kind;
	pthread_t thread;
	bool stop;
};

/* Of those that are not the first vCPU's. */
static unsigned seat(const struct vm *vm, unsigned index, unsigned turn)
{
	return vm->config.first_pe + 1 + (index - 1 + turn) % (vm_pes() - 1);
}

/* The one that is first gives its CPU to no other of the rest, until another one is. */
static bool rank(struct vm *vm, unsigned index, bool first)
{
	struct sched_param how = { .sched_priority = first };

	errno = pthread_setschedparam(vm->vcpu[index].thread, first ? SCHED_FIFO : SCHED_OTHER, &how);
	return !errno || vm_fails(vm, "pthread_setschedparam of a vCPU's thread");
}

static bool change(struct vm *vm, enum seats_kind kind, unsigned turn)
{
	unsigned others = vm->config.cpus - 1, now = turn % others, before = (turn + others - 1) % others;

	if (kind == SEATS_SHARE)
		return rank(vm, 1 + now, true) && (now == before || rank(vm, 1 + before, false));
	for (unsigned i = 1; i <= others; i++)
		if (!vm_pin(vm, i, seat(vm, i, turn)))
			return false;
	return true;
}

static void *work(void *argument)
{
	struct seats *s = argument;

	for (unsigned turn = 1; turn <= TURNS && !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE); turn++) {
		if (!change(s->vm, s->kind, turn))
			break;
		usleep(TURN_US);
	}
	for (unsigned i = 1; s->kind == SEATS_SHARE && i < s->vm->config.cpus; i++)
		rank(s->vm, i, false);
	return NULL;
}

bool seats_start(struct vm *vm, enum seats_kind kind)
{
	struct seats *s;
	cpu_set_t last;

	seats_stop(vm);
	if (vm->config.cpus < 2)
		return true;
	if (vm_pes() < 3) {
		vm_break(vm, "L0 has %u CPUs, and its vCPUs change theirs among those behind the first", vm_pes());
		return false;
	}
	for (unsigned i = 1; kind == SEATS_SHARE && i < vm->config.cpus; i++)
		if (!vm_pin(vm, i, seat(vm, 1, 0)))
			return false;
	s = calloc(1, sizeof(*s));
	if (!s)
		return vm_fails(vm, "calloc");
	s->vm = vm;
	s->kind = kind;
	errno = pthread_create(&s->thread, NULL, work, s);
	if (errno) {
		free(s);
		return vm_fails(vm, "pthread_create of a thread that changes CPUs");
	}
	/* Not the first vCPU's CPU, which this thread has from the one that made it. */
	CPU_ZERO(&last);
	CPU_SET(vm_pes() - 1, &last);
	pthread_setaffinity_np(s->thread, sizeof(last), &last);
	vm->seats = s;
	return true;
}

void seats_stop(struct vm *vm)
{
	struct seats *s = vm->seats;

	if (!s)
		return;
	vm->seats = NULL;
	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
	pthread_join(s->thread, NULL);
	free(s);
	for (unsigned i = 1; i < vm->config.cpus; i++)
		vm_pin(vm, i, vm->config.first_pe + i);
}
