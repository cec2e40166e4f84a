/* SPDX-License-Identifier: GPL-2.0-only */
/* A PE of a program at EL2 (or vEL2), by TPIDR_EL2: how it starts, goes below EL2 and comes back. Runs on bare machines. */
#ifndef NVH_BARE_PE_H
#define NVH_BARE_PE_H

#define PES_MAX 4
#define PE_STACK 0x4000

/* Offsets in struct pe, for start.S. */
#define PE_X 0
#define PE_ELR 64
#define PE_SPSR 72
#define PE_ESR 80
#define PE_FAR 88
#define PE_HPFAR 96
#define PE_SP 104
#define PE_GUARD 112
#define PE_TOOK 120
#define PE_INDEX 128
#define PE_BELOW 136
#define PE_SIZE 144

/* struct pe.took: by which vector, that of SP_EL0 or of SP_EL2. */
#define PE_TOOK_SPX 1
#define PE_TOOK_SP0 2

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pe {
	uint64_t x[8];
	uint64_t elr, spsr, esr, far, hpfar, sp;
	uint64_t guard; /* an exception at EL2 is expected, and left for the next instruction (1) or for this address */
	uint64_t took; /* there was one (PE_TOOK_*), with esr and far */
	uint64_t index;
	uint64_t below; /* SCTLR_EL2 below EL2, for pe_enter(); 0: as it is */
};
_Static_assert(offsetof(struct pe, elr) == PE_ELR && offsetof(struct pe, spsr) == PE_SPSR &&
		       offsetof(struct pe, esr) == PE_ESR && offsetof(struct pe, far) == PE_FAR &&
		       offsetof(struct pe, hpfar) == PE_HPFAR && offsetof(struct pe, sp) == PE_SP &&
		       offsetof(struct pe, guard) == PE_GUARD && offsetof(struct pe, took) == PE_TOOK &&
		       offsetof(struct pe, index) == PE_INDEX && offsetof(struct pe, below) == PE_BELOW &&
		       sizeof(struct pe) == PE_SIZE,
	       "struct pe and the offsets above");

extern struct pe pes[PES_MAX];

/* ---- start.S ---- */
extern const uint8_t _start[]; /* with X0 = index: for PSCI CPU_ON, too */
/* Below EL2 at pe->elr with pe->spsr and pe->x; comes back with the next exception to EL2, which is in *pe. */
void pe_enter(struct pe *pe);

/* For pe->elr, where PSTATE.IL is expected after pe_enter(): guarded. */
extern const uint8_t pe_illegal[];

/* ---- the program ---- */
void pe_main(uint64_t index);
/* An exception of EL2 itself that was not expected. */
void pe_fatal(uint64_t esr, uint64_t elr, uint64_t far);

/* One load by EL2 itself; false when it raised an exception, of which pe->esr and pe->far tell. */
static inline bool pe_load(struct pe *pe, uint64_t va, uint64_t *value)
{
	*value = 0;
	pe->took = 0;
	pe->guard = 1;
	__asm__ volatile("ldr %0, [%1]" : "+r"(*value) : "r"(va) : "x16", "x17", "memory"); /* the handler's registers */
	pe->guard = 0;
	return !pe->took;
}
#endif
#endif
