// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: a plugin's options. strtoull() would tie the plugin to the C library of the
 * machine that compiled it (__isoc23_strtoull since 2.38), and the model brings an older or newer one.
 */
#include <string.h>

#include "plugin.h"

const char *nvh_value(const char *option, const char *key)
{
	size_t length = strlen(key);

	return !strncmp(option, key, length) && option[length] == '=' ? option + length + 1 : NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

bool nvh_number(const char *text, char end, uint64_t *value, const char **rest)
{
	int base = text[0] == '0' && text[1] == 'x' ? 16 : 10;

	text += base == 16 ? 2 : 0;
	*value = 0;
	if (digit(*text) >= base)
		return false;
	for (; digit(*text) < base; text++) {
		if (*value > (UINT64_MAX - digit(*text)) / base)
			return false;
		*value = *value * base + digit(*text);
	}
	if (*text != end)
		return false;
	if (rest)
		*rest = end ? text + 1 : text;
	return true;
}
