// SPDX-License-Identifier: GPL-2.0-only
/*
 * --cases FILE: the cases that a file names, in its order. Those that share a VM are run together, at the place of the
 * first of them, so that the file's order costs no VM more than there are kinds.
 */
#include "host/choose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 64 /* of VMs that cases ask for: there are some twenty */
#define PLACE_BITS 16

struct wanted {
	char name[96];
	unsigned place; /* in the file, from 1 */
	bool found;
};

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct wanted *)left)->name, ((const struct wanted *)right)->name);
}

static int by_number(const void *left, const void *right)
{
	const struct litmus *a = left, *b = right;

	return (a->number > b->number) - (a->number < b->number);
}

/* The first word of each line; `#` begins a comment. NULL: the reason is on stderr. */
static struct wanted *read_names(const char *path, size_t *count)
{
	FILE *in = fopen(path, "re");
	struct wanted *names = NULL;
	size_t room = 0;
	char line[512];

	*count = 0;
	if (!in) {
		fprintf(stderr, "nvh-litmus: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	while (fgets(line, sizeof(line), in)) {
		char *word = strtok(line, " \t\n");

		if (!word || *word == '#')
			continue;
		if (*count + 1 == 1u << PLACE_BITS) {
			fprintf(stderr, "nvh-litmus: %s: more than %zu names\n", path, *count);
			*count = 0;
			break;
		}
		if (*count == room) {
			room = room ? 2 * room : 1024;
			names = realloc(names, room * sizeof(*names));
			if (!names)
				abort();
		}
		names[*count] = (struct wanted){ .place = (unsigned)*count + 1 };
		snprintf(names[*count].name, sizeof(names->name), "%s", word);
		++*count;
	}
	fclose(in);
	if (!*count)
		fprintf(stderr, "nvh-litmus: %s names no case that can be run\n", path);
	return names;
}

/* By place, but each VM's cases behind its first. */
static void together(struct litmus *cases, size_t n)
{
	struct config kinds[KINDS_MAX];
	unsigned first[KINDS_MAX], count = 0;

	qsort(cases, n, sizeof(*cases), by_number);
	for (size_t i = 0; i < n; i++) {
		unsigned k = 0;

		while (k < count && memcmp(&kinds[k], &cases[i].config, sizeof(kinds[k])))
			k++;
		if (k == KINDS_MAX)
			abort();
		if (k == count) {
			kinds[k] = cases[i].config;
			first[count++] = cases[i].number;
		}
		cases[i].number |= first[k] << PLACE_BITS;
	}
	qsort(cases, n, sizeof(*cases), by_number);
}

long choose(const char *path, struct litmus *cases, size_t count)
{
	size_t names, chosen = 0;
	struct wanted *wanted = read_names(path, &names);
	long result;

	if (!names)
		return -1;
	qsort(wanted, names, sizeof(*wanted), by_name);
	for (size_t i = 0; i < count; i++) {
		struct wanted key, *hit;

		memcpy(key.name, cases[i].name, sizeof(key.name));
		hit = bsearch(&key, wanted, names, sizeof(*wanted), by_name);
		if (!hit)
			continue;
		hit->found = true;
		cases[chosen] = cases[i];
		cases[chosen++].number = hit->place;
	}
	result = (long)chosen;
	for (size_t i = 0; i < names; i++)
		if (!wanted[i].found) {
			fprintf(stderr, "nvh-litmus: %s: no selected case is called %s\n", path, wanted[i].name);
			result = -1;
		}
	free(wanted);
	together(cases, chosen);
	return result;
}
