/* SPDX-License-Identifier: GPL-2.0-only */
/* What a program has to say. Runs on bare machines. */
#ifndef NVH_BARE_CONSOLE_H
#define NVH_BARE_CONSOLE_H

#include <stdint.h>

void print_char(char c); /* of the program: plain.c, or a file of its own */
void print(const char *text);
#define NUMBER_MOST 24
/* The digits of `value`, which end in `digits`. */
const char *number_text(char digits[NUMBER_MOST], uint64_t value, unsigned base);
/* Base 10, or 16 with 0x in front. */
void print_number(uint64_t value, unsigned base);

#endif
