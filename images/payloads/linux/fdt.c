// SPDX-License-Identifier: GPL-2.0-only
#include "fdt.h"

#include <endian.h>
#include <string.h>

#define MAGIC 0xd00dfeed
#define VERSION 17
#define COMPATIBLE 16
#define HEADER 40
#define NO_RESERVATION 16 /* the list of reserved memory ends with an empty entry */

enum { BEGIN_NODE = 1, END_NODE, PROPERTY, END = 9 };

static void put(struct fdt *tree, const void *bytes, size_t size)
{
	size_t padded = (size + 3) & ~(size_t)3;

	if (tree->full || padded > tree->room - tree->size) {
		tree->full = true;
		return;
	}
	memset(tree->at + tree->size, 0, padded);
	if (size)
		memcpy(tree->at + tree->size, bytes, size);
	tree->size += padded;
}

static void put_cell(struct fdt *tree, uint32_t value)
{
	value = htobe32(value);
	put(tree, &value, sizeof(value));
}

/* Where `name` is among the names of properties. */
static uint32_t name_offset(struct fdt *tree, const char *name)
{
	size_t size = strlen(name) + 1, at = 0;

	for (; at < tree->names_size; at += strlen(tree->names + at) + 1)
		if (!strcmp(tree->names + at, name))
			return (uint32_t)at;
	if (size > sizeof(tree->names) - at) {
		tree->full = true;
		return 0;
	}
	memcpy(tree->names + at, name, size);
	tree->names_size += size;
	return (uint32_t)at;
}

void fdt_start(struct fdt *tree, void *at, size_t room)
{
	*tree = (struct fdt){ .at = at, .room = room, .size = HEADER + NO_RESERVATION };
	if (room < tree->size)
		tree->full = true;
	else
		memset(at, 0, tree->size);
}

void fdt_node(struct fdt *tree, const char *name)
{
	put_cell(tree, BEGIN_NODE);
	put(tree, name, strlen(name) + 1);
}

void fdt_end(struct fdt *tree)
{
	put_cell(tree, END_NODE);
}

void fdt_bytes(struct fdt *tree, const char *name, const void *bytes, size_t size)
{
	put_cell(tree, PROPERTY);
	put_cell(tree, (uint32_t)size);
	put_cell(tree, name_offset(tree, name));
	put(tree, bytes, size);
}

void fdt_text(struct fdt *tree, const char *name, const char *text)
{
	fdt_bytes(tree, name, text, strlen(text) + 1);
}

void fdt_cells(struct fdt *tree, const char *name, size_t count, const uint32_t *cells)
{
	put_cell(tree, PROPERTY);
	put_cell(tree, (uint32_t)(count * sizeof(*cells)));
	put_cell(tree, name_offset(tree, name));
	for (size_t i = 0; i < count; i++)
		put_cell(tree, cells[i]);
}

size_t fdt_finish(struct fdt *tree)
{
	const uint32_t tree_at = HEADER + NO_RESERVATION;
	uint32_t header[HEADER / sizeof(uint32_t)], names_at;

	put_cell(tree, END);
	names_at = (uint32_t)tree->size;
	put(tree, tree->names, tree->names_size);
	if (tree->full)
		return 0;
	memcpy(header,
	       (uint32_t[]){ MAGIC, (uint32_t)tree->size, tree_at, names_at, HEADER, VERSION, COMPATIBLE, 0,
			     (uint32_t)tree->names_size, names_at - tree_at },
	       sizeof(header));
	for (size_t i = 0; i < sizeof(header) / sizeof(*header); i++)
		header[i] = htobe32(header[i]);
	memcpy(tree->at, header, sizeof(header));
	return tree->size;
}
