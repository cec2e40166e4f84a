/* SPDX-License-Identifier: GPL-2.0-only */
/* `context` of a program: the registers with which L2 runs. */
#ifndef NVH_LITMUS_HOST_TEXT_CONTEXT_H
#define NVH_LITMUS_HOST_TEXT_CONTEXT_H

#include "host/text_words.h"

bool text_context(struct text *t, const struct line *line);

#endif
