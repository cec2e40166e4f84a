/* SPDX-License-Identifier: GPL-2.0-only */
/* A program's first line. */
#ifndef NVH_LITMUS_HOST_TEXT_HEAD_H
#define NVH_LITMUS_HOST_TEXT_HEAD_H

#include "host/text_words.h"

/* The line, cut into words. False: t->error says why. */
bool text_begin(struct text *t, char **words, unsigned count);
/* Between text_begin() and the first text_line(). */
void text_start(struct text *t, struct vm *vm);

#endif
