// SPDX-License-Identifier: GPL-2.0-only
/* What goes on beside a program, in a thread of its own, until the program has ended. */
#include "host/disturb.h"
#include "host/break.h"
#include "host/clock.h"
#include "host/pin.h"
#include "host/teardown.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define KICK_US 200
#define MOVE_US 1000
#define TEARDOWNS 8 /* as many end a race that has no other end; */
#define TEARDOWN_S 12 /* so does this time, after at least one */

struct disturbance {
	struct vm *vm;
	enum disturb kind;
	pthread_t thread;
	bool stop;
	unsigned turns;
	bool met; /* this turn counts */
	uint64_t count;
};

const char *disturb_word(enum disturb kind)
{
	static const char *const words[] = { [DISTURB_NONE] = "disturbed", [DISTURB_KICK] = "kicks",
					     [DISTURB_MOVE] = "moves",	   [DISTURB_CLOSE] = "closed",
					     [DISTURB_KILL] = "killed",	   [DISTURB_REAP] = "reaped" };

	return words[kind];
}

static bool turn(struct disturbance *d)
{
	struct vm *vm = d->vm;

	switch (d->kind) {
	case DISTURB_KICK:
		for (unsigned i = 1; i < vm->config.cpus; i++)
			pthread_kill(vm->vcpu[i].thread, SIGUSR1);
		usleep(KICK_US);
		return true;
	case DISTURB_MOVE:
		for (unsigned i = 1; i < vm->config.cpus; i++)
			if (!vm_pin(vm, i, vm->config.first_pe + i + d->turns % vm_pes()))
				return false;
		usleep(MOVE_US);
		return true;
	case DISTURB_CLOSE:
		return teardown_close(vm, d->turns, vm_pes() - 1);
	case DISTURB_KILL:
		return teardown_kill(vm, d->turns, NULL);
	case DISTURB_REAP:
		return teardown_kill(vm, d->turns, &d->met);
	default:
		return false;
	}
}

static void *disturb(void *argument)
{
	struct disturbance *d = argument;
	double begin = seconds();
	cpu_set_t all;
	bool teardown = d->kind >= DISTURB_CLOSE;

	/* The thread that made this one is on the first vCPU's CPU. */
	CPU_ZERO(&all);
	for (unsigned i = 0; i < vm_pes(); i++)
		CPU_SET(i, &all);
	sched_setaffinity(0, sizeof(all), &all);
	while (!__atomic_load_n(&d->stop, __ATOMIC_ACQUIRE)) {
		d->met = true;
		if (!turn(d))
			break;
		d->turns++;
		d->count += d->met;
		if (teardown && (d->turns >= TEARDOWNS || seconds() - begin >= TEARDOWN_S))
			break;
	}
	if (teardown)
		__atomic_store_n(&d->vm->shared->race_end, 1, __ATOMIC_RELEASE);
	return NULL;
}

bool disturb_start(struct vm *vm, enum disturb kind)
{
	struct disturbance *d;

	if (kind == DISTURB_NONE)
		return true;
	d = calloc(1, sizeof(*d));
	if (!d)
		return vm_fails(vm, "calloc");
	d->vm = vm;
	d->kind = kind;
	vm->disturbance = d;
	if (!pthread_create(&d->thread, NULL, disturb, d))
		return true;
	free(d);
	vm->disturbance = NULL;
	return vm_fails(vm, "pthread_create");
}

uint64_t disturb_stop(struct vm *vm)
{
	struct disturbance *d = vm->disturbance;
	uint64_t count;

	if (!d)
		return 0;
	__atomic_store_n(&d->stop, true, __ATOMIC_RELEASE);
	pthread_join(d->thread, NULL);
	for (unsigned i = 1; d->kind == DISTURB_MOVE && i < vm->config.cpus; i++)
		vm_pin(vm, i, vm->config.first_pe + i);
	count = d->count;
	free(d);
	vm->disturbance = NULL;
	return count;
}
