// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0 schedules a vCPU out wherever it is, KVM's code for a fault included, and in again: a thread of real-time
 * priority wakes up on its CPU. That is not the way out of KVM_RUN: a vCPU that is scheduled out keeps what it
 * has loaded.
 */
#include "host/preempt.h"
#include "host/break.h"
#include "host/clock.h"
#include "host/pin.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define TURNS 24
#define AWAY_US 200 /* from one turn to the next: */
#define BUSY_NS 20000

/* It touches nothing of the VM, and may outlive it by some milliseconds. */
static void *preempt(void *unused)
{
	(void)unused;
	for (unsigned turn = 0; turn < TURNS; turn++) {
		uint64_t begin;

		usleep(AWAY_US);
		begin = now_ns();
		while (now_ns() - begin < BUSY_NS)
			;
	}
	return NULL;
}

static int start_on(unsigned pe)
{
	struct sched_param first = { .sched_priority = 1 };
	pthread_attr_t how;
	pthread_t thread;
	cpu_set_t set;
	int why;

	CPU_ZERO(&set);
	CPU_SET(pe % vm_pes(), &set);
	pthread_attr_init(&how);
	pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
	pthread_attr_setinheritsched(&how, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&how, SCHED_FIFO);
	pthread_attr_setschedparam(&how, &first);
	pthread_attr_setaffinity_np(&how, sizeof(set), &set);
	why = pthread_create(&thread, &how, preempt, NULL);
	pthread_attr_destroy(&how);
	return why;
}

bool preempt_start(struct vm *vm)
{
	for (unsigned i = 1; i < vm->config.cpus; i++) {
		errno = start_on(vm->config.first_pe + i);
		if (errno)
			return vm_fails(vm, "pthread_create of a thread that preempts");
	}
	return true;
}
