/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that C has no words for. All of them are in order with accesses to memory. Runs on bare machines. */
#ifndef NVH_BARE_SYSREG_H
#define NVH_BARE_SYSREG_H

#include <stdint.h>

#define MSR(name, value) __asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define MRS(name)                                                                                            \
	({                                                                                                   \
		uint64_t value_;                                                                             \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory");                                 \
		value_;                                                                                      \
	})
#define ISB() __asm__ volatile("isb" ::: "memory")
#define DSB(domain) __asm__ volatile("dsb " #domain ::: "memory")
/* PEs execute the instruction that was written at `at`, an address or a pointer. */
#define SYNC_CODE(at) __asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb" ::"r"(at) : "memory")
/* Between two looks at what another PE writes. Not WFE: QEMU 11.1 with a thread for each vCPU loses SEVs (docs/models.md). */
#define YIELD() __asm__ volatile("yield" ::: "memory")

#endif
