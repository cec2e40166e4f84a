/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes a flattened device tree (Devicetree Specification v0.4, chapter 5). */
#ifndef NVH_FDT_H
#define NVH_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fdt {
	uint8_t *at; /* where it is written, `room` bytes */
	size_t room, size;
	char names[512];
	size_t names_size;
	bool full; /* something had no room: fdt_finish() returns 0 */
};

void fdt_start(struct fdt *tree, void *at, size_t room);
void fdt_node(struct fdt *tree, const char *name);
void fdt_end(struct fdt *tree);
/* A property of `size` bytes, as they are. */
void fdt_bytes(struct fdt *tree, const char *name, const void *bytes, size_t size);
void fdt_text(struct fdt *tree, const char *name, const char *text);
/* A property of `count` cells. */
void fdt_cells(struct fdt *tree, const char *name, size_t count, const uint32_t *cells);
/* Ends it; the size of all, 0 when it had no room. */
size_t fdt_finish(struct fdt *tree);

#endif
