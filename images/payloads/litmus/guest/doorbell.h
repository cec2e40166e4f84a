/* SPDX-License-Identifier: GPL-2.0-only */
/* A word to the VMM. */
#ifndef NVH_LITMUS_GUEST_DOORBELL_H
#define NVH_LITMUS_GUEST_DOORBELL_H

#include <stdint.h>

/* With by_memory it returns when the VMM has answered. */
void doorbell(uint64_t value);

#endif
