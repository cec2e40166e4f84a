/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine that is saved while everything is under way (main.c). Runs at EL2 on the bare model. */
#ifndef NVH_LIVE_H
#define NVH_LIVE_H

#include "bits.h"
#include "pe.h"
#include "sysreg.h"

#define DIRECTOR 1 /* the PE that leads, prints, and has an IRQ and a virtual IRQ that are not taken */
#define FAST 0 /* has an FIQ, a virtual FIQ and a virtual SError */
#define OFF 2 /* is off while the others wait */
#define SLEEPER 3 /* waits with WFIT, and then with WFI */
#define PES 4
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define BIT(n) (1ull << (n))
#define BITS(value, high, low) ((value) >> (low) & (~0ull >> (63 - (high) + (low))))

/* SGIs, and PPIs of QEMU's board virt. */
#define SGI_IRQ 8
#define SGI_FIQ 9
#define PPI_PMU 23
#define PPI_HYP 26
#define PPI_VIRTUAL 27
#define PPI_HYP_VIRTUAL 28
#define PPI_PHYSICAL 30
#define PPIS_OF_TIMERS (BIT(PPI_HYP) | BIT(PPI_VIRTUAL) | BIT(PPI_HYP_VIRTUAL) | BIT(PPI_PHYSICAL))

struct features {
	bool gic, vhe, pmu, ras, wfxt;
	unsigned breakpoints, watchpoints;
};
extern struct features features;

/* What `name`, with its number if that is not negative, of `pe` came to; a difference is kept for the director to print. */
void expect(uint64_t pe, uint64_t required, uint64_t seen, const char *what, const char *rule, const char *name,
	    int64_t number);
/* Below EL2 at `at` with these masks of PSTATE.DAIF and X1: ESR_EL2, or one of TOOK_*. */
uint64_t below(struct pe *pe, const void *at, uint64_t masks, uint64_t x1);
#define TOOK_IRQ BIT(32)
#define TOOK_FIQ BIT(33)
#define TOOK_SERROR BIT(34)

/* ---- gic.c ---- */
void gic_fill(void); /* once, by the director: the distributor and each redistributor */
void gic_prepare(uint64_t pe); /* once, by each PE: its CPU interface */
void gic_signal(uint64_t pe); /* again each time: the interrupt that this PE does not take */
void gic_look(uint64_t pe, bool first); /* the CPU interface; by the director also what is in memory */
/* It is still signalled; again and again, as any other interrupt of this PE would have the GIC work that out anew. */
bool gic_watch(uint64_t pe);
void gic_taken(struct pe *pe);
uint32_t gic_pending(uint64_t pe); /* GICR_ISPENDR0 */

/* ---- vectors.S ---- */
extern const uint8_t live_vectors[], live_nop[], live_isr[], live_load[], live_targets[];
#define TARGET_SIZE 8 /* of live_targets, of which there are 16 */

#endif
