/* SPDX-License-Identifier: GPL-2.0-only */
/* How the model's judgement tells: inside model.c and model_walk.c only. */
#ifndef NVH_SANITIZER_MODEL_TELL_H
#define NVH_SANITIZER_MODEL_TELL_H

#include "judge.h"

#define MOST_OF_A_KIND 48

void model_tell(struct judge *judge, struct report *report);

#endif
