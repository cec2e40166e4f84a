/* SPDX-License-Identifier: GPL-2.0-only */
/* Which frames are behind our own memory (Documentation/admin-guide/mm/pagemap.rst). */
#ifndef NVH_PAGEMAP_H
#define NVH_PAGEMAP_H

#include <stddef.h>
#include <stdint.h>

/* A descriptor for what follows, -1 with errno. */
int pagemap_open(void);
/* Of the page at `at`: not 0 where one is mapped; tells its frame, if we may know it. */
uint64_t pagemap_frame(int pagemap, const uint8_t *at, size_t page_size);

#endif
