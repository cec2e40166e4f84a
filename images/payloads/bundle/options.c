// SPDX-License-Identifier: GPL-2.0-only
/* What to run: words of the kernel's command line, or of nvh-bundle's own. */
#include "bundle.h"
#include "number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char options_usage[] =
	"usage: nvh-bundle [--cases=GLOB,...] [--skip=GLOB,...] [--list=NAME] [--cpus=N] [--seconds=S]\n"
	"                  [--patience=S] [--pressure=N] [--self-test=1|exit]\n"
	"On a kernel's command line the same as nvh.cases=GLOB,... and so on, and nvh.console=ttyNAME,\n"
	"nvh.off=poweroff|reboot|halt. Without cases and list: the list `default`.\n"
	"exit status: 0 passed, 1 failed, 2 wrong use, 4 skipped (no KVM with EL2, or nothing applies)\n";

/* Globs and names go into lines of words: no space, no control character. */
static bool word_value(const char *text, char **out)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	*out = strdup(text);
	return *text && strlen(text) < 1024;
}

static bool one_of(const char *text, const char *const words[], char **out)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return word_value(text, out);
	return false;
}

bool options_word(struct options *o, const char *word, char *why, size_t size)
{
	static const char *const ends[] = { "poweroff", "reboot", "halt", NULL };
	static const char *const self_tests[] = { "0", "1", "exit", NULL };
	const char *equals = strchr(word, '='), *value = equals ? equals + 1 : "";
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	bool good;

#define IS(name) (length == sizeof(name) - 1 && !strncmp(word, name, length))
	if (IS("cases"))
		good = word_value(value, &o->cases);
	else if (IS("skip"))
		good = word_value(value, &o->skip);
	else if (IS("list"))
		good = word_value(value, &o->list) && !strchr(value, '/') && *value != '.';
	else if (IS("console"))
		good = word_value(value, &o->console) && !strchr(value, '/');
	else if (IS("off"))
		good = one_of(value, ends, &o->off);
	else if (IS("cpus"))
		good = number_unsigned(value, 0, 64, &o->cpus);
	else if (IS("seconds"))
		good = number_unsigned(value, 0, 1000000, &o->seconds);
	else if (IS("patience"))
		good = number_unsigned(value, 1, 1000000, &o->patience);
	else if (IS("pressure"))
		good = number_unsigned(value, 0, 4096, &o->pressure);
	else if (IS("self-test"))
		good = one_of(value, self_tests, &o->self_test);
	else {
		snprintf(why, size, "unknown option '%.*s' (cases, skip, list, cpus, seconds, patience, pressure, self-test, console, off)",
			 (int)length, word);
		return false;
	}
#undef IS
	if (!good)
		snprintf(why, size, "'%s' is no value for %.*s", value, (int)length, word);
	return good;
}
