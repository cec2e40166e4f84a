/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit statuses of nvh-litmus and nvh-bare. */
#ifndef NVH_LITMUS_HOST_EXITS_H
#define NVH_LITMUS_HOST_EXITS_H

/* EXIT_LOST: no case failed, and some are vacuous: their control was lost each time, so nothing can be said of them. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3, EXIT_LOST = 4 };

#endif
