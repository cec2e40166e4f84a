/* SPDX-License-Identifier: GPL-2.0-only */
/* One other VM's life and end; false leaves its reason in vm->broken. */
#ifndef NVH_LITMUS_HOST_TEARDOWN_H
#define NVH_LITMUS_HOST_TEARDOWN_H

#include "host/vm_state.h"

/* The last of its vCPUs runs on CPU `pe` of L0, and so does the caller when it has one alone. */
bool teardown_close(struct vm *vm, unsigned turn, unsigned pe);
/* The same in two steps, on the first vCPU's CPU: there is one at a time. */
bool teardown_other_vm(struct vm *vm, enum other_vm what);
/* `reaped`, unless it is NULL: its memory is to be unmapped before it has ended; whether it was. */
bool teardown_kill(struct vm *vm, unsigned turn, bool *reaped);

#endif
