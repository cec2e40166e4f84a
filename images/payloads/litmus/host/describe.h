/* SPDX-License-Identifier: GPL-2.0-only */
/* --describe: one line of key=value words. */
#ifndef NVH_LITMUS_HOST_DESCRIBE_H
#define NVH_LITMUS_HOST_DESCRIBE_H

#include "host/case.h"

void describe(const struct litmus *l);

#endif
