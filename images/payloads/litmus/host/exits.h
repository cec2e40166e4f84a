/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit statuses of nvh-litmus and nvh-bare. */
#ifndef NVH_LITMUS_HOST_EXITS_H
#define NVH_LITMUS_HOST_EXITS_H

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3 };

#endif
