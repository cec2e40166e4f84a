// SPDX-License-Identifier: GPL-2.0-only
#include "pagemap.h"

#include <fcntl.h>
#include <unistd.h>

#define PRESENT (1ull << 63) /* of a word of /proc/self/pagemap */
#define FRAME (~0ull >> 9) /* its bits 54 to 0 */

int pagemap_open(void)
{
	return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

uint64_t pagemap_frame(int pagemap, const uint8_t *at, size_t page_size)
{
	uint64_t entry = 0;
	off_t offset = (off_t)((uintptr_t)at / page_size * sizeof(entry));

	if (pread(pagemap, &entry, sizeof(entry), offset) != (ssize_t)sizeof(entry) || !(entry & PRESENT))
		return 0;
	return entry & (PRESENT | FRAME);
}
