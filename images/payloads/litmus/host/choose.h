/* SPDX-License-Identifier: GPL-2.0-only */
/* --cases FILE. */
#ifndef NVH_LITMUS_HOST_CHOOSE_H
#define NVH_LITMUS_HOST_CHOOSE_H

#include "host/case.h"

/* The cases whose names FILE has, a name a line, in the file's order; -1 with a message on stderr. */
long choose(const char *path, struct litmus *cases, size_t count);

#endif
