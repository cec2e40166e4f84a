/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole reference; see each file. */
#ifndef NVH_ARCH_H
#define NVH_ARCH_H

#include "barrier.h"
#include "cover.h"
#include "permission.h"
#include "trap.h"

/* For people: "covers it", or why not. */
extern const char *const miss_text[MISSES];

#endif
