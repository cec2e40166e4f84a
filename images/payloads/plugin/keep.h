/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs on the host, inside QEMU: what callbacks are given. It lives as long as QEMU may still execute the block, which
 * nothing tells, and code is translated again and again: so each distinct thing is kept once.
 */
#ifndef NVH_KEEP_H
#define NVH_KEEP_H

#include <pthread.h>
#include <stddef.h>

#define NVH_BUCKETS 65536

struct nvh_kept;

/* Things of one type, told apart by their first `key` bytes, which must have no padding; the rest may change. */
struct nvh_keeper {
	size_t size, key;
	pthread_mutex_t lock;
	struct nvh_kept *bucket[NVH_BUCKETS];
};
#define NVH_KEEPER(type, key) { sizeof(type), key, PTHREAD_MUTEX_INITIALIZER, { NULL } }

/* The one with the key of `thing`: a copy of it at the first call. It never ends and never moves. From any thread. */
void *nvh_keep(struct nvh_keeper *keeper, const void *thing);

#endif
