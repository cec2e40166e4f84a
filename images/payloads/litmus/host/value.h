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
