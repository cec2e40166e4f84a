// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: the machine's RAM as QEMU has mapped it. A walk reads it directly: the plugin
 * interface of QEMU 10.0 has no function to read physical memory, and that of 11.1 copies into a GByteArray.
 */
#include <stdio.h>
#include <string.h>

#include "number.h"
#include "sanitizer.h"

static uint64_t ram_base, ram_size;
static const char *ram;

void memory_init(uint64_t base, uint64_t size)
{
	ram_base = base;
	ram_size = size;
}

/* The one mapping that has the size of RAM and holds the instruction is RAM; proc_pid_maps(5). */
void memory_learn(const void *host)
{
	uint64_t first, last, wanted = (uint64_t)host;
	char line[512];
	FILE *maps;

	if (ram || !host)
		return;
	maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		const char *at = line;

		at = number_read(at, 16, &first);
		if (at && *at++ == '-' && number_read(at, 16, &last) && last - first == ram_size && wanted >= first &&
		    wanted < last)
			__atomic_store_n(&ram, (const char *)first, __ATOMIC_RELEASE);
	}
	if (maps)
		fclose(maps);
}

bool memory_known(void)
{
	return ram;
}

bool memory_read(uint64_t pa, uint64_t *value)
{
	if (!ram || pa < ram_base || pa - ram_base > ram_size - sizeof(*value))
		return false;
	*value = __atomic_load_n((const uint64_t *)(ram + (pa - ram_base)), __ATOMIC_RELAXED);
	return true;
}

uint64_t memory_physical(const void *host)
{
	uint64_t offset = (uint64_t)((const char *)host - ram);

	return ram && offset < ram_size ? ram_base + offset : UNKNOWN;
}
