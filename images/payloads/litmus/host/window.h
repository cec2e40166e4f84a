/* SPDX-License-Identifier: GPL-2.0-only */
/* A fault that L0 handles, held open: host memory that comes when it is asked for (userfaultfd). */
#ifndef NVH_LITMUS_HOST_WINDOW_H
#define NVH_LITMUS_HOST_WINDOW_H

#include "host/vm_state.h"

enum window_action { WINDOW_OPEN = 100, WINDOW_WAIT, WINDOW_CLOSE };

#define WINDOW_SPACING 0x10000 /* of the event memory, for each window */

bool window_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer);

#endif
