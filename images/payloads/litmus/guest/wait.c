// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first polls give way, for the model may run one CPU at a time and each is answered soon. A long wait is for L0, by
 * its clock: what matters then is what the model needs for the time that passes. A YIELD takes it as long as thousands
 * of other instructions, and a plugin is called for each block of instructions and each load: so most polls are followed by
 * one long block that touches nothing.
 */
#include "guest/wait.h"

#define EAGER_POLLS 256
#define POLLS_A_YIELD 16

void give_way(unsigned n)
{
	if (n < EAGER_POLLS || !(n % POLLS_A_YIELD))
		__asm__ volatile("yield" ::: "memory");
	else
		__asm__ volatile(".rept 500\n\tnop\n\t.endr" ::: "memory");
}
