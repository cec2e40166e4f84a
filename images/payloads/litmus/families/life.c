// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L1 changes around a translation that is in use, and what L2 sees then: two VNCR pages in turn, another ASID or no
 * MMU at vEL2 between two entries, stage 2 off and on under one VMID, HCR_EL2.DC, another granule under one VTTBR_EL2.
 */
#include "families/families.h"
#include "families/vncr.h"

#define OTHER_ASID 0x2b
#define CTX_SECOND 3
#define GIB (1ull << 30)

static void vncr_look(struct litmus *l, unsigned ctx, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	add_access(l, ctx, ACCESS_VNCR_READ, at, false, role, old, now);
}

static uint64_t tpidr(struct litmus *l, uint64_t pa)
{
	add_poke(l, pa + VNCR_TPIDR, value_at(pa));
	return value_at(pa);
}

/* Each context has its page. One loses it, the other does not, whichever KVM's one entry for the vCPU was about. */
static void build_turns(struct litmus *l)
{
	uint64_t at = vncr_va(l), second = place_va(l, vncr_fresh_va(), input_bits(12)), leaf = leaf_size(l);
	uint64_t old, other, now;
	struct context *c = &l->vm->shared->context[CTX_SECOND];

	vncr_contexts(l, at);
	add_context(l, CTX_SECOND, VMID, 0, false, true);
	last_step(l)->a = CTX_L2 + 1;
	c->hcr |= HCR_NV | HCR_NV2;
	c->vncr = second;
	old = tpidr(l, DATA_PA);
	other = tpidr(l, DATA_PA + leaf);
	now = tpidr(l, DATA_PA + 2 * leaf);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, l->level, false), l->level);
	add_write(l, STEP_E2, 0, second, vncr_descriptor(DATA_PA + leaf, l->level, false), l->level);
	for (unsigned i = 0; i < 2; i++) {
		vncr_look(l, CTX_L2, at, ROLE_BEFORE, old, 0);
		vncr_look(l, CTX_SECOND, second, ROLE_AFTER, old, other);
	}
	vncr_look(l, CTX_L2, at, ROLE_BEFORE, old, 0);
	add_write(l, STEP_E2, 0, at, 0, l->level);
	vncr_look(l, CTX_L2, at, ROLE_STALE, old, 0);
	add_tlbi(l, CTX_TLBI, l->op, operand_whole(l, at, E2_ASID, 0), STEP_UNDER_TEST);
	if (l->variant) /* the other page is in use when the first one is looked for */
		vncr_look(l, CTX_SECOND, second, ROLE_AFTER, old, other);
	vncr_look(l, CTX_L2, at, ROLE_GONE, old, 0);
	vncr_look(l, CTX_SECOND, second, ROLE_AFTER, old, other);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA + 2 * leaf, l->level, false), l->level);
	vncr_look(l, CTX_L2, at, ROLE_AFTER, old, now);
	vncr_look(l, CTX_SECOND, second, ROLE_AFTER, old, other);
	add_write(l, STEP_E2, 0, second, 0, 1);
	vncr_cleanup(l, at);
}

/* What an ASID uses another one does not: a non-global entry is for its own (Arm ARM D8.16.3). */
static void build_asid(struct litmus *l)
{
	uint64_t at = vncr_va(l), leaf = leaf_size(l), old, now;

	vncr_contexts(l, at);
	old = tpidr(l, DATA_PA);
	now = tpidr(l, DATA_PA + leaf);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, l->level, false), l->level);
	vncr_look(l, CTX_L2, at, ROLE_BEFORE, old, 0);
	add_write(l, STEP_E2, 0, at, 0, l->level);
	vncr_look(l, CTX_L2, at, ROLE_STALE, old, 0);
	if (!l->vm->shared->skip)
		add(l, 0, STEP_E2_ASID)->a = OTHER_ASID;
	vncr_look(l, CTX_L2, at, ROLE_GONE, old, 0);
	add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA + leaf, l->level, false), l->level);
	vncr_look(l, CTX_L2, at, ROLE_AFTER, old, now);
	add(l, 0, STEP_E2_ASID)->a = E2_ASID;
	vncr_look(l, CTX_L2, at, ROLE_AFTER, old, now);
	vncr_cleanup(l, at);
}

/* With SCTLR_EL2.M = 0 VNCR_EL2 holds a physical address. Its GiB, the last of the data, is mapped flat before and after. */
static void build_mmu(struct litmus *l)
{
	uint64_t block = DATA_PA + DATA_SIZE - GIB, at = block + 0x5000, old, now;
	bool skip = l->vm->shared->skip;

	vncr_contexts(l, at);
	old = tpidr(l, DATA_PA);
	now = tpidr(l, at);
	add_write(l, STEP_E2, 0, block, 0, 1);
	add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(DATA_PA, 3, l->variant & 1), 3);
	for (unsigned i = 0; i < 2; i++) {
		vncr_look(l, CTX_L2, at, ROLE_AFTER, now, old);
		vncr_look(l, CTX_L2, at, ROLE_AFTER, old, now);
		if (!skip)
			last_step(l)->flags |= STEP_MMU_OFF;
	}
	vncr_look(l, CTX_L2, at, ROLE_AFTER, now, old);
	add_write(l, STEP_E2, 0, block, 0, 1);
	add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
	add_write(l, STEP_E2, 0, block, leaf_s1(block, 1, 0), 1);
}

enum { VM_OFF, DC_ONLY, DC_AND_VM };

/*
 * IPA `at` is another page with stage 2 than without. HCR_EL2.VM and DC may be cached in a TLB, so L1 invalidates when it
 * changes them. With DC the PE behaves as if VM were 1 (D24.2.62).
 */
static void build_off(struct litmus *l)
{
	uint64_t at = DATA_PA + leaf_size(l), to = DATA_PA + 3 * leaf_size(l);
	bool off = l->variant == VM_OFF && !l->vm->shared->skip;

	add_context(l, 0, VMID, 0, false, true);
	add_context(l, 1, VMID, 0, false, !off && l->variant != DC_ONLY);
	last_step(l)->a = 1;
	if (l->variant != VM_OFF && !l->vm->shared->skip)
		l->vm->shared->context[1].hcr |= HCR_DC;
	if (l->variant != VM_OFF && l->vm->shared->skip)
		l->vm->shared->context[1].hcr &= ~HCR_VM;
	add_poke(l, at, value_at(at));
	add_poke(l, to, value_at(to));
	add_write(l, STEP_S2, 0, at, leaf_s2(to, l->level, PTE_S2_R | PTE_S2_W), l->level);
	for (unsigned i = 0; i < 2; i++) {
		add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, value_at(at), value_at(to));
		add_tlbi(l, 0, op_named("vmalls12e1is"), 0, 0);
		if (l->variant == VM_OFF)
			add_access(l, 1, ACCESS_READ, at, false, ROLE_AFTER, value_at(to), value_at(at));
		else
			add_access(l, 1, ACCESS_READ, at, false, ROLE_AFTER, value_at(at), value_at(to));
		add_tlbi(l, 1, op_named("vmalls12e1is"), 0, 0);
	}
}

/*
 * VTTBR_EL2 stays, VTCR_EL2.TG0 becomes 64K. An operation without a hint is for the whole 512 MiB block, of which L2 used
 * a page at either end: the size depends on the granule of now.
 */
static void build_vtcr(struct litmus *l)
{
	uint64_t first = fresh_ipa(12, 3, 1), block = fresh_ipa(16, 2, 1), far = block + (1ull << 29) - 0x10000;
	uint64_t end = DATA_PA + far - block;

	l->shift = 12;
	add_context(l, 0, VMID, 0, false, true);
	last_step(l)->c = 1; /* where there is room for the larger table, which shares it */
	l->shift = 16;
	add_context(l, 1, VMID, 0, false, true);
	last_step(l)->a = 1;
	last_step(l)->d = 1;
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_poke(l, end, value_at(end));
	add_poke(l, end + (1ull << 29), value_at(end + (1ull << 29)));
	add_write(l, STEP_S2, 0, first, leaf_s2(DATA_PA, 3, PTE_S2_R), 3);
	add_access(l, 0, ACCESS_READ, first, false, ROLE_BEFORE, value_at(DATA_PA), 0);
	add_tlbi(l, 0, op_named("vmalls12e1is"), 0, 0);
	add_write(l, STEP_S2, 1, block, leaf_s2(DATA_PA, 2, PTE_S2_R), 2);
	add_access(l, 1, ACCESS_READ, block, false, ROLE_BEFORE, value_at(DATA_PA), 0);
	add_access(l, 1, ACCESS_READ, far, false, ROLE_BEFORE, value_at(end), 0);
	add_write(l, STEP_S2, 1, block, 0, 2);
	add_access(l, 1, ACCESS_READ, far, false, ROLE_STALE, value_at(end), 0);
	add_tlbi(l, 1, l->op, operand_whole(l, block, 0, 0), STEP_UNDER_TEST);
	add_tlbi(l, 1, op_named("vmalle1is"), 0, 0);
	add_access(l, 1, ACCESS_READ, block, false, ROLE_GONE, value_at(DATA_PA), 0);
	add_access(l, 1, ACCESS_READ, far, false, ROLE_GONE, value_at(end), 0);
	add_write(l, STEP_S2, 1, block, leaf_s2(DATA_PA + (1ull << 29), 2, PTE_S2_R), 2);
	add_access(l, 1, ACCESS_READ, far, false, ROLE_AFTER, value_at(end), value_at(end + (1ull << 29)));
	add_tlbi(l, 1, op_named("vmalls12e1is"), 0, 0);
}

static void add_vncr(struct list *list)
{
	static const char *const ops[] = { "vae2is", "vmalle1is", "vale1is", "rvae1is", "aside1is", "alle2is", "vaae1" };
	struct litmus l = { .op = NO_OPERATION, .config = { .cpus = 1, .spare = 2 }, .regime = "el2&0", .shift = 12,
			    .level = 3, .any_stage2 = true, .own = true, .tge = true, .nv = true };

	l.build = build_mmu;
	for (l.variant = 0; l.variant < 2; l.variant++)
		list_add(list, &l, "life-vncr-mmu/%s", l.variant ? "global" : "non-global");
	for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++) {
		l.variant = 0;
		l.op = NO_OPERATION;
		l.build = build_asid;
		list_add(list, &l, "life-vncr-asid/4k%s", place_words[l.place]);
		l.build = build_turns;
		for (unsigned i = 0; i < sizeof(ops) / sizeof(*ops); i++)
			for (l.variant = 0; l.variant < 2; l.variant++) {
				l.op = op_named(ops[i]);
				list_add(list, &l, "life-vncr-turns/%s/%s%s", ops[i], l.variant ? "other" : "own",
					 place_words[l.place]);
			}
	}
}

void cases_life(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION, .config = { .cpus = 1 }, .regime = "el1&0-stage2", .level = 3, .own = true };

	add_vncr(list);
	l.build = build_off;
	l.slow = true;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.variant = VM_OFF; l.variant <= DC_AND_VM; l.variant++)
			list_add(list, &l, "life-%s/%s", l.variant == VM_OFF ? "vm-off" : l.variant == DC_ONLY ? "dc" : "dc-vm",
				 granule_word(l.shift));
	l.build = build_vtcr;
	l.shift = 16;
	l.variant = 0;
	l.op = op_named("ipas2e1is");
	list_add(list, &l, "life-vtcr/ipas2e1is");
	l.op = op_named("ipas2e1");
	list_add(list, &l, "life-vtcr/ipas2e1");
}
