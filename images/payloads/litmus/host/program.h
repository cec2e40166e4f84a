/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs put together step by step: each appends one; the ones with a role also what its outcome has to be. */
#ifndef NVH_LITMUS_HOST_PROGRAM_H
#define NVH_LITMUS_HOST_PROGRAM_H

#include "host/case.h"
#include "host/value.h"
#include "shared/geometry.h"

/* mov x0, #result; ret */
#define CODE 0xd65f03c0d2824680
#define CODE_RESULT 0x1234
#define MORE_CODE 0xd65f03c0d2886420
#define MORE_CODE_RESULT 0x4321

struct step *add(struct litmus *l, unsigned cpu, enum step_kind kind);
/* What the first vCPU's program ends with so far, and the probe that was added last. */
static inline struct step *last_step(const struct litmus *l)
{
	return &l->vm->shared->program[0].step[l->steps[0] - 1];
}

static inline struct probe *last_probe(const struct litmus *l)
{
	return &l->probes[l->probe_count - 1];
}

void add_context(struct litmus *l, unsigned ctx, unsigned vmid, unsigned asid, bool s1_on, bool s2_on);
/* sl0 < 0: the one that fits */
void context_sizes(struct context *c, unsigned s2_bits, unsigned s1_bits, int sl0);
/* A context, added last, with a stage 2 of up to 48 bits; the VM has to have as many. */
void context_wide(struct litmus *l, unsigned ctx, unsigned bits);
/* The same context has TTBR1_EL1, too. */
void context_high(struct litmus *l, unsigned ctx);
void add_write(struct litmus *l, enum step_kind kind, unsigned ctx, uint64_t ia, uint64_t descriptor, unsigned level);
void add_poke(struct litmus *l, uint64_t pa, uint64_t value);
/* The same for code, CODE or MORE_CODE, which returns CODE_RESULT or MORE_CODE_RESULT. */
void add_code(struct litmus *l, uint64_t pa, uint64_t code);
void add_tlbi(struct litmus *l, unsigned ctx, unsigned op, uint64_t operand, uint32_t flags);
void add_access(struct litmus *l, unsigned ctx, enum access access, uint64_t va, bool el0, enum role role,
		uint64_t old, uint64_t now);
/* L2 writes `value`, without an exception. */
void add_store(struct litmus *l, unsigned ctx, uint64_t va, bool el0, uint64_t value);
/* CPU `cpu` reads `va` under `ctx` until add_stop(); add_sample() is what it sees. */
void add_spin(struct litmus *l, unsigned cpu, unsigned ctx, uint64_t va, enum spin_where where);
void add_sample(struct litmus *l, unsigned cpu, uint64_t va, enum role role, uint64_t old, uint64_t now);
void add_stop(struct litmus *l, unsigned cpu);
/* Ask the VMM for an action of host/{events,window,huge,migrate}.h; the second also expects this answer. */
void add_host(struct litmus *l, unsigned action, uint64_t argument);
void expect_host(struct litmus *l, unsigned action, uint64_t argument, uint64_t answer);
/* The last `count` accesses, READS_MAX reads at EL1 at most, in one entry into L2. */
void add_together(struct litmus *l, unsigned count);
void add_read(struct litmus *l, uint64_t va, enum role role, uint64_t old, uint64_t now);
/* Of the case's leaf, in bytes. */
uint64_t leaf_size(const struct litmus *l);
/* DS of the stage 1 that the case's operation is for: L2's, or vEL2's own. */
bool case_ds(const struct litmus *l);
/*
 * An operand for the leaf of l->level at `at`: an address in it, or the smallest range that holds it; with l->num the range of that
 * NUM and l->scale that ends with it.
 */
uint64_t operand_whole(const struct litmus *l, uint64_t at, unsigned asid, unsigned ttl_level);
/* Whether the operation, executed on the PE that looks and under VMID, obliges the stage-2 leaf at `ipa`. */
bool stage2_obliged(const struct litmus *l, uint64_t operand, uint64_t ipa, unsigned level);
/* AT under context `ctx`: PAR_EL1, less its attributes, is `par`. */
void add_at(struct litmus *l, unsigned ctx, enum at_operation op, uint64_t va, uint64_t par);
/* vEL2 or L2 executes an instruction that may raise an exception, X1 being `x1`; `flags` of STEP_SYS. */
struct probe *add_sys(struct litmus *l, enum sys_at where, uint64_t word, uint64_t x1, uint32_t flags, enum role role,
		      uint64_t now);
struct probe *add_probe(struct litmus *l, unsigned cpu, unsigned step, enum role role);
uint64_t leaf_s2(uint64_t pa, unsigned level, uint64_t permissions);
uint64_t leaf_s1(uint64_t pa, unsigned level, uint64_t more);
/*
 * IPA of the first of `leaves` leaves at `level`, aligned to a leaf, that no recent case used. VMIDs are not
 * fresh: another one makes KVM recycle a shadow context, which on 7.3 takes a minute (docs/litmus.md).
 */
uint64_t fresh_ipa(unsigned shift, unsigned level, unsigned leaves);
#define FAR_IPA 0x200000000000 /* within 48 bits, and a multiple of what any table covers; none of those */
/* Unmap `count` leaves from `ipa` on and have them forgotten, for the next case's sake. */
void add_cleanup(struct litmus *l, unsigned ctx, uint64_t ipa, unsigned level, unsigned count);
/* struct litmus.place: by TTBR0, by TTBR1, and the last leaf of the address space. */
enum place { PLACE_LOW, PLACE_HIGH, PLACE_LAST, PLACES };
extern const char *const place_words[PLACES];
/* `low`, or the same in the high half of an input size of `bits`, or the last leaf. */
uint64_t place_va(const struct litmus *l, uint64_t low, unsigned bits);
unsigned op_named(const char *name);
const char *granule_word(unsigned shift);
const char *size_word(uint64_t bytes);

#endif
