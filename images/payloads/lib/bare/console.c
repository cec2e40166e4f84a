// SPDX-License-Identifier: GPL-2.0-only
/* What a program has to say. Runs on bare machines. */
#include "console.h"

void print(const char *text)
{
	while (*text)
		print_char(*text++);
}

const char *number_text(char digits[NUMBER_MOST], uint64_t value, unsigned base)
{
	char *at = digits + NUMBER_MOST - 1;

	*at = 0;
	do
		*--at = "0123456789abcdef"[value % base];
	while (value /= base);
	return at;
}

void print_number(uint64_t value, unsigned base)
{
	char digits[NUMBER_MOST];

	print(base == 16 ? "0x" : "");
	print(number_text(digits, value, base));
}
