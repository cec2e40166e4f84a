/* SPDX-License-Identifier: GPL-2.0-only */
/* STEP_LOOSE for the looks that are L1's own affair. */
#ifndef NVH_LITMUS_HOST_LOOSE_H
#define NVH_LITMUS_HOST_LOOSE_H

#include "host/case.h"

/* Whether all of the case is. */
bool loosen(const struct litmus *l);

#endif
