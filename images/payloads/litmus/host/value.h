/* SPDX-License-Identifier: GPL-2.0-only */
/* What memory holds to begin with, so that a read says where it was from. */
#ifndef NVH_LITMUS_HOST_VALUE_H
#define NVH_LITMUS_HOST_VALUE_H

#include <stdint.h>

#include "shared/shared.h"

static inline uint64_t value_at(uint64_t pa)
{
	return 0x6e76680000000000 | pa;
}

/* Devices of L1 at addresses of one bit each, which the VMM answers for. */
#define DEVICE_FIRST_BIT 34 /* above all memory */
#define DEVICE_SIZE 0x10000

static inline int is_device_pa(uint64_t pa)
{
	uint64_t base = pa & ~(DEVICE_SIZE - 1ull);

	return base >> DEVICE_FIRST_BIT && !(base & (base - 1));
}

static inline uint64_t device_value(uint64_t pa)
{
	return ~pa;
}

/* Of the event memory, before and after an event. */
static inline uint64_t event_old(uint64_t offset)
{
	return value_at(EVENT_PA + offset);
}

static inline uint64_t event_new(uint64_t offset)
{
	return ~event_old(offset);
}

#endif
