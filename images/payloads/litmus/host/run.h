/* SPDX-License-Identifier: GPL-2.0-only */
/* The vCPUs running, and the payload carrying out what is in shared->program. */
#ifndef NVH_LITMUS_HOST_RUN_H
#define NVH_LITMUS_HOST_RUN_H

#include "host/vm_state.h"

bool vm_start_followers(struct vm *vm);
enum ran vm_run(struct vm *vm, unsigned timeout_s);

#endif
