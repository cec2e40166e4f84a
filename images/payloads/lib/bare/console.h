/* SPDX-License-Identifier: GPL-2.0-only */
/* The PL011 of QEMU's board virt. Runs on bare machines. */
#ifndef NVH_BARE_CONSOLE_H
#define NVH_BARE_CONSOLE_H

#include <stdint.h>

void print_char(char c);
void print(const char *text);
/* Base 10, or 16 with 0x in front. */
void print_number(uint64_t value, unsigned base);

#endif
