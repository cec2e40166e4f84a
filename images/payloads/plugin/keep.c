// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: one copy of each distinct thing that callbacks are given. */
#include "keep.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct nvh_kept {
	struct nvh_kept *next;
	max_align_t thing[];
};

/* FNV-1a (RFC 9923). */
static size_t bucket_of(const void *thing, size_t key)
{
	const uint8_t *byte = thing;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < key; i++)
		h = (h ^ byte[i]) * 0x100000001b3;
	return (h ^ h >> 32) % NVH_BUCKETS;
}

void *nvh_keep(struct nvh_keeper *keeper, const void *thing)
{
	struct nvh_kept **bucket = &keeper->bucket[bucket_of(thing, keeper->key)], *each;

	pthread_mutex_lock(&keeper->lock);
	for (each = *bucket; each; each = each->next)
		if (!memcmp(each->thing, thing, keeper->key))
			break;
	if (!each) {
		each = malloc(sizeof(*each) + keeper->size);
		if (!each)
			abort();
		memcpy(each->thing, thing, keeper->size);
		each->next = *bucket;
		*bucket = each;
	}
	pthread_mutex_unlock(&keeper->lock);
	return each->thing;
}
