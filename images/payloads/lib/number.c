// SPDX-License-Identifier: GPL-2.0-only
/* Numbers in text: digits and nothing else. Runs everywhere. */
#include "number.h"

static bool digit(char c, unsigned base, unsigned *value)
{
	if (c >= '0' && c <= '9')
		*value = (unsigned)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*value = (unsigned)(c - 'a') + 10;
	else if (c >= 'A' && c <= 'F')
		*value = (unsigned)(c - 'A') + 10;
	else
		return false;
	return *value < base;
}

const char *number_read(const char *text, unsigned base, uint64_t *value)
{
	bool prefix = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned next;
	uint64_t sum = 0;

	if (prefix && base != 10) {
		base = 16;
		text += 2;
	} else if (!base) {
		base = 10;
		if (text[0] == '0' && digit(text[1], base, &next))
			return NULL;
	}
	if (!digit(*text, base, &next))
		return NULL;
	for (; digit(*text, base, &next); text++)
		if (__builtin_mul_overflow(sum, (uint64_t)base, &sum) || __builtin_add_overflow(sum, (uint64_t)next, &sum))
			return NULL;
	*value = sum;
	return text;
}

bool number_parse(const char *text, unsigned base, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t found;
	const char *rest = number_read(text, base, &found);

	if (!rest || *rest || found < min || found > max)
		return false;
	*value = found;
	return true;
}

bool number_unsigned(const char *text, unsigned min, unsigned max, unsigned *value)
{
	uint64_t found;

	if (!number_parse(text, 10, min, max, &found))
		return false;
	*value = (unsigned)found;
	return true;
}
