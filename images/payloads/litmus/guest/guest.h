/* SPDX-License-Identifier: GPL-2.0-only */
/* The payload at vEL2. */
#ifndef NVH_LITMUS_GUEST_H
#define NVH_LITMUS_GUEST_H

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
	uint64_t tcr, low, high; /* of the tables that vEL2 runs with here */
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

/* guest/start.S */
void l2_run(struct cpu *cpu);
extern char l2_vectors[], l2_read[], l2_read_all[], l2_write[], l2_execute[], l2_spin[], l2_remap[], l2_tlbi_stubs[],
	l2_call[], l2_return[],
	l2_watch[], l2_remap_el0[], el0_read[], el0_execute[], l2_vncr_read[], l2_vncr_write[], l2_vncr_spin[], l2_spin_write[],
	l2_hang[], l2_sys[];

/* guest/tables.c: granules of 1 << shift bytes */
void tables_reset(void);
uint64_t tables_new(unsigned shift);
/* The descriptor of ia at `level`; tables on the way are made, or taken apart when a block is in the way. */
uint64_t *tables_slot(uint64_t root, struct shape shape, uint64_t ia, unsigned level);
/* vEL2's own, of every granule: everything flat in the low half, nothing in the high one, which only E2H has. */
void tables_vel2(bool e2h);
/* Those with TCR_EL2.DS have OA[51:50] where the others have the shareability (Arm ARM D8.3.2). */
uint64_t tables_vel2_root(unsigned shift, bool high, bool ds);
/* Of L2's stage 1: the root for this VA. */
uint64_t tables_stage1(const struct context *c, uint64_t va);
void zero(uint64_t at, uint64_t size);

/* guest/regime.c: run with shared->vel2_shift, vel2_tcr and vel2_ttbr from now on */
void regime_follow(struct cpu *cpu);
void regime_asid(uint64_t asid);

/* guest/tlbi.c */
void tlbi(unsigned op, uint64_t operand);
uint64_t tlbi_stub(unsigned op);

/* guest/l2.c */
void load_context(const struct context *c);
/* Reads by `s` and those after it, s->d in all, in one entry; false when one of them faults. */
bool step_l2_all(struct cpu *cpu, const struct step *s, struct outcome *o);
void step_l2(struct cpu *cpu, const struct step *s, struct outcome *o);
void step_l2_remap(struct cpu *cpu, const struct step *s, struct outcome *o);
/* L2 calls `stub`, DSB ISH, ISB. */
void step_l2_call(struct cpu *cpu, unsigned ctx, uint64_t stub, uint64_t x1, struct outcome *o);
void step_l2_tlbi(struct cpu *cpu, const struct step *s, struct outcome *o);

/* guest/step.c */
/* False when the read raised an exception: esr and far are in *cpu. */
bool guarded_read(struct cpu *cpu, uint64_t va, uint64_t *value);
void run_program(struct cpu *cpu, struct program *program);
void doorbell(uint64_t value);

/* guest/spin.c */
void step_spin(struct cpu *cpu, const struct step *s);
void step_start(const struct step *s, struct outcome *o);
void step_sample(const struct step *s, struct outcome *o);
void step_race(const struct step *s, struct outcome *o);

extern volatile struct spin spins[CPUS_MAX];
extern uint64_t spin_stop[CPUS_MAX];

#endif
