/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU at vEL2, the memory it shares with the VMM, and the instructions that C has no words for. */
#ifndef NVH_LITMUS_GUEST_CPU_H
#define NVH_LITMUS_GUEST_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "bits.h"
#include "shared/shared.h"

/* Per vCPU, in TPIDR_EL2. The assembly knows the offsets. */
struct cpu {
	uint64_t x[8];
	uint64_t elr, spsr, esr, far, hpfar, sp;
	uint64_t guard, took;
	uint64_t index;
	uint64_t shift; /* granule of the tables that vEL2 runs with here */
};
_Static_assert(offsetof(struct cpu, elr) == CPU_ELR && offsetof(struct cpu, spsr) == CPU_SPSR &&
		       offsetof(struct cpu, esr) == CPU_ESR && offsetof(struct cpu, far) == CPU_FAR &&
		       offsetof(struct cpu, hpfar) == CPU_HPFAR && offsetof(struct cpu, sp) == CPU_SP &&
		       offsetof(struct cpu, guard) == CPU_GUARD && offsetof(struct cpu, took) == CPU_TOOK,
	       "struct cpu and the offsets in shared/shared.h");

static struct shared *const shared = (struct shared *)SHARED_PA;

#define read_sysreg(name)                                                                                    \
	({                                                                                                   \
		uint64_t v_;                                                                                 \
		__asm__ volatile("mrs %0, " #name : "=r"(v_));                                               \
		v_;                                                                                          \
	})
#define write_sysreg(name, value) __asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)))
#define mark(number) __asm__ volatile("movz xzr, #%0" ::"i"(number) : "memory")
#define barrier_ish() __asm__ volatile("dsb ish\n\tisb" ::: "memory")
/*
 * The n-th poll of another CPU, from 0. The first ones give way, for the model may run one CPU at a time and each is
 * answered soon. A long wait is for L0, by its clock; and a YIELD takes the model as long as thousands of other
 * instructions, each of which takes the clock on, so most polls of it do not.
 */
#define EAGER_POLLS 256u
#define POLLS_A_YIELD 1024u
#define give_way(n)                                                                                                   \
	do {                                                                                                          \
		if ((n) < EAGER_POLLS || !((n) % POLLS_A_YIELD))                                                      \
			__asm__ volatile("yield");                                                                    \
	} while (0)
#define barrier_ishst() __asm__ volatile("dsb ishst" ::: "memory")

#endif
