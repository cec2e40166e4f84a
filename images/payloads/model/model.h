/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bare-metal program that asks a hardware model one question after the other and compares each answer with the
 * architecture (DDI 0487 M.a.a). Two PEs at EL2 with E2H = 0 build tables, let code at EL1 and EL0 run, and look at
 * what it saw or which exception it took. No kernel and no hypervisor is involved. See main.c.
 */
#ifndef NVH_MODEL_H
#define NVH_MODEL_H

#include "below.h"
#include "board.h"
#include "console.h"
#include "psci.h"
#include "tables.h"
#include "trap.h"

#define BIT(n) (1ull << (n))
#define ISS2_DIRTY BIT(37) /* ESR_ELx.ISS2.DirtyBit */
#define BITS(value, high, low) ((uint64_t)(value) >> (low) & (BIT((high) - (low) + 1) - 1))
/* QEMU's board virt has its redistributors there; of other boards it is not known. */
#define BOARD_GICR (BOARD_UART == 0x09000000ull ? 0x080a0000ull : 0)
#define BOARD_GICR_STRIDE 0x20000ull
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- report.c ---- */
/* %s text, %d unsigned decimal, %x hexadecimal */
void say(const char *format, ...);
void group(const char *name);
void group_end(void);
void group_of_groups(const char *name); /* what other groups ask from here on is of this one; NULL: no more */
void skip(const char *name, const char *why);
/* One comparison. ``rule``: what the architecture says; the rest names the case, formatted as ``say`` does. */
void expect(uint64_t required, uint64_t seen, const char *what, const char *rule, const char *format, ...);

/* ---- machine.c: two PEs ---- */
#define PES 2
/* What the code below EL2 came to. */
enum came { DONE, TO_EL1, TO_EL2, TO_EL2_AT_EL2 }; /* a PE that does not come back is told of by itself: watch.c */
struct answer {
	enum came came;
	uint64_t x0, esr, far, hpfar, elr;
};
extern bool below_vhe; /* HCR_EL2.E2H is 1 while code runs below EL2 and while AT is executed, as a host with VHE has it */
void second_begin(void) __attribute__((noreturn));
/* Run ``pc`` below EL2 on PE ``number`` with the registers of the current space. */
struct answer below(unsigned number, bool el0, const void *pc, uint64_t x0, uint64_t x1);
/* On PE 0, in the state that ``spsr`` says. */
struct answer below_with(uint64_t spsr, const void *pc, uint64_t x0, uint64_t x1);
/* The same with a single instruction of our choice that takes its operand from x1 and leaves its result there. */
struct answer below_instruction(unsigned number, bool el0, uint32_t word, uint64_t x1);
/* One instruction at EL2. */
struct answer at_el2(unsigned number, uint32_t word, uint64_t x1);
/* MRS or MSR by the register's name, and a system instruction, which is one that writes with op0 1; with X1 or X`rt`. */
#define ACCESS_OF(op0, op1, crn, crm, op2, read, rt)                                            \
	(0xd5000000u | (uint32_t)(read) << 21 | (uint32_t)(op0) << 19 | (uint32_t)(op1) << 16 | \
	 (uint32_t)(crn) << 12 | (uint32_t)(crm) << 8 | (uint32_t)(op2) << 5 | (uint32_t)(rt))
#define ACCESS(op0, op1, crn, crm, op2, read) ACCESS_OF(op0, op1, crn, crm, op2, read, 1)
/* AT with X1 as the address (C5.4), as the access that it stands for. */
#define AT(op1, crm, op2) ACCESS(1, op1, 7, crm, op2, 0)
#define AT_S1E1(el0, write) AT(0, 8, ((el0) ? 2 : 0) + (write))
#define AT_S12E1(el0, write) AT(4, 8, ((el0) ? 6 : 4) + (write))
#define AT_S1E2(write) AT(4, 8, write)
#define AT_S1E1P(write) AT(0, 9, write)
#define AT_S1E1A AT(0, 9, 2)
#define AT_S1E2A AT(4, 9, 2)
uint64_t translated(uint32_t at, uint64_t va); /* by EL2 of PE 0, with the registers as they are: PAR_EL1 */
/* PSTATE.PAN of EL2 itself. */
static inline void set_pan(bool on)
{
	if (on)
		__asm__ volatile(".inst 0xd500419f" ::: "memory"); /* MSR PAN, #1 */
	else
		__asm__ volatile(".inst 0xd500409f" ::: "memory");
}

/* ---- watch.c: what does not come back ---- */
void watch_begin(unsigned number); /* on each PE */
uint64_t watch_hcr(void); /* bits of HCR_EL2 that the watch needs below EL2 */
void watched_enter(unsigned number); /* pe_enter() of this PE; ESR is all ones when it did not come back */
uint64_t watch_now(void);
uint64_t watch_limit(void); /* of a stay below EL2, in ticks of the counter; 0: none */
bool watch_is_over(uint64_t since); /* nobody may take that long to answer */
void watch_lose(unsigned number); /* it gave no answer */
bool watch_is_late(void);
bool watch_took(unsigned number, uint64_t *pc); /* an interrupt that was to come to EL2, which is not late then */
void watch_tell(void); /* who it was, behind the question's name; ends the program */
void watch_end(void); /* tell the longest stay below EL2 */

/* ---- victim.S: code that runs below EL2 ---- */
extern const uint8_t victim_read[], victim_write[], victim_call[], victim_sweep[], victim_buffer[];

/* ---- tables.c ---- */
struct geometry {
	unsigned shift, size, start; /* of a page; bits of input address; level of the root */
	bool stage2, ds;
};
struct geometry geometry(unsigned shift, unsigned size, bool stage2, bool ds);
unsigned shift_of(const struct geometry *g, unsigned level);
bool block_allowed(const struct geometry *g, unsigned level);
void tables_reset(void);
uint64_t *table_new(void); /* of the largest size */
uint64_t *root_new(const struct geometry *g); /* tables that stand side by side included */
/* The descriptor of ``address`` at ``level`` below ``root``; tables are made on the way. */
uint64_t *entry_of(const struct geometry *g, uint64_t *root, uint64_t address, unsigned level);
uint64_t leaf(const struct geometry *g, unsigned level, uint64_t output, uint64_t attributes);
/* Bits 51:48 of an output as a descriptor has them: in 15:12 with 64 KB, in 49:48 and 9:8 with DS. */
uint64_t high_bits(unsigned shift, uint64_t output);
void set(uint64_t *descriptor, uint64_t value); /* with DSB ISH */
/*
 * RAM as it is, in leaves of level 2, but with 4 KB granule the code, and with ``data`` what EL2 has beside it, is in pages: for an
 * operation on any address between two large leaves a model may empty all of its TLB (QEMU does, accel/tcg/cputlb.c), which
 * would hide what the operation names.
 */
void map_ram(const struct geometry *g, uint64_t *root, uint64_t attributes, bool data);
void code_read_only(const struct geometry *g, uint64_t *root); /* 4 KB granule; map_ram() undoes it */
#define RAM_SIZE 0x40000000ull
extern const uint8_t text_end[];

#define S2_RW (PTE_S2_R | PTE_S2_W)

/* ---- space.c: an EL1&0 regime with both stages; the program itself is mapped as it is ---- */
struct space {
	struct geometry s1, s2;
	uint64_t *low, *high, *ipa; /* roots: TTBR0_EL1, TTBR1_EL1, VTTBR_EL2 */
	bool s1_on, s2_on;
	bool ee2; /* SCTLR_EL2.EE below EL2: stage 2 has big-endian descriptors */
	bool unwatched; /* a physical interrupt goes to EL1: see watch.c */
	uint64_t tcr, vtcr, hcr, ttbr0, ttbr1, vttbr, hfgitr;
	uint64_t sctlr, sctlr_off; /* bits of SCTLR_EL1 beside those of space_load(), and those that are 0 */
	uint64_t mair, pstate; /* bits of SPSR_EL2 for EL1 beside those of its mode */
};
extern struct space space;
void space_new(unsigned shift, unsigned vmid, unsigned asid, bool s1_on, bool s2_on, bool ds);
void space_load(void); /* on this PE */
/* Another stage 2 for it: ``size`` bits of IPA from level ``start`` on, in 2^n tables side by side. */
void space_stage2(unsigned size, unsigned start);
/*
 * Another half of stage 1, with granule and size of its own; the lower one holds the program. Returns the root, with which
 * ``g`` goes; ``map_s1`` does not know it.
 */
uint64_t *space_half(bool high, unsigned shift, unsigned size, struct geometry *g);
/* Map one leaf; the address may be of the high half at stage 1. Returns the descriptor. */
uint64_t *map_s1(uint64_t va, unsigned level, uint64_t ipa, uint64_t attributes);
uint64_t *map_s2(uint64_t ipa, unsigned level, uint64_t pa, uint64_t attributes);
uint64_t *descriptor_s1(uint64_t va, unsigned level);
uint64_t *descriptor_s2(uint64_t ipa, unsigned level);
#define HIGH 0xffff000000000000ull /* the half of TTBR1_EL1; both have 48 bits */
void forget(void); /* every TLB entry of every PE */

#define A_VALUE 0xaaull
#define B_VALUE 0xbbull
extern uint8_t page_a[], page_b[]; /* 64 KB of the value each; code that returns it at CODE_OFFSET */
/*
 * The IPA of one of them, behind which stage 2 has pages and no block: a model may take a translation for as large as
 * the larger of its two leaves, and then empties more of its TLB than an operation asks for.
 */
uint64_t ipa_of(const uint8_t *page);
#define CODE_OFFSET 0x800
void pages_fill(void);

/* ---- features.c ---- */
struct features {
	unsigned pa_bits, vmid_bits, asid_bits;
	bool granule[3], lpa2[3]; /* 4, 16 and 64 KB; both stages */
	bool tlbios, range, xs, ttl, nv, nv2, fgt, hafdbs_a, hafdbs_d, vhe, pan, pan2, pan3, hcx, ras, hpds, e0pd, evt, lva, fwb, bti, gic, cnp, ecv, sve, sme, pauth, lor, scxt, pmu, uao, ecv2;
	bool s1pie, s2pie, gcs, aie, asid2, ats1a, lse, dpb, mixed_endian, tcr2, sctlr2, dit, ssbs, nmi, ttst;
};
extern struct features features;
/* NULL: nothing is needed. */
static inline bool has(const bool *feature)
{
	return !feature || *feature;
}
void features_read(void);
static inline unsigned granule_number(unsigned shift) { return shift == 12 ? 0 : shift == 14 ? 1 : 2; }
/* Whether descriptors of the granule may have outputs of 52 bits: by FEAT_LPA with 64 KB, else by DS. */
static inline bool wide_outputs(unsigned shift)
{
	return features.granule[granule_number(shift)] && features.pa_bits == 52 &&
	       (shift == 16 || features.lpa2[granule_number(shift)]);
}

/* ---- operations.c: what this model has of images/tlbi.csv, by the reference in ../arch ---- */
bool is_implemented(const struct operation *op);
bool is_of_stage2(const struct operation *op); /* IPAS2, RIPAS2, VMALLS12E1, ALLE1 */
bool is_of_el2(const struct operation *op);
uint32_t word_of(const struct operation *op, unsigned rt); /* the instruction */
void execute(const struct operation *op, uint64_t operand); /* at EL2, with DSB ISH and ISB behind */
/* The same by PE ``number``, which has the registers of the space then. */
void execute_on(unsigned number, const struct operation *op, uint64_t operand);
/* An operand without range that is for ``address``; ``level`` of the hint, 0: none. */
uint64_t operand_for(const struct operation *op, unsigned shift, uint64_t address, unsigned asid, unsigned level);
uint64_t range_for(const struct operation *op, unsigned shift, bool ds, uint64_t base, unsigned scale, unsigned num,
		   unsigned asid);

/* ---- cases ---- */
/* An answer that must be a value: what it was instead stands in the message. */
#define CHECK_VALUE(a, value, rule, ...)                                                                     \
	do {                                                                                                 \
		struct answer a_ = (a);                                                                      \
		expect(value, a_.came == DONE ? a_.x0 : a_.esr,                                              \
		       a_.came == DONE ? "value" : a_.came == TO_EL1 ? "value, got ESR_EL1" : "value, got ESR_EL2", rule, \
		       __VA_ARGS__);                                                                         \
	} while (0)
/* An answer that must be an exception to ``level`` with these bits of its syndrome. */
#define CHECK_ESR(a, level, bits, wanted, rule, ...)                                                         \
	do {                                                                                                 \
		struct answer a_ = (a);                                                                      \
		enum came level_ = (level);                                                                  \
		expect((wanted), a_.came == level_ ? a_.esr & (bits) : a_.came == DONE ? ~0ull : a_.esr | BIT(63), \
		       a_.came == level_ ? "ESR" : a_.came == DONE ? "ESR, got no exception" :               \
		       "ESR, got an exception to another level", rule, __VA_ARGS__);                         \
	} while (0)
enum fault { ADDRESS_SIZE = 0, TRANSLATION = 4, ACCESS_FLAG = 8, PERMISSION = 12 };
enum access { READ, WRITE, EXECUTE };
extern const char *const access_names[];
struct answer touch(unsigned pe, bool el0, enum access access, uint64_t address);
void sweep(unsigned pe, unsigned pages); /* use so many other pages first: a model's TLB may grow with use */
uint64_t abort_class(enum access access, bool same_el); /* ESR_ELx.EC, in place */
uint64_t trap_syndrome(uint32_t word); /* ESR_ELx of a trapped MSR, MRS or system instruction */
uint64_t step(unsigned shift); /* an offset in a page, above 4 KB where the page is larger */

void check_faults(void);
void check_permissions(void);
void check_walks(void);
void check_leaves(void);
void check_ranges(void);
void check_tags(void);
void check_translate(void);
void check_traps(void);
void check_nested(void);
void check_flags(void);
void check_syndromes(void);
void check_controls(void);
void check_sizes(void);
void check_attributes(void);
void check_host(void);
void check_fine(void);
void check_shapes(void);
void check_memory(void);
void check_redirected(void);
void check_el2(void);
void check_entries(void);
void check_interrupts(void);
void check_timers(void);
void check_aliases(void);
void check_corners(void);
void check_vhe(void);
void check_words(void);
void check_pstate(void);
void check_indirect(void);
void check_own(void);
void check_updates(void);
void check_recent(void);
void check_accesses(void);
void check_bits(void);
void check_routes(void);
void check_kept(void);
void check_wide(void);
void check_lower(void);
void check_vectors(void);
void check_debug(void);
void check_performance(void);
void check_guests(void);
void shapes_limits(void); /* part of it */
void indirect_stage2(void); /* part of it */
#endif
