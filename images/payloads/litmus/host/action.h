/* SPDX-License-Identifier: GPL-2.0-only */
/* What a step asks of the VMM (STEP_HOST): whose action it is. */
#ifndef NVH_LITMUS_HOST_ACTION_H
#define NVH_LITMUS_HOST_ACTION_H

#include "host/vm_state.h"

/* False breaks the VM. */
bool host_action(struct vm *vm, uint64_t action, uint64_t argument, uint64_t *answer);

#endif
