/* SPDX-License-Identifier: GPL-2.0-only */
/* One other VM's life and end; false leaves its reason in vm->broken. */
#ifndef NVH_LITMUS_HOST_TEARDOWN_H
#define NVH_LITMUS_HOST_TEARDOWN_H

#include "host/vm_state.h"

bool teardown_close(struct vm *vm, unsigned turn);
bool teardown_kill(struct vm *vm, unsigned turn);

#endif
