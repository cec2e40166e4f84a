// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU moved to another CPU of L0 in mid-program. */
#include "host/migrate.h"
#include "host/pin.h"

#include <sched.h>

bool migrate_action(struct vm *vm, uint64_t argument, uint64_t *answer)
{
	unsigned index = (unsigned)(argument >> 8), pe = argument & 0xff;

	if (!vm_pin(vm, index, pe))
		return false;
	/* The first vCPU's thread is the one that asks. */
	*answer = index || sched_getcpu() == (int)(pe % vm_pes()) ? 1 : 2;
	return true;
}
