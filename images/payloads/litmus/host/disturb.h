/* SPDX-License-Identifier: GPL-2.0-only */
/* What goes on beside a program until disturb_stop(), which says how often it happened. */
#ifndef NVH_LITMUS_HOST_DISTURB_H
#define NVH_LITMUS_HOST_DISTURB_H

#include "host/case.h"

const char *disturb_word(enum disturb kind);
bool disturb_start(struct vm *vm, enum disturb kind);
uint64_t disturb_stop(struct vm *vm);

#endif
