/* SPDX-License-Identifier: GPL-2.0-only */
/* What a step of a program found, as one word. */
#ifndef NVH_LITMUS_HOST_OBSERVE_H
#define NVH_LITMUS_HOST_OBSERVE_H

#include "host/text_words.h"

void observation(const struct text *t, const struct watch *w, const struct outcome *o, char *out, size_t size);
bool observation_allowed(const char *allowed, const char *seen);

#endif
