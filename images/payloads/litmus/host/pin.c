// SPDX-License-Identifier: GPL-2.0-only
/* Which CPU of L0 a vCPU runs on: its thread has no other to run on. */
#include "host/pin.h"
#include "host/break.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

unsigned vm_pes(void)
{
	return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

bool vm_pin(struct vm *vm, unsigned index, unsigned pe)
{
	cpu_set_t set;
	int why;

	CPU_ZERO(&set);
	CPU_SET(pe % vm_pes(), &set);
	why = pthread_setaffinity_np(index ? vm->vcpu[index].thread : vm->leader, sizeof(set), &set);
	errno = why;
	return !why || vm_fails(vm, "pthread_setaffinity_np");
}
