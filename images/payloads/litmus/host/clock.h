/* SPDX-License-Identifier: GPL-2.0-only */
/* L0's clock, as nvh-litmus's deadlines and its `ns=` count it. */
#ifndef NVH_LITMUS_HOST_CLOCK_H
#define NVH_LITMUS_HOST_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline double seconds(void)
{
	return (double)now_ns() / 1e9;
}

#endif
