// SPDX-License-Identifier: GPL-2.0-only
/* Which cases run: asked of nvh-litmus by the globs, held against a list, and put together by family. */
#include "bundle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 64
#define STDIN_FILE "/proc/self/fd/0"

struct names {
	char **names;
	size_t count, room;
	char said[256]; /* the first line of stderr */
};

static void collect(void *context, bool error, const char *text)
{
	struct names *n = context;

	if (error) {
		if (!*n->said)
			snprintf(n->said, sizeof(n->said), "%s", text);
		return;
	}
	if (n->count == n->room) {
		n->room = n->room ? 2 * n->room : 1024;
		n->names = realloc(n->names, n->room * sizeof(*n->names));
		if (!n->names)
			abort();
	}
	n->names[n->count++] = strdup(text);
}

/* Each glob of a list with commas as an option of its own. False: there are too many. */
static bool globs(char *words[], size_t *used, const char *option, const char *list)
{
	char *rest, *copy = list ? strdup(list) : NULL;

	for (char *glob = copy ? strtok_r(copy, ",", &rest) : NULL; glob; glob = strtok_r(NULL, ",", &rest)) {
		if (*used + 3 > WORDS_MOST)
			return false;
		words[(*used)++] = (char *)option;
		words[(*used)++] = glob;
	}
	return true;
}

static int compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool read_list(const char *directory, const char *name, struct names *list, char *why, size_t size)
{
	char path[512], line[512];
	FILE *in;

	snprintf(path, sizeof(path), "%s/lists/%s", directory, name);
	in = fopen(path, "re");
	if (!in) {
		snprintf(why, size, "there is no list '%s'", name);
		return false;
	}
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, " \t\r\n")] = 0;
		if (*line)
			collect(list, false, line);
	}
	fclose(in);
	qsort(list->names, list->count, sizeof(*list->names), compare);
	return true;
}

static uint64_t hash(const char *name)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a, 64 bits (RFC 9923), as nvh-litmus has it */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	return h;
}

static void add(struct selection *s, char *name)
{
	size_t length = strcspn(name, "/"), i = 0;
	struct family *f;

	while (i < s->count &&
	       (strncmp(s->families[i].name, name, length) || s->families[i].name[length]))
		i++;
	if (i == s->count) {
		s->families = realloc(s->families, ++s->count * sizeof(*s->families));
		if (!s->families)
			abort();
		s->families[i] = (struct family){ .name = strndup(name, length) };
	}
	f = &s->families[i];
	if (!(f->count & (f->count + 1))) /* room for 2^k - 1 names is used up */
		f->names = realloc(f->names, 2 * (f->count + 1) * sizeof(*f->names));
	if (!f->names)
		abort();
	f->names[f->count++] = name;
	f->hash += hash(name);
	s->hash += hash(name);
	s->cases++;
}

bool select_cases(const struct options *o, const char *directory, struct selection *s, char *why, size_t size)
{
	char litmus[512], cpus[16], *words[WORDS_MOST] = { litmus, "--list" };
	struct names found = { 0 }, list = { 0 };
	size_t used = 2;
	int status;

	snprintf(litmus, sizeof(litmus), "%s/nvh-litmus", directory);
	if (!globs(words, &used, "--case", o->cases) || !globs(words, &used, "--skip", o->skip)) {
		snprintf(why, size, "more globs than there is room for");
		return false;
	}
	if (o->cpus) {
		snprintf(cpus, sizeof(cpus), "%u", o->cpus);
		words[used++] = "--cpus";
		words[used++] = cpus;
	}
	words[used] = NULL;
	if (o->list && !read_list(directory, o->list, &list, why, size))
		return false;
	status = child_run(words, "", 0, o->patience, collect, &found);
	for (size_t i = 0; i < found.count; i++)
		if (!o->list || bsearch(&found.names[i], list.names, list.count, sizeof(*list.names), compare))
			add(s, found.names[i]);
	if (status || !s->cases)
		snprintf(why, size, "no case is chosen: %s", *found.said ? found.said : "the list has none that fits");
	return !status && s->cases;
}

char *select_text(const struct family *f, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	if (!out)
		abort();
	for (size_t i = 0; i < f->count; i++)
		fprintf(out, "%s\n", f->names[i]);
	fclose(out);
	return text;
}

void select_order(struct family *f, const char *litmus, unsigned patience)
{
	char *const words[] = { (char *)litmus, "--list", "--case", "*", "--case", "provoke*", "--cases", STDIN_FILE, NULL };
	struct names found = { 0 };
	size_t size;
	char *text = select_text(f, &size);

	/* It names the same cases in another order; if not, that of the list stays and the run will tell. */
	if (!child_run(words, text, size, patience, collect, &found) && found.count == f->count)
		f->names = found.names;
	free(text);
}
