/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries that an operation has covered, with that operation: what a PE must not use once the operation is complete. Plain
 * C, runs in the sanitizer plugin inside QEMU and in its test driver.
 */
#ifndef NVH_SANITIZER_GRAVE_H
#define NVH_SANITIZER_GRAVE_H

#include "store.h"

#define GRAVES 32768

struct grave {
	unsigned pe;
	struct entry entry; /* as it was; its lists and what it owned are not to be touched */
	struct tlbi tlbi;
};

struct graves {
	struct grave *all;
	uint64_t count;
};

void grave_dig(struct graves *graves, unsigned pe, const struct entry *entry, const struct tlbi *tlbi);
/*
 * The last entry of ``pe`` for this page that an operation has taken, with the output ``out`` (UNKNOWN_OUT: any but
 * ``not_out``); NULL when there was none.
 */
#define UNKNOWN_OUT (~0ull)
const struct grave *grave_find(const struct graves *graves, unsigned pe, const struct translation *key, uint64_t page,
			       uint64_t out, uint64_t not_out);

#endif
