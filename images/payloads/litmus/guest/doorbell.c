// SPDX-License-Identifier: GPL-2.0-only
/* A word to the VMM: a store that it traps, or a counter that it reads. */
#include "guest/doorbell.h"
#include "guest/cpu.h"

void doorbell(uint64_t value)
{
	uint64_t rings = shared->rings + 1;

	if (!shared->by_memory) {
		__asm__ volatile("str %0, [%1]" ::"r"(value), "r"((uint64_t)DOORBELL_PA) : "memory");
		return;
	}
	shared->rung = value;
	__atomic_store_n(&shared->rings, rings, __ATOMIC_RELEASE);
	while (__atomic_load_n(&shared->answers, __ATOMIC_ACQUIRE) != rings)
		__asm__ volatile("yield" ::: "memory");
}
