/* SPDX-License-Identifier: GPL-2.0-only */
/* What the outcomes of a case mean. */
#ifndef NVH_LITMUS_HOST_JUDGE_H
#define NVH_LITMUS_HOST_JUDGE_H

#include "host/case.h"

void judge(const struct litmus *l, struct finding *f);
/* What judge() says of a case that passes at once, without running it. */
void foresee(const struct litmus *l, struct finding *f);

#endif
