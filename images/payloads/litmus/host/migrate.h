/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU moved to another CPU of L0 in mid-program. */
#ifndef NVH_LITMUS_HOST_MIGRATE_H
#define NVH_LITMUS_HOST_MIGRATE_H

#include "host/vm_state.h"

enum migrate_action { MIGRATE = 200 /* the argument is 256 * vCPU + the CPU of L0 */ };

bool migrate_action(struct vm *vm, uint64_t argument, uint64_t *answer);

#endif
