/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs as text (docs/hunt.md): one action a line, and what may be observed of it. */
#ifndef NVH_LITMUS_HOST_TEXT_H
#define NVH_LITMUS_HOST_TEXT_H

#include "host/text_words.h"

/* The line of a program, cut into words; `number` is its number. False: t->error says why. */
bool text_line(struct text *t, struct vm *vm, unsigned number, char **words, unsigned count, const char *allowed);

#endif
