// SPDX-License-Identifier: GPL-2.0-only
#include "mappings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_size(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	return x->size < y->size ? 1 : x->size > y->size ? -1 : 0;
}

size_t mappings_read(uint64_t pid, struct mapping *to)
{
	char path[64], line[1024];
	size_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%lu/maps", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (n < MAPPINGS_MAX && fgets(line, sizeof(line), file)) {
		unsigned long start, end, inode;
		char flags[8], name[512] = "";

		if (sscanf(line, "%lx-%lx %7s %*s %*s %lu %511[^\n]", &start, &end, flags, &inode, name) < 4 ||
		    flags[1] != 'w')
			continue;
		if (inode && !strstr(name, "memfd:") && !strstr(name, "/dev/shm/") && !strstr(name, "/dev/zero"))
			continue;
		to[n++] = (struct mapping){ start, end - start };
	}
	fclose(file);
	qsort(to, n, sizeof(*to), by_size);
	return n;
}
