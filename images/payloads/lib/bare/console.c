// SPDX-License-Identifier: GPL-2.0-only
/* What a program has to say. Runs on bare machines. */
#include "console.h"

void print(const char *text)
{
	while (*text)
		print_char(*text++);
}

void print_number(uint64_t value, unsigned base)
{
	char digits[24], *at = digits + 23;

	*at = 0;
	do
		*--at = "0123456789abcdef"[value % base];
	while (value /= base);
	print(base == 16 ? "0x" : "");
	print(at);
}
