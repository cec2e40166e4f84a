// SPDX-License-Identifier: GPL-2.0
/*
 * L1 runs an L2 that is a hypervisor itself: HCR_EL2.{NV,NV2} = {1,1}, and L2's TPIDR_EL2 is a word of the page
 * that VNCR_EL2 names in vEL2's own regime, EL2&0 (Arm ARM D8.11). L0 cannot use L1's mapping: KVM keeps a software
 * TLB of one entry for each vCPU, which TLBIs of that regime and L0's MMU notifiers have to empty.
 *
 * vncr-*: {E2H,TGE} = {1,0} when the operation executes, vncr-tge-*: {1,1}.
 */
#include "host.h"

#include <stdio.h>

#define VICTIM 1
#define HCR_TGE (1ull << 27)
#define HCR_NV (1ull << 42)
#define HCR_NV2 (1ull << 45)
#define ASID_VEL2 0 /* as TTBR0_EL2 has it */
#define ASID_OTHER 0x16
#define PAGE 4096u
#define REGIONS 48 /* of 1 GiB each in vEL2's address space, used in turns */

enum { CTX_L2, CTX_TLBI, CTX_CLEANUP };
/* What the operation is given, against the entry of the page. */
enum { MATCHING, PART, OTHER_ASID, OTHER_ASID_GLOBAL, OTHER_VA, MATCHES };
static const char *const match_words[] = { "matching", "part", "other-asid", "other-asid-global", "other-va" };

static uint64_t fresh_va(void)
{
	static unsigned next;

	return E2_TEST_VA + ((uint64_t)(1 + next++ % REGIONS) << 30);
}

static uint64_t descriptor(const struct litmus *l, uint64_t pa, unsigned level)
{
	bool global = l->variant == OTHER_ASID_GLOBAL;

	return leaf_s1(pa, level, PTE_S1_PXN | PTE_S1_UXN | (global ? 0 : PTE_S1_NG));
}

/* An operation of vEL2 does not look at what L2's context is, but CTX_TLBI is the one with TGE. */
static void add_contexts(struct litmus *l, uint64_t vncr)
{
	struct context *c = l->vm->shared->context;

	for (unsigned ctx = CTX_L2; ctx <= CTX_CLEANUP; ctx++)
		add_context(l, ctx, VMID, 0, false, true);
	c[CTX_L2].hcr |= HCR_NV | HCR_NV2;
	c[CTX_L2].vncr = vncr;
	c[CTX_TLBI].hcr |= l->tge ? HCR_TGE : 0;
	c[CTX_CLEANUP].hcr |= HCR_TGE;
}

static void add_cleanup_of(struct litmus *l, uint64_t at)
{
	add_write(l, STEP_E2, 0, at, 0, 1);
	add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
}

static uint64_t operand_for(const struct litmus *l, uint64_t at)
{
	const struct operation *op = &operations[l->op];
	bool other = l->variant == OTHER_ASID || l->variant == OTHER_ASID_GLOBAL;
	bool asid = op->operand == VA || op->operand == VA_RANGE || op->operand == ASID;
	unsigned use = !asid ? 0 : other ? ASID_OTHER : ASID_VEL2;

	/* The block's last page and the one that follows the block. */
	if (l->variant == PART)
		return operand_range(at + leaf_size(l) - PAGE, l->shift, 0, 0, 0, use);
	if (l->variant == OTHER_VA)
		at += 4 * leaf_size(l);
	return operand_whole(l, at, use, l->hint ? l->level : 0);
}

static bool obliged(const struct litmus *l, uint64_t at, uint64_t operand)
{
	struct entry entry = { .stage = STAGE_1,
			       .regime = EL2,
			       .asid = ASID_VEL2,
			       .global = l->variant == OTHER_ASID_GLOBAL,
			       .start = at,
			       .size = leaf_size(l),
			       .shift = l->shift,
			       .level = l->level };
	struct state state = { .vmid = VMID, .e2h = 1, .tge = l->tge, .own_pe = l->own };

	return oracle_obliges(l->op, operand, &state, &entry);
}

static void look(struct litmus *l, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	if (l->own)
		add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, role, old, now);
	else
		add_sample(l, VICTIM, at, role, old, now);
}

static void build_read(struct litmus *l)
{
	uint64_t at = fresh_va(), operand = operand_for(l, at), other = DATA_PA + leaf_size(l);
	uint64_t old = value_at(DATA_PA), now = value_at(other);
	bool gone = obliged(l, at, operand);

	add_contexts(l, at);
	add_poke(l, DATA_PA + VNCR_TPIDR, old);
	add_poke(l, other + VNCR_TPIDR, now);
	add_write(l, STEP_E2, 0, at, descriptor(l, DATA_PA, l->level), l->level);
	if (!l->own)
		add_spin(l, VICTIM, CTX_L2, at, SPIN_L2_VNCR);
	look(l, at, ROLE_BEFORE, old, 0);
	add_write(l, STEP_E2, 0, at, 0, l->level);
	look(l, at, ROLE_STALE, old, 0);
	add_tlbi(l, CTX_TLBI, l->op, operand, STEP_UNDER_TEST);
	look(l, at, gone ? ROLE_GONE : ROLE_FREE, old, 0);
	add_write(l, STEP_E2, 0, at, descriptor(l, other, l->level), l->level);
	if (gone)
		look(l, at, ROLE_AFTER, old, now);
	if (!l->own)
		add_stop(l, VICTIM);
	add_cleanup_of(l, at);
}

static void add_vncr_write(struct litmus *l, uint64_t at, enum role role, uint64_t value)
{
	add_access(l, CTX_L2, ACCESS_VNCR_WRITE, at, false, role, 0, 0);
	l->vm->shared->program[0].step[l->steps[0] - 1].b = value;
}

/* Where L2's writes land: in the old page up to the operation, in the new one afterwards. */
static void build_write(struct litmus *l)
{
	uint64_t at = fresh_va(), other = DATA_PA + leaf_size(l);
	uint64_t was = DATA_PA + VNCR_TPIDR, is = other + VNCR_TPIDR;

	add_contexts(l, at);
	add_poke(l, was, 1);
	add_poke(l, is, 1);
	add_write(l, STEP_E2, 0, at, descriptor(l, DATA_PA, l->level), l->level);
	add_vncr_write(l, at, ROLE_DONE, 2);
	add_read(l, was, ROLE_BEFORE, 2, 0);
	add_write(l, STEP_E2, 0, at, 0, l->level);
	add_vncr_write(l, at, ROLE_FREE, 3);
	add_read(l, was, ROLE_STALE, 3, 2);
	add_tlbi(l, CTX_TLBI, l->op, operand_for(l, at), STEP_UNDER_TEST);
	add_vncr_write(l, at, ROLE_GONE, 4);
	add_write(l, STEP_E2, 0, at, descriptor(l, other, l->level), l->level);
	add_vncr_write(l, at, ROLE_DONE, 5);
	add_read(l, is, ROLE_AFTER, 1, 5);
	add_read(l, was, ROLE_AFTER, 5, 3);
	add_cleanup_of(l, at);
}

enum { DONTNEED, MOVE, DELETE, READ_ONLY, DIRTY, EVENTS };
static const char *const event_words[] = { "dontneed", "memslot-move", "memslot-delete", "memslot-read-only",
					   "dirty-log" };

/* L0's own events for the page behind VNCR_EL2, which may be mapped by no stage 2 at all. */
static void build_event(struct litmus *l)
{
	static const enum event_action actions[] = { EVENT_DONTNEED, EVENT_MOVE, EVENT_DELETE };
	uint64_t at = fresh_va(), page = 5 * PAGE, offset = page + VNCR_TPIDR;
	bool skip = l->vm->shared->skip;

	add_event(l, EVENT_SET_UP, offset);
	add_contexts(l, at);
	add_write(l, STEP_E2, 0, at, descriptor(l, EVENT_PA + page, 3), 3);
	look(l, at, ROLE_BEFORE, event_old(offset), 0);
	switch (l->variant) {
	case DONTNEED:
	case MOVE:
		if (!skip)
			add_event(l, actions[l->variant], offset);
		look(l, at, ROLE_AFTER, event_old(offset), event_new(offset));
		break;
	case DELETE:
		if (!skip)
			add_event(l, EVENT_DELETE, offset);
		look(l, at, ROLE_GONE, event_old(offset), 0);
		l->probes[l->probe_count - 1].fault = FAULT_EXTERNAL;
		break;
	case READ_ONLY: /* KVM: an External abort, for it has no better answer to a write */
		add_vncr_write(l, at, ROLE_DONE, event_old(offset));
		if (!skip)
			add_event(l, EVENT_READ_ONLY, offset);
		add_vncr_write(l, at, ROLE_GONE, 1);
		l->probes[l->probe_count - 1].fault = FAULT_EXTERNAL;
		look(l, at, ROLE_AFTER, 1, event_old(offset));
		break;
	case DIRTY:
		add_vncr_write(l, at, ROLE_DONE, 1);
		add_event(l, EVENT_DIRTY_ON, offset);
		expect_event(l, EVENT_DIRTY_READ, offset, 1);
		for (unsigned i = 0; i < 2; i++) {
			if (!skip)
				add_vncr_write(l, at, ROLE_DONE, 2 + i);
			expect_event(l, EVENT_DIRTY_READ, offset, 2);
		}
		break;
	}
	add_cleanup_of(l, at);
}

enum { SYNDROME_READ, SYNDROME_WRITE, SYNDROME_PERMISSION, SYNDROMES };
static const char *const syndrome_words[] = { "read", "write", "permission" };

/*
 * The abort that vEL2 takes for L2's access: EC 0x25, ISS.VNCR, WnR and DFSC (D24.2 ESR_EL2); FAR_EL2 is the address
 * of the access, BADDR and the register's offset (D8.11).
 */
static void build_syndrome(struct litmus *l)
{
	uint64_t at = fresh_va(), read_only = descriptor(l, DATA_PA, 3) | PTE_S1_RO;
	bool permission = l->variant == SYNDROME_PERMISSION, write = l->variant != SYNDROME_READ;
	struct probe *p;

	add_contexts(l, at);
	add_poke(l, DATA_PA + VNCR_TPIDR, value_at(DATA_PA));
	add_write(l, STEP_E2, 0, at, permission ? read_only : descriptor(l, DATA_PA, 3), 3);
	look(l, at, ROLE_BEFORE, value_at(DATA_PA), 0);
	/* --self-test: no fault, or another. */
	if (permission == l->vm->shared->skip) {
		add_write(l, STEP_E2, 0, at, 0, 3);
		add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
	}
	if (write)
		add_vncr_write(l, at, ROLE_GONE, 1);
	else
		look(l, at, ROLE_GONE, value_at(DATA_PA), 0);
	p = &l->probes[l->probe_count - 1];
	p->fault = permission ? FAULT_PERMISSION : FAULT_TRANSLATION;
	if (l->level) /* the case is about FAR_EL2 */
		p->far = at + VNCR_TPIDR;
	else
		p->esr = 0x25ull << 26 | 1 << 13 | (write ? 1 << 6 : 0) | (permission ? 0xf : 0x7);
	add_cleanup_of(l, at);
}

/* With HCR_EL2.NV the EL2 operations of L2 are for L1, which has to see them (D24.2 HCR_EL2.NV). */
static void build_trap(struct litmus *l)
{
	struct step *s;
	struct probe *p;

	add_contexts(l, fresh_va());
	s = add(l, 0, STEP_L2_TLBI);
	s->ctx = CTX_L2;
	s->op = l->op;
	s->flags = STEP_UNDER_TEST;
	p = add_probe(l, 0, l->steps[0] - 1, ROLE_TRAP);
	p->now = trap_syndrome(l->op);
}

static bool has_variant(const struct litmus *l)
{
	const struct operation *op = &operations[l->op];

	switch (l->variant) {
	case PART:
		return op->operand == VA_RANGE && l->level != 3;
	case OTHER_ASID:
		return op->family == vae1 || op->family == vae2 || op->family == aside1;
	case OTHER_ASID_GLOBAL:
		return op->family == vae1 || op->family == vae2;
	case OTHER_VA:
		return op->operand == VA || op->operand == VA_RANGE;
	default:
		return true;
	}
}

static void add_family(struct list *list, struct litmus l, const char *family)
{
	const struct operation *op = &operations[l.op];
	bool plain = op->operand == NONE || op->operand == ASID;

	for (l.level = 1; l.level <= 3; l.level++)
		for (l.variant = MATCHING; l.variant < MATCHES; l.variant++) {
			if (!has_variant(&l) || (l.variant > PART && l.level != 3))
				continue;
			for (l.hint = 0; l.hint < (plain || l.variant ? 1 : 2); l.hint++)
				list_add(list, &l, "vncr%s-%s/%s/%s/%s/%s", l.tge ? "-tge" : "", family, op->name,
					 size_word(leaf_size(&l)), match_words[l.variant],
					 l.hint ? "ttl" : "no-ttl");
		}
}

static void add_operation(struct list *list, struct litmus l)
{
	l.build = build_read;
	add_family(list, l, "remote");
	l.own = true;
	l.config.cpus = 1;
	add_family(list, l, "own");
	l.build = build_write;
	l.level = 3;
	list_add(list, &l, "vncr%s-write/%s", l.tge ? "-tge" : "", operations[l.op].name);
}

static void add_trap(struct list *list, struct litmus l)
{
	const struct operation *op = &operations[l.op];

	l.build = build_trap;
	l.config.cpus = 1;
	l.regime = op->family == ipas2e1 || op->family == vmalls12e1 || op->family == alle1 ? "el1&0-stage2" : "el2&0";
	list_add(list, &l, "trap-nv/%s", op->name);
}

void cases_vncr(struct list *list)
{
	struct litmus l = { .config = { .cpus = 2, .spare = 2 }, .regime = "el2&0", .shift = 12, .nv = true };

	for (l.op = 0; l.op < operation_count; l.op++) {
		enum family family = operations[l.op].family;

		if (family == ipas2e1 || family == vmalls12e1 || family == alle1 || operations[l.op].regime == EL2)
			add_trap(list, l);
		if (family == ipas2e1 || family == vmalls12e1 || family == alle1)
			continue;
		for (unsigned tge = operations[l.op].regime == EL2 ? 0 : 1; tge < 2; tge++) {
			l.tge = tge;
			add_operation(list, l);
		}
	}
	l = (struct litmus){ .op = NO_OPERATION,
			     .config = { .cpus = 1 },
			     .build = build_event,
			     .regime = "el2&0",
			     .shift = 12,
			     .level = 3,
			     .own = true,
			     .nv = true,
			     .slow = true };
	for (l.variant = 0; l.variant < EVENTS; l.variant++)
		list_add(list, &l, "vncr-l0-%s", event_words[l.variant]);
	l.build = build_syndrome;
	l.slow = false;
	for (l.level = 0; l.level < 2; l.level++)
		for (l.variant = 0; l.variant < SYNDROMES; l.variant++)
			list_add(list, &l, "vncr-%s/%s", l.level ? "far" : "syndrome", syndrome_words[l.variant]);
}
