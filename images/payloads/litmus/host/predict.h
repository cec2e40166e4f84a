/* SPDX-License-Identifier: GPL-2.0-only */
/* --predict: the population of a machine with given features, without KVM. */
#ifndef NVH_LITMUS_HOST_PREDICT_H
#define NVH_LITMUS_HOST_PREDICT_H

#include "host/case.h"
#include "host/options.h"

/* An exit status. */
int predict(struct litmus *cases, size_t n, const struct options *o);

#endif
