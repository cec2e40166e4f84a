/* SPDX-License-Identifier: GPL-2.0-only */
/* Which CPU of L0 a vCPU runs on. */
#ifndef NVH_LITMUS_HOST_PIN_H
#define NVH_LITMUS_HOST_PIN_H

#include "host/vm_state.h"

/* CPUs of L0. */
unsigned vm_pes(void);
/* Let vCPU `index` run on this CPU of L0 alone; it has moved there when this returns. False: vm->broken says why. */
bool vm_pin(struct vm *vm, unsigned index, unsigned pe);

#endif
