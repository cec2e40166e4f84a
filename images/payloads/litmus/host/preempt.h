/* SPDX-License-Identifier: GPL-2.0-only */
/* The other vCPUs' threads lose their CPU for a moment, again and again; false: vm->broken says why. */
#ifndef NVH_LITMUS_HOST_PREEMPT_H
#define NVH_LITMUS_HOST_PREEMPT_H

#include "host/vm_state.h"

bool preempt_start(struct vm *vm);

#endif
