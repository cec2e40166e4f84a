/* SPDX-License-Identifier: GPL-2.0-only */
/* What a program puts into memory: descriptors and data. */
#ifndef NVH_LITMUS_HOST_TEXT_MEMORY_H
#define NVH_LITMUS_HOST_TEXT_MEMORY_H

#include "host/text_words.h"

bool text_map(struct text *t, const struct line *line);
bool text_frames(struct text *t, const struct line *line);
bool text_poke(struct text *t, const struct line *line);

#endif
