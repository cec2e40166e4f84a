// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>

#include "host.h"

size_t page_size = 4096;

size_t huge_size(void)
{
	return page_size / 8 * page_size;
}

/* Unique per seed and page, never 0, and readable in a dump. */
uint64_t value_of(uint64_t seed, size_t page)
{
	return seed << 32 | (uint64_t)page << 8 | 0xa5;
}

uint64_t fresh_seed(void)
{
	static uint64_t seed;

	return ++seed;
}

void fill(void *memory, size_t pages, uint64_t seed)
{
	for (size_t p = 0; p < pages; p++) {
		uint8_t *page = (uint8_t *)memory + p * page_size;

		memset(page + STAMP_OFFSET, 0, 8 * VCPUS_MAX);
		*(volatile uint64_t *)page = value_of(seed, p);
		*(volatile uint64_t *)(page + LAST_WORD) = value_of(seed, p);
	}
}

void *region_map(size_t pages)
{
	return vmm_aligned(pages * page_size, huge_size());
}

void region_unmap(void *memory, size_t pages)
{
	if (memory)
		munmap(memory, pages * page_size);
}
