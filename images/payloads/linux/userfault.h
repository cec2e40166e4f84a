/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a guest that its VMM brings when it is asked for, as a guest that is restored from a snapshot has it: a memfd whose pages
 * are there, and not mapped (a minor fault), or not there yet (a missing one). And all of it can be taken away again.
 */
#ifndef NVH_USERFAULT_H
#define NVH_USERFAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Replaces anonymous memory by a memfd of the same size, which faults as ever at first. False with errno. */
bool userfault_map(uint8_t *memory, size_t size);
/* From here on each page that is not mapped is asked for. False with errno. */
bool userfault_start(void);
/*
 * Takes away all pages, and gives each its content in another frame, which is not mapped: the guest must ask for it. How many have
 * another frame than before; -1 with errno. The old frames stay as they are, and ours. Up to 64 times.
 */
long userfault_move(void);
/* To how many of the pages that were taken away somebody has written since; -1 with errno. */
long userfault_behind(void);
/* How many pages were asked for, and mapped. */
uint64_t userfault_minor(void);
uint64_t userfault_missing(void);

#endif
