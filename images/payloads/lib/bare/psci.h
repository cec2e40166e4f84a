/* SPDX-License-Identifier: GPL-2.0-only */
/* PSCI 1.1 over SMC, the conduit of a machine with EL2. Runs on bare machines. */
#ifndef NVH_BARE_PSCI_H
#define NVH_BARE_PSCI_H

#include <stdint.h>

/* CPU_ON of PE `index` (board.h), at _start; 0, or an error as PSCI numbers them. */
int64_t psci_start(uint64_t index);
/* AFFINITY_INFO of PE `index`: 0 on, 1 off, 2 on its way. */
int64_t psci_affinity(uint64_t index);
/* CPU_OFF: this PE ends here. */
void psci_leave(void) __attribute__((noreturn));
/* The whole machine's end. */
void psci_off(void) __attribute__((noreturn));

#endif
