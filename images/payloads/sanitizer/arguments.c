// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: -plugin nvh-sanitizer.so,out=FILE,ram=BYTES[,KEY=VALUE...] */
#include <string.h>

#include "sanitizer.h"

static bool option(const char *text, struct options *options)
{
	const struct {
		const char *key;
		uint64_t *value;
	} numbers[] = {
		{ "ram", &options->ram },	  { "base", &options->base },	    { "max", &options->max },
		{ "leave-out", &options->leave_out }, { "entries", &options->entries },
	};
	const struct {
		const char *key;
		bool *value;
	} switches[] = { { "el2", &options->el2 }, { "model", &options->model }, { "parallel", &options->parallel } };
	const char *value = nvh_value(text, "out");

	if (value) {
		options->out = value;
		return true;
	}
	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++) {
		value = nvh_value(text, switches[i].key);
		if (value && (!strcmp(value, "on") || !strcmp(value, "off"))) {
			*switches[i].value = !strcmp(value, "on");
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		value = nvh_value(text, numbers[i].key);
		if (value)
			return nvh_number(value, numbers[i].value);
	}
	return false;
}

bool options_parse(int argc, char **argv, struct options *options)
{
	/* 0x40000000: where hw/arm/virt.c has RAM */
	*options = (struct options){ .base = 0x40000000, .max = 200, .entries = 1 << 21 };
	for (int i = 0; i < argc; i++)
		if (!option(argv[i], options)) {
			nvh_say(NAME, "unknown or malformed option '%s'", argv[i]);
			return false;
		}
	if (!options->out || !options->ram) {
		nvh_say(NAME, "needs out=FILE and ram=BYTES");
		return false;
	}
	return true;
}
