/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers in text. Runs everywhere, QEMU included: strtoull() would tie a plugin to the C library of the machine that
 * compiled it (__isoc23_strtoull since 2.38), and takes "-1", blanks in front and what comes behind.
 */
#ifndef NVH_NUMBER_H
#define NVH_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the digits at the beginning of `text`. Base 10; base 16, with or without 0x; base 0: 16 with 0x, else 10, where
 * a 0 in front of another digit is refused, since C would take it for octal. Returns what follows the last digit; NULL
 * without a digit, or when the number does not fit in 64 bits.
 */
const char *number_read(const char *text, unsigned base, uint64_t *value);

/* Whether all of `text` is a number from `min` to `max`. `value` is written only then. */
bool number_parse(const char *text, unsigned base, uint64_t min, uint64_t max, uint64_t *value);

/* The same for a variable of type unsigned. */
bool number_unsigned(const char *text, unsigned min, unsigned max, unsigned *value);

#endif
