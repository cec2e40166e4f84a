// SPDX-License-Identifier: GPL-2.0-only
/* L2: its context, and the steps that enter it once. */
#include "guest/l2.h"
#include "guest/stubs.h"
#include "guest/tables.h"
#include "guest/tlbi.h"

/* TCR2_EL1, PIR_EL1 and PIRE0_EL1 of L2: the _EL12 names with E2H. */
static void load_permissions(const struct context *c)
{
	if (shared->e2h) {
		MSR(s3_5_c2_c0_3, c->tcr2);
		MSR(s3_5_c10_c2_3, c->pir);
		MSR(s3_5_c10_c2_2, c->pire0);
	} else {
		MSR(s3_0_c2_c0_3, c->tcr2);
		MSR(s3_0_c10_c2_3, c->pir);
		MSR(s3_0_c10_c2_2, c->pire0);
	}
}

static void write_controls(const struct controls *c)
{
	if (c->fgt) {
		MSR(s3_4_c1_c1_4, c->fine[0]); /* HFGRTR_EL2, HFGWTR_EL2, HDFGRTR_EL2, HDFGWTR_EL2 */
		MSR(s3_4_c1_c1_5, c->fine[1]);
		MSR(s3_4_c3_c1_4, c->fine[2]);
		MSR(s3_4_c3_c1_5, c->fine[3]);
	}
	MSR(cptr_el2, c->cptr);
	MSR(mdcr_el2, c->mdcr);
	MSR(cnthctl_el2, c->cnthctl);
}

/* Most contexts have none, and three of these registers are an exit to L0 each. */
static void load_controls(const struct controls *c)
{
	static struct controls usual[PES_MAX];
	struct controls *of = &usual[((struct pe *)MRS(tpidr_el2))->index];

	if (c->set && !of->set) {
		of->set = 1;
		of->fgt = c->fgt;
		of->cptr = MRS(cptr_el2);
		of->mdcr = MRS(mdcr_el2);
		of->cnthctl = MRS(cnthctl_el2);
	}
	if (c->set) {
		write_controls(c);
	} else if (of->set) {
		write_controls(of);
		of->set = 0;
	}
}

/* Where L2 has what is at `label` in its page. */
static uint64_t in_l2(const struct context *c, const void *label)
{
	uint64_t page = (uint64_t)l2_vectors & ~(L2_PAGE_SIZE - 1ull);

	return (uint64_t)label - page + (c->page ? c->page : page);
}

/* What L2's EL1 translates and takes exceptions by. */
static void load_el1(const struct context *c)
{
	if (shared->e2h) {
		MSR(s3_5_c2_c0_0, c->ttbr0); /* the _EL12 names */
		MSR(s3_5_c2_c0_1, c->ttbr1);
		MSR(s3_5_c2_c0_2, c->tcr);
		MSR(s3_5_c10_c2_0, c->mair ? c->mair : 0xff);
		MSR(s3_5_c12_c0_0, in_l2(c, l2_vectors));
	} else {
		MSR(ttbr0_el1, c->ttbr0);
		MSR(ttbr1_el1, c->ttbr1);
		MSR(tcr_el1, c->tcr);
		MSR(mair_el1, c->mair ? c->mair : 0xff);
		MSR(vbar_el1, in_l2(c, l2_vectors));
	}
	if (FIELD(shared->id_mmfr3, MMFR3_S1PIE))
		load_permissions(c);
}

/* What L2 needs of vEL2 for one context; no TLBI of vEL2 depends on more than VTTBR_EL2 and HCR_EL2. */
void load_context(const struct context *c)
{
	uint64_t hcr = c->hcr | (MRS(hcr_el2) & HCR_E2H);

	if (!c->keeps)
		MSR(tpidr_el1, 0); /* where EL0's exceptions go on: nowhere */
	MSR(vttbr_el2, c->vttbr);
	MSR(vtcr_el2, c->vtcr);
	MSR(hcr_el2, hcr);
	if (FIELD(shared->id_mmfr0, MMFR0_FGT))
		MSR(s3_4_c1_c1_6, c->hfgitr); /* HFGITR_EL2 */
	if (FIELD(shared->id_mmfr1, MMFR1_HCX))
		MSR(s3_4_c1_c2_2, c->hcrx); /* HCRX_EL2 */
	if (c->vncr)
		MSR(s3_4_c2_c2_0, c->vncr); /* VNCR_EL2 */
	if (shared->e2h)
		MSR(s3_5_c1_c0_0, c->sctlr); /* the _EL12 names */
	else
		MSR(sctlr_el1, c->sctlr);
	if (!c->keeps)
		load_el1(c);
	load_controls(&c->controls);
	__asm__ volatile("isb" ::: "memory");
}

static void record_exit(const struct pe *cpu, struct outcome *o)
{
	uint64_t ec = FIELD(cpu->esr, ESR_EC);

	o->value = cpu->x[0];
	o->esr = cpu->esr;
	o->far = cpu->far;
	o->hpfar = cpu->hpfar;
	if (ec == ESR_EC_DABT_LOW || ec == ESR_EC_IABT_LOW) {
		o->kind = OUTCOME_S2_FAULT;
	} else if (ec == ESR_EC_HVC && !(cpu->esr & 0xffff)) {
		o->kind = OUTCOME_VALUE;
	} else if (ec == ESR_EC_HVC) {
		o->kind = FIELD(cpu->x[3], ESR_EC) == ESR_EC_SVC ? OUTCOME_VALUE : OUTCOME_S1_FAULT;
		o->esr = cpu->x[3];
		o->far = cpu->x[4];
	} else if (ec == ESR_EC_DABT_SAME && cpu->esr & ESR_VNCR) {
		o->kind = OUTCOME_EXCEPTION; /* of vEL2's own stage 1, on L2's behalf */
	} else {
		o->kind = OUTCOME_TRAP;
	}
}

/* The instruction at `stub` is an HVC and has been executed. */
static bool is_hvc_of(const struct pe *cpu, uint64_t stub)
{
	return stub && FIELD(cpu->esr, ESR_EC) == ESR_EC_HVC && cpu->elr == stub + 4;
}

#define ALL_MASKED PLACE(SPSR_DAIF, 15)

/* PSTATE.PAN, by its register so that no assembler needs to know FEAT_PAN. */
uint64_t pan_now(void)
{
	uint64_t pan;

	if (!FIELD(shared->id_mmfr1, MMFR1_PAN))
		return 0;
	pan = MRS(s3_0_c4_c2_3);
	if (pan)
		MSR(s3_0_c4_c2_3, 0);
	return pan & SPSR_PAN;
}

/* PSTATE.{SSBS,UAO,DIT}, where L1 has them. */
uint64_t modes_now(void)
{
	return (FIELD(shared->id_pfr1, PFR1_SSBS) ? MRS(s3_3_c4_c2_6) & SPSR_SSBS : 0) |
	       (FIELD(shared->id_mmfr2, MMFR2_UAO) ? MRS(s3_0_c4_c2_4) & SPSR_UAO : 0) |
	       (FIELD(shared->id_pfr0, PFR0_DIT) ? MRS(s3_3_c4_c2_5) & SPSR_DIT : 0);
}

/*
 * What an exception to vEL2 leaves beside its syndrome: SPSR_EL2 has the state that L2 was in, ELR_EL2 of an abort is the
 * instruction, ESR_EL2.IL is 1, and PSTATE is masked, with PAN as it was, since {E2H,TGE} is not {1,1}, UAO 0, SSBS as
 * SCTLR_EL2.DSSBS says, which is 0 but for `ssbs`, and DIT as it was (Arm ARM DDI 0487 M.a.a, D1.3.2, D24.2.46). True EL2 of
 * QEMU loses DIT: where the doorbell is memory, as there, it is not looked at. `entered`: SPSR_EL2 on entry; `stub`: the
 * instruction that accesses data or traps, or 0. Called before vEL2 uses what EL0 may, too.
 */
static void check_return(const struct pe *cpu, uint64_t entered, uint64_t stub, uint64_t ssbs, struct outcome *o)
{
	uint64_t ec = FIELD(cpu->esr, ESR_EC), state = SPSR_MODE | SPSR_NZCV | SPSR_PAN | SPSR_SSBS | SPSR_UAO | SPSR_DIT;
	uint64_t pan = pan_now(), modes = modes_now(), kept = shared->by_memory ? 0 : SPSR_DIT;
	bool astray = !(cpu->esr & ESR_IL) || (MRS(daif) & SPSR_DAIF) != ALL_MASKED;

	if (ec == ESR_EC_HVC && cpu->esr & 0xffff &&
	    !is_hvc_of(cpu, stub)) { /* in L2's vectors, after an exception to EL1, or in what it called */
		entered = SPSR_MODE_EL1H_MASKED;
		state = SPSR_MODE;
	} else {
		astray |= pan != (entered & SPSR_PAN) || ((modes ^ entered) & kept);
	}
	astray |= (modes & (SPSR_SSBS | SPSR_UAO)) != ssbs;
	if (stub &&
	    (ec == ESR_EC_DABT_LOW || ec == ESR_EC_SYS64 || ec == ESR_EC_WFX || ec == ESR_EC_FP || ec == ESR_EC_SMC ||
	     ec == ESR_EC_SVC || ec == ESR_EC_BRK || (ec == ESR_EC_DABT_SAME && cpu->esr & ESR_VNCR)))
		astray |= cpu->elr != stub;
	if (ec == ESR_EC_IABT_LOW)
		astray |= cpu->elr != cpu->far;
	if (!astray && !((cpu->spsr ^ entered) & state))
		return;
	o->kind = OUTCOME_ASTRAY;
	o->value = cpu->elr;
	o->hpfar = cpu->spsr;
}

static unsigned place_of(const struct pe *cpu, const struct step *s)
{
	return (unsigned)(s - shared->program[cpu->index].step);
}

/* Of PSTATE.{SSBS,UAO,DIT}, where L1 has them: another set in each step. */
static uint64_t modes_of(unsigned place)
{
	return (place & 1 && FIELD(shared->id_pfr1, PFR1_SSBS) ? SPSR_SSBS : 0) |
	       (place & 8 && FIELD(shared->id_mmfr2, MMFR2_UAO) ? SPSR_UAO : 0) |
	       (place & 16 && FIELD(shared->id_pfr0, PFR0_DIT) ? SPSR_DIT : 0);
}

/*
 * PSTATE that L2 is entered with: other condition flags, masks, modes, stack pointer in each step, and nothing in L2 changes
 * them. With its stage 1 on PAN would keep EL1 from what EL0 may use.
 */
static uint64_t state_of(const struct pe *cpu, const struct step *s, bool el0)
{
	unsigned place = place_of(cpu, s);
	uint64_t mode = el0			 ? SPSR_MODE_EL0T_MASKED
			: enters_with_sp0(place) ? SPSR_MODE_EL1T_MASKED
						 : SPSR_MODE_EL1H_MASKED;
	const struct context *c = &shared->context[s->ctx];
	bool pan = !(c->sctlr & SCTLR_M) && !c->vncr && !el0 && place & 4 && FIELD(shared->id_mmfr1, MMFR1_PAN);

	return (mode & ~SPSR_DAIF) | PLACE(SPSR_DAIF, masks_at(place)) | PLACE(SPSR_NZCV, place) |
	       (pan ? SPSR_PAN : 0) | modes_of(place);
}

bool step_l2_all(struct pe *cpu, const struct step *s, struct outcome *o)
{
	load_context(&shared->context[s->ctx]);
	for (unsigned i = 0; i < READS_MAX; i++)
		cpu->x[i] = s[i < s->d ? i : 0].a;
	cpu->elr = (uint64_t)l2_read_all;
	cpu->spsr = SPSR_MODE_EL1H_MASKED;
	pe_enter(cpu);
	if (FIELD(cpu->esr, ESR_EC) != ESR_EC_HVC || cpu->esr & 0xffff)
		return false;
	for (unsigned i = 0; i < s->d; i++) {
		o[i].kind = OUTCOME_VALUE;
		o[i].value = cpu->x[i];
	}
	return true;
}

/* What L2 executes for its access: the load is its first instruction, the store its second. */
static const char *stub_of(const struct pe *cpu, const struct step *s)
{
	static char *const stubs[] = {
		[ACCESS_READ] = l2_loads,	   [ACCESS_WRITE] = l2_stores,		[ACCESS_EXECUTE] = l2_execute,
		[ACCESS_VNCR_READ] = l2_vncr_read, [ACCESS_VNCR_WRITE] = l2_vncr_write, [ACCESS_HANG] = l2_hang
	};

	if (s->op == ACCESS_READ || s->op == ACCESS_WRITE)
		return stubs[s->op] + 16 * access_register(place_of(cpu, s), s->op == ACCESS_WRITE);
	return stubs[s->op];
}

void step_l2(struct pe *cpu, const struct step *s, struct outcome *o)
{
	const struct context *c = &shared->context[s->ctx];
	uint64_t stub = in_l2(c, stub_of(cpu, s)), sctlr = 0, entered;
	bool flat = s->flags & (STEP_MMU_OFF | STEP_BIG_ENDIAN);
	uint64_t clear = (flat ? SCTLR_M : 0) | (s->flags & STEP_SPAN ? SCTLR_SPAN : 0);
	uint64_t set = s->flags & STEP_SSBS && !left_out(s) ? SCTLR_DSSBS : 0;
	uint64_t ssbs = s->flags & STEP_SSBS && FIELD(shared->id_pfr1, PFR1_SSBS) ? SPSR_SSBS : 0;

	load_context(c);
	cpu->x[0] = 0;
	cpu->x[1] = s->a;
	cpu->x[2] = s->b;
	cpu->x[6] = s->c;
	cpu->elr = stub;
	cpu->spsr = entered = state_of(cpu, s, s->c);
	if (clear | set) { /* all of it is mapped flat. Each access to SCTLR_EL2 is an exit to L0 */
		sctlr = MRS(sctlr_el2);
		MSR(sctlr_el2, (sctlr & ~clear) | set);
		__asm__ volatile("isb" ::: "memory");
	}
	cpu->below = s->flags & STEP_BIG_ENDIAN ? (sctlr & ~SCTLR_M) | SCTLR_EE : 0;
	pe_enter(cpu);
	cpu->below = 0;
	if (clear | set) {
		MSR(sctlr_el2, sctlr);
		__asm__ volatile("isb" ::: "memory");
	}
	record_exit(cpu, o);
	check_return(cpu, entered, s->op == ACCESS_EXECUTE ? 0 : s->op == ACCESS_WRITE ? stub + 4 : stub, ssbs, o);
	if (ssbs)
		MSR(s3_3_c4_c2_6, 0);
	for (unsigned i = 0; (s->flags & STEP_WHERE) && i < shared->frame_count; i++)
		if (*(volatile uint64_t *)shared->frame[i] == s->b)
			o->more[0] |= 1ull << i;
}

/* L2 unmaps a page of its own; the table that holds the descriptor is mapped for it first. */
void step_l2_remap(struct pe *cpu, const struct step *s, struct outcome *o)
{
	struct context *c = &shared->context[s->ctx];
	uint64_t slot = (uint64_t)tables_slot(tables_stage1(c, s->a), c->s1_shape, s->a, s->c);
	uint64_t page = slot & ~((1ull << c->s1_shape.shift) - 1);

	*tables_slot(c->s1_root, c->s1_shape, page, 3) =
		page | PTE_VALID | PTE_TABLE | PTE_AF | tables_shareable(c) | PTE_S1_UXN | PTE_S1_PXN;
	barrier_ishst();
	load_context(c);
	cpu->x[0] = cpu->x[7] = 0;
	cpu->x[6] = s->flags & STEP_EXECUTE ? (uint64_t)el0_execute : (uint64_t)el0_read;
	cpu->x[1] = s->a;
	cpu->x[2] = s->d & ~(PTE_SH_INNER ^ tables_shareable(c));
	cpu->x[3] = slot;
	cpu->x[4] = left_out(s) ? (uint64_t)l2_return : tlbi_stub(s->op, true);
	cpu->x[5] = s->b;
	cpu->elr = s->flags & STEP_EL0 ? (uint64_t)l2_remap_el0 : (uint64_t)l2_remap;
	cpu->spsr = SPSR_MODE_EL1H_MASKED;
	pe_enter(cpu);
	record_exit(cpu, o);
	o->more[0] = cpu->x[0];
	o->more[1] = cpu->x[6];
	o->value = cpu->x[7];
}

void step_l2_tlbi(struct pe *cpu, const struct step *s, struct outcome *o)
{
	uint64_t entered = state_of(cpu, s, false);

	load_context(&shared->context[s->ctx]);
	cpu->x[1] = s->a;
	cpu->x[4] = left_out(s) ? (uint64_t)l2_return : tlbi_stub(s->op, s->c);
	cpu->elr = (uint64_t)l2_call;
	cpu->spsr = entered;
	pe_enter(cpu);
	record_exit(cpu, o);
	check_return(cpu, entered, 0, 0, o);
}

/* HCR_EL2.VSE is 0 once L2 has taken the virtual SError, or deferred it by ESB, and 1 until then (D24.2.62, D1.3.4). */
static void check_serror(const struct step *s, struct outcome *o)
{
	bool taken = o->kind == OUTCOME_S1_FAULT && FIELD(o->esr, ESR_EC) == ESR_EC_SERROR;

	if ((taken || (uint32_t)s->b == ESB) == !!(MRS(hcr_el2) & HCR_VSE))
		o->kind = OUTCOME_ASTRAY;
}

void l2_sys(struct pe *cpu, const struct step *s, struct outcome *o)
{
	bool el0 = s->c == SYS_AT_EL0;
	uint64_t entered = state_of(cpu, s, el0);

	load_context(&shared->context[s->ctx]);
	cpu->x[1] = s->a;
	cpu->x[4] = (uint64_t)any_sys;
	cpu->elr = el0 ? (uint64_t)l2_call_el0 : (uint64_t)l2_call;
	cpu->spsr = entered;
	pe_enter(cpu);
	record_exit(cpu, o);
	if (is_hvc_of(cpu, (uint64_t)any_sys)) {
		o->kind = OUTCOME_TRAP;
		o->esr = cpu->esr;
	}
	if (s->flags & STEP_WORD)
		o->value = cpu->x[1];
	check_return(cpu, entered, (uint64_t)any_sys, 0, o);
	if (shared->context[s->ctx].hcr & HCR_VSE)
		check_serror(s, o);
}
