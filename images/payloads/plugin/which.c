// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: vCPUs told apart by what is in one of their registers. */
#include "which.h"

#include <pthread.h>

static unsigned find(const uint64_t *keys, uint64_t known, uint64_t key)
{
	unsigned at = 0;

	while (at < known && keys[at] != key)
		at++;
	return at;
}

unsigned nvh_which_by_key(uint64_t *keys, uint64_t *count, unsigned most, uint64_t key)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	uint64_t known = __atomic_load_n(count, __ATOMIC_ACQUIRE);
	unsigned at = find(keys, known, key);

	if (at < known)
		return at;
	pthread_mutex_lock(&lock);
	known = *count;
	at = find(keys, known, key);
	if (at == known && at < most) {
		keys[at] = key;
		__atomic_store_n(count, known + 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
	return at;
}
