/* SPDX-License-Identifier: GPL-2.0-only */
/* After mark_open() each end ("begin", "end") of a case is a mark in L0's trace. */
#ifndef NVH_LITMUS_HOST_MARK_H
#define NVH_LITMUS_HOST_MARK_H

#include "host/case.h"

bool mark_open(void);
void mark_case(const struct litmus *l, const char *end);

#endif
