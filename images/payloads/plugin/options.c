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
