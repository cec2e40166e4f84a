// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: a plugin's options. */
#include <string.h>

#include "number.h"
#include "plugin.h"

const char *nvh_value(const char *option, const char *key)
{
	size_t length = strlen(key);

	return !strncmp(option, key, length) && option[length] == '=' ? option + length + 1 : NULL;
}

bool nvh_number(const char *value, uint64_t *number)
{
	return number_parse(value, 0, 0, UINT64_MAX, number);
}

bool nvh_options(const char *plugin, int argc, char **argv, bool (*take)(const char *option))
{
	for (int i = 0; i < argc; i++)
		if (!take(argv[i])) {
			nvh_say(plugin, "unknown or malformed option '%s'", argv[i]);
			return false;
		}
	return true;
}
