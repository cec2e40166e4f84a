/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of another process that is guest RAM, or may be: writable, without a file or with one in memory. */
#ifndef NVH_MAPPINGS_H
#define NVH_MAPPINGS_H

#include <stddef.h>
#include <stdint.h>

#define MAPPINGS_MAX 512

struct mapping {
	unsigned long start, size;
};

/* Up to MAPPINGS_MAX of them, the largest first; how many. */
size_t mappings_read(uint64_t pid, struct mapping *to);

#endif
