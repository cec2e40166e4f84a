/* SPDX-License-Identifier: GPL-2.0-only */
/* The selected cases, one after the other, and what is printed about them. */
#ifndef NVH_LITMUS_HOST_LOOP_H
#define NVH_LITMUS_HOST_LOOP_H

#include "host/case.h"
#include "host/options.h"

const char *operation_word(const struct litmus *l);
/* An exit status. */
int run_all(struct litmus *cases, size_t n, const struct options *o);

#endif
