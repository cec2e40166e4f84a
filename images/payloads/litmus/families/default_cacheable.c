// SPDX-License-Identifier: GPL-2.0-only
/*
 * An L2 whose stage 1 is on, and HCR_EL2.DC: it behaves as if SCTLR_EL1.M were 0, so that each VA is the IPA, whatever L2's
 * tables say (Arm ARM DDI 0487 M.a.a, D24.2 HCR_EL2). L2 uses a page by every access at either EL, without DC, with it, and
 * without it again; with it also a VA that its tables do not map, and one that stage 2 does not. VM is 1 (DC alone: defect-dc).
 * at-l2-dc-alone: AT with DC alone. at-l2-dc: AT of such a VA, and what it is without DC; PAR_EL1.ATTR is Normal Write-Back,
 * and Non-shareable for stage 1.
 */
#include "families/at.h"
#include "families/families.h"
#include "host/program.h"

#define ASID_L2 0x15
enum { WITH, WITHOUT, CONTEXTS };

static const enum access accesses[] = { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };
static const char *const access_words[] = { "read", "write", "execute" };
#define ACCESSES 3

/* What L2 finds in the page at `pa`, which has code where it executes. */
static uint64_t fill(struct litmus *l, uint64_t pa, bool first)
{
	bool code = accesses[l->variant] == ACCESS_EXECUTE;
	uint64_t value = code ? (first ? CODE : MORE_CODE) : value_at(pa);

	add_code(l, pa, value);
	return !code ? value : first ? CODE_RESULT : MORE_CODE_RESULT;
}

/* HCR_EL2.DC may be cached in a TLB. */
static void enter(struct litmus *l, unsigned ctx, uint64_t at, uint64_t old, uint64_t now)
{
	add_tlbi(l, ctx, op_named("vmalle1is"), 0, 0);
	if (accesses[l->variant] == ACCESS_WRITE)
		return;
	add_access(l, ctx, accesses[l->variant], at, l->el0, ROLE_AFTER, old, now);
}

/* L2 writes one page and not the other, and vEL2 looks at both. */
static void write(struct litmus *l, unsigned ctx, uint64_t at, const uint64_t pa[CONTEXTS])
{
	uint64_t value = value_at(at) + ctx;

	for (unsigned i = 0; i < CONTEXTS; i++)
		add_poke(l, pa[i], value_at(pa[i]));
	enter(l, ctx, at, 0, 0);
	add_store(l, ctx, at, l->el0, value);
	for (unsigned i = 0; i < CONTEXTS; i++)
		add_read(l, pa[i], ROLE_AFTER, 0, i == ctx ? value : value_at(pa[i]));
}

static void expect_translation_fault(struct litmus *l, uint64_t at)
{
	struct probe *p = last_probe(l);
	bool fetch = accesses[l->variant] == ACCESS_EXECUTE;

	p->esr_mask = ESR_EC | ESR_S1PTW | ESR_FSC;
	p->esr = PLACE(ESR_EC, fetch ? ESR_EC_IABT_LOW : ESR_EC_DABT_LOW) |
		 PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_TRANSLATION) | 3;
	p->far = at;
}

/* The second context has the tables of the first. --self-test: DC is 0. */
static void add_contexts(struct litmus *l)
{
	for (unsigned ctx = 0; ctx < CONTEXTS; ctx++) {
		add_context(l, ctx, VMID, ASID_L2, true, true);
		last_step(l)->a = last_step(l)->b = ctx;
	}
	if (!l->vm->shared->skip)
		l->vm->shared->context[WITH].hcr |= HCR_DC;
}

static void build_default_cacheable(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, l->level, 1), to = fresh_ipa(l->shift, l->level, 1), size = leaf_size(l);
	uint64_t unmapped = fresh_ipa(l->shift, 3, 1), all = PTE_S2_R | PTE_S2_W,
		 pa[CONTEXTS] = { DATA_PA, DATA_PA + size };
	uint64_t bits = PTE_S1_NG | (l->el0 ? PTE_S1_EL0 : 0), seen[CONTEXTS];
	unsigned page = 1u << l->shift;
	uint64_t offset = size - page; /* L2 looks at the last page of a block */

	if (accesses[l->variant] == ACCESS_EXECUTE)
		bits |= PTE_S1_RO;
	add_contexts(l);
	for (unsigned i = 0; i < CONTEXTS; i++)
		seen[i] = fill(l, pa[i] += offset, i == 0);
	add_write(l, STEP_S1, 0, at, leaf_s1(to, l->level, bits), l->level);
	add_write(l, STEP_S2, 0, at, leaf_s2(pa[WITH] - offset, l->level, all), l->level);
	add_write(l, STEP_S2, 0, to, leaf_s2(pa[WITHOUT] - offset, l->level, all), l->level);
	add_write(l, STEP_S2, 0, unmapped, leaf_s2(pa[WITH] & ~(page - 1ull), 3, all), 3);
	if (accesses[l->variant] == ACCESS_WRITE) {
		write(l, WITHOUT, at + offset, pa);
		write(l, WITH, at + offset, pa);
		write(l, WITHOUT, at + offset, pa);
		enter(l, WITH, at, 0, 0);
	} else {
		enter(l, WITHOUT, at + offset, seen[WITH], seen[WITHOUT]);
		enter(l, WITH, at + offset, seen[WITHOUT], seen[WITH]);
		enter(l, WITHOUT, at + offset, seen[WITH], seen[WITHOUT]);
		enter(l, WITH, unmapped, 0, seen[WITH]);
	}
	add_write(l, STEP_S2, 0, unmapped, 0, 3);
	add_tlbi(l, WITH, op_named("ipas2e1is"), operand_address(false, unmapped, 0, 0), 0);
	add_tlbi(l, WITH, op_named("vmalle1is"), 0, 0);
	add_access(l, WITH, accesses[l->variant], unmapped, l->el0, ROLE_GONE,
		   accesses[l->variant] == ACCESS_WRITE ? 0 : seen[WITH], 0);
	expect_translation_fault(l, unmapped);
	add_cleanup(l, 0, at, l->level, 1);
	add_cleanup(l, 0, to, l->level, 1);
}

#define NORMAL_WRITE_BACK 0xff

/* Stage 2 has Normal Write-Back memory, Inner Shareable. */
static void ask(struct litmus *l, unsigned ctx, uint64_t va, uint64_t ipa, uint64_t pa)
{
	at_ask_memory(l, ctx, va, (struct at_memory){ ipa, NORMAL_WRITE_BACK, ctx == WITHOUT ? PAR_SH_INNER : 0 },
		      (struct at_memory){ pa, NORMAL_WRITE_BACK, PAR_SH_INNER });
}

/* l->hint: L2 has used the page without DC. */
static void build_at(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 3, 1), to = fresh_ipa(l->shift, 3, 1), all = PTE_S2_R | PTE_S2_W;
	uint64_t pa[CONTEXTS] = { DATA_PA, DATA_PA + leaf_size(l) };
	uint64_t bits = PTE_S1_NG | PTE_S1_EL0 | PTE_S1_PXN | PTE_S1_UXN;

	add_contexts(l);
	add_poke(l, pa[WITHOUT], value_at(pa[WITHOUT]));
	add_write(l, STEP_S1, 0, at, leaf_s1(to, 3, bits), 3);
	add_write(l, STEP_S2, 0, at, leaf_s2(pa[WITH], 3, all), 3);
	add_write(l, STEP_S2, 0, to, leaf_s2(pa[WITHOUT], 3, all), 3);
	add_tlbi(l, WITHOUT, op_named("vmalle1is"), 0, 0);
	if (l->hint)
		add_access(l, WITHOUT, ACCESS_READ, at, false, ROLE_AFTER, 0, value_at(pa[WITHOUT]));
	else
		at_forget_tables(l);
	for (unsigned i = 0; i < 2; i++) {
		ask(l, WITHOUT, at, to, pa[WITHOUT]);
		add_tlbi(l, WITH, op_named("vmalle1is"), 0, 0);
		ask(l, WITH, at, at, pa[WITH]);
		add_tlbi(l, WITHOUT, op_named("vmalle1is"), 0, 0);
	}
	add_cleanup(l, 0, at, 3, 1);
	add_cleanup(l, 0, to, 3, 1);
}

#define VMID_DC 0x33 /* L2 never runs under it */

/* DC alone: VM behaves as 1. No L2 has run, so that L0 walks the tables itself. --self-test: DC is 0. */
static void build_at_alone(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 3, 1), pa = DATA_PA, all = PTE_S2_R | PTE_S2_W;
	struct at_memory stage1 = { at, NORMAL_WRITE_BACK, 0 }, both = { pa, NORMAL_WRITE_BACK, PAR_SH_INNER };

	add_context(l, 0, VMID_DC, 0, false, false);
	if (!l->vm->shared->skip)
		l->vm->shared->context[0].hcr |= HCR_DC;
	add_write(l, STEP_S2, 0, at, leaf_s2(pa, 3, l->variant ? PTE_S2_R : all), 3);
	for (enum at_operation op = AT_S1E1R; op < AT_TEXT; op++)
		if (l->variant && at_is_both(op) && at_is_write(op))
			add_at(l, 0, op, at, AT_FAILED(AT_PERMISSION, 3) | PAR_S);
		else
			at_finds(l, 0, op, at, at_is_both(op) ? both : stage1);
	add_write(l, STEP_S2, 0, at, 0, 3);
	add_tlbi(l, 0, op_named("vmalls12e1is"), 0, 0);
	for (enum at_operation op = AT_S12E1R; op < AT_TEXT; op++)
		add_at(l, 0, op, at, AT_FAILED(AT_TRANSLATION, 3) | PAR_S);
}

void cases_default_cacheable(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_default_cacheable,
			    .own = true,
			    .regime = "el1&0" };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.level = l.shift == 16 ? 3 : 2; l.level <= 3; l.level++)
			for (unsigned el0 = 0; el0 < 2; el0++)
				for (l.variant = 0; l.variant < ACCESSES; l.variant++) {
					l.el0 = el0;
					list_add(list, &l, "s1-dc/%s/%s/%s-el%u", granule_word(l.shift),
						 size_word(leaf_size(&l)), access_words[l.variant], !el0);
				}
	l.build = build_at;
	l.level = 3;
	l.el0 = false;
	l.variant = 0;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.hint = 0; l.hint < 2; l.hint++)
			list_add(list, &l, "at-l2-dc/%s/%s", granule_word(l.shift), l.hint ? "used" : "fresh");
	l.build = build_at_alone;
	l.hint = 0;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.variant = 0; l.variant < 2; l.variant++)
			list_add(list, &l, "at-l2-dc-alone/%s/%s", granule_word(l.shift),
				 l.variant ? "read-only" : "read-write");
}
