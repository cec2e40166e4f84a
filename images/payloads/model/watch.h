/* SPDX-License-Identifier: GPL-2.0-only */
/* Offsets in struct watch, for watch.S. Runs on the bare model. */
#ifndef NVH_MODEL_WATCH_H
#define NVH_MODEL_WATCH_H

#define WATCH_LATE 0
#define WATCH_PC 8
#define WATCH_SPSR 16
#define WATCH_SIZE 24

#endif
