// SPDX-License-Identifier: GPL-2.0
/* Carries out a program: one function per kind of step. */
#include "geometry.h"
#include "guest.h"

#define ROOTS_PA (POOL_PA + POOL_SIZE / 2)
#define ROOT_SIZE 0x10000

/* Of the pool: all that one program takes. */
static uint64_t s1_tables(unsigned shift)
{
	return shift == 16 ? 0x400000 : 0x100000;
}

/* Programs of other shapes have the same VTTBR_EL2 for a context: another one takes KVM long (docs/litmus.md). */
static uint64_t fixed_root(unsigned ctx)
{
	uint64_t at = ROOTS_PA + ctx * ROOT_SIZE;

	for (uint64_t *p = (uint64_t *)at; p < (uint64_t *)(at + ROOT_SIZE); p++)
		*p = 0;
	return at;
}

void doorbell(uint64_t value)
{
	uint64_t rings = shared->rings + 1;

	if (!shared->by_memory) {
		__asm__ volatile("str %0, [%1]" ::"r"(value), "r"((uint64_t)DOORBELL_PA) : "memory");
		return;
	}
	shared->rung = value;
	__atomic_store_n(&shared->rings, rings, __ATOMIC_RELEASE);
	while (__atomic_load_n(&shared->answers, __ATOMIC_ACQUIRE) != rings)
		__asm__ volatile("yield");
}

/* What L2 needs of vEL2 for one context; no TLBI of vEL2 depends on more than VTTBR_EL2 and HCR_EL2. */
void load_context(const struct context *c)
{
	uint64_t hcr = c->hcr | (read_sysreg(hcr_el2) & (1ull << 34));

	write_sysreg(tpidr_el1, 0); /* where EL0's exceptions go on: nowhere */
	write_sysreg(vttbr_el2, c->vttbr);
	write_sysreg(vtcr_el2, c->vtcr);
	write_sysreg(hcr_el2, hcr);
	if (shared->id_mmfr0 >> 56 & 0xf)
		write_sysreg(s3_4_c1_c1_6, c->hfgitr); /* HFGITR_EL2 */
	if (c->vncr)
		write_sysreg(s3_4_c2_c2_0, c->vncr); /* VNCR_EL2 */
	if (shared->e2h) {
		write_sysreg(s3_5_c2_c0_0, c->ttbr0); /* the _EL12 names */
		write_sysreg(s3_5_c2_c0_2, c->tcr);
		write_sysreg(s3_5_c1_c0_0, c->sctlr);
		write_sysreg(s3_5_c10_c2_0, 0xff);
		write_sysreg(s3_5_c12_c0_0, l2_vectors);
	} else {
		write_sysreg(ttbr0_el1, c->ttbr0);
		write_sysreg(tcr_el1, c->tcr);
		write_sysreg(sctlr_el1, c->sctlr);
		write_sysreg(mair_el1, 0xff);
		write_sysreg(vbar_el1, l2_vectors);
	}
	__asm__ volatile("isb" ::: "memory");
}

/* Tables for the context, and L2's own page in both stages, identically mapped. */
static void step_context(const struct step *s)
{
	struct context *c = &shared->context[s->ctx];
	uint64_t page = (uint64_t)l2_vectors & ~0xffffull;
	uint64_t s2 = PTE_VALID | PTE_TABLE | PTE_AF | PTE_SH_INNER | PTE_S2_NORMAL | PTE_S2_R | PTE_S2_W;
	uint64_t s1 = PTE_VALID | PTE_TABLE | PTE_AF | PTE_SH_INNER;
	uint64_t at;

	c->s2_root = s->a ? shared->context[s->a - 1].s2_root :
		     s->c ? fixed_root(s->ctx) : tables_new(c->s2_shift);
	for (at = page; !s->a && at < page + 0x10000; at += 1ull << c->s2_shift)
		*tables_slot(c->s2_root, c->s2_shift, at, 3) = at | s2;
	c->vttbr |= c->s2_root;
	c->s1_root = s->b ? shared->context[s->b - 1].s1_root : tables_new(c->s1_shift);
	for (at = page; !s->b && at < page + 0x10000; at += 1ull << c->s1_shift)
		*tables_slot(c->s1_root, c->s1_shift, at, 3) = at | s1;
	c->ttbr0 |= c->s1_root;
	if (c->el0_data)
		for (at = 0; at < 0x10000; at += 1ull << c->s1_shift)
			*tables_slot(c->s1_root, c->s1_shift, L2_DATA_VA + at, 3) =
				(page + at) | s1 | PTE_S1_EL0 | PTE_S1_UXN | PTE_S1_PXN;
	/* L2's walks of its stage 1 go through stage 2. */
	for (at = POOL_PA; !s->a && (c->sctlr & 1) && at < POOL_PA + s1_tables(c->s2_shift); at += 1ull << c->s2_shift)
		*tables_slot(c->s2_root, c->s2_shift, at, 3) = at | s2;
	barrier_ishst();
}

static void step_write(const struct step *s)
{
	struct context *c = &shared->context[s->ctx];
	uint64_t *slot;

	if (s->kind == STEP_S2)
		slot = tables_slot(c->s2_root, c->s2_shift, s->a, s->c);
	else if (s->kind == STEP_S1)
		slot = tables_slot(c->s1_root, c->s1_shift, s->a, s->c);
	else
		slot = tables_slot(tables_vel2_root(s->a >> 63), (unsigned)shared->vel2_shift, s->a, s->c);
	__atomic_store_n(slot, s->b, __ATOMIC_RELAXED);
	__asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

static void step_poke(const struct step *s)
{
	*(volatile uint64_t *)s->a = s->b;
	if (s->c)
		__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(s->a) : "memory");
}

static void record_exit(const struct cpu *cpu, struct outcome *o)
{
	uint64_t ec = EC(cpu->esr);

	o->value = cpu->x[0];
	o->esr = cpu->esr;
	o->far = cpu->far;
	o->hpfar = cpu->hpfar;
	if (ec == EC_DABT_LOW || ec == EC_IABT_LOW) {
		o->kind = OUTCOME_S2_FAULT;
	} else if (ec == EC_HVC && !(cpu->esr & 0xffff)) {
		o->kind = OUTCOME_VALUE;
	} else if (ec == EC_HVC) {
		o->kind = EC(cpu->x[3]) == EC_SVC ? OUTCOME_VALUE : OUTCOME_S1_FAULT;
		o->esr = cpu->x[3];
		o->far = cpu->x[4];
	} else if (ec == EC_DABT_LOW + 1 && cpu->esr & ESR_VNCR) {
		o->kind = OUTCOME_EXCEPTION; /* of vEL2's own stage 1, on L2's behalf */
	} else {
		o->kind = OUTCOME_TRAP;
	}
}

static void step_l2(struct cpu *cpu, const struct step *s, struct outcome *o)
{
	static char *const stubs[] = { [ACCESS_READ] = l2_read,
				       [ACCESS_WRITE] = l2_write,
				       [ACCESS_EXECUTE] = l2_execute,
				       [ACCESS_VNCR_READ] = l2_vncr_read,
				       [ACCESS_VNCR_WRITE] = l2_vncr_write,
				       [ACCESS_HANG] = l2_hang };

	load_context(&shared->context[s->ctx]);
	cpu->x[0] = 0;
	cpu->x[1] = s->a;
	cpu->x[2] = s->b;
	cpu->x[6] = s->c;
	cpu->elr = (uint64_t)stubs[s->op];
	cpu->spsr = s->c ? SPSR_EL0T : SPSR_EL1H;
	l2_run(cpu);
	record_exit(cpu, o);
	for (unsigned i = 0; (s->flags & STEP_WHERE) && i < shared->frame_count; i++)
		if (*(volatile uint64_t *)shared->frame[i] == s->b)
			o->more[0] |= 1ull << i;
}

/* L2 unmaps a page of its own; the table that holds the descriptor is mapped for it first. */
static void step_l2_remap(struct cpu *cpu, const struct step *s, struct outcome *o)
{
	struct context *c = &shared->context[s->ctx];
	uint64_t slot = (uint64_t)tables_slot(c->s1_root, c->s1_shift, s->a, s->c);
	uint64_t page = slot & ~((1ull << c->s1_shift) - 1);

	*tables_slot(c->s1_root, c->s1_shift, page, 3) =
		page | PTE_VALID | PTE_TABLE | PTE_AF | PTE_SH_INNER | PTE_S1_UXN | PTE_S1_PXN;
	barrier_ishst();
	load_context(c);
	cpu->x[0] = cpu->x[7] = 0;
	cpu->x[6] = s->flags & STEP_EXECUTE ? (uint64_t)el0_execute : (uint64_t)el0_read;
	cpu->x[1] = s->a;
	cpu->x[2] = s->d;
	cpu->x[3] = slot;
	cpu->x[4] = shared->skip && (s->flags & STEP_UNDER_TEST) ? (uint64_t)l2_return : tlbi_stub(s->op);
	cpu->x[5] = s->b;
	cpu->elr = s->flags & STEP_EL0 ? (uint64_t)l2_remap_el0 : (uint64_t)l2_remap;
	cpu->spsr = SPSR_EL1H;
	l2_run(cpu);
	record_exit(cpu, o);
	o->more[0] = cpu->x[0];
	o->more[1] = cpu->x[6];
	o->value = cpu->x[7];
}

static void step_l2_tlbi(struct cpu *cpu, const struct step *s, struct outcome *o)
{
	load_context(&shared->context[s->ctx]);
	cpu->x[1] = s->a;
	cpu->x[4] = shared->skip && (s->flags & STEP_UNDER_TEST) ? (uint64_t)l2_return : tlbi_stub(s->op);
	cpu->elr = (uint64_t)l2_call;
	cpu->spsr = SPSR_EL1H;
	l2_run(cpu);
	record_exit(cpu, o);
}

static void step_tlbi(struct cpu *cpu, const struct step *s, struct outcome *o)
{
	load_context(&shared->context[s->ctx]);
	o->kind = OUTCOME_DONE;
	if (shared->skip && (s->flags & STEP_UNDER_TEST))
		return;
	barrier_ishst();
	cpu->took = 0;
	cpu->guard = 1;
	tlbi(s->op, s->a);
	cpu->guard = 0;
	barrier_ish();
	if (cpu->took) {
		o->kind = OUTCOME_EXCEPTION;
		o->esr = cpu->esr;
	}
}

bool guarded_read(struct cpu *cpu, uint64_t va, uint64_t *value)
{
	*value = 0;
	cpu->took = 0;
	cpu->guard = 1;
	__asm__ volatile("ldr %0, [%1]" : "+r"(*value) : "r"(va) : "x16", "x17", "memory");
	cpu->guard = 0;
	return !cpu->took;
}

static void step_read(struct cpu *cpu, const struct step *s, struct outcome *o)
{
	o->kind = guarded_read(cpu, s->a, &o->value) ? OUTCOME_VALUE : OUTCOME_EXCEPTION;
	o->esr = cpu->esr;
	o->far = cpu->far;
}

static void step_host(const struct step *s, struct outcome *o)
{
	shared->host_action = s->a;
	shared->host_argument = s->b;
	__asm__ volatile("dsb ish" ::: "memory");
	doorbell(DOORBELL_HOST);
	o->kind = OUTCOME_VALUE;
	o->value = *(volatile uint64_t *)&shared->host_answer;
}

/* The CPUs take turns at one program: what a step finds does not depend on their speed. */
static void step_await(const struct step *s)
{
	while (__atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE) != s->a)
		__asm__ volatile("yield");
}

/* For the tests of what is said about a hang. */
static void step_hang(const struct step *s)
{
	if (s->c == HANG_FATAL)
		__asm__ volatile("udf #0");
	for (;;)
		__asm__ volatile("");
}

void run_program(struct cpu *cpu, struct program *program)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		const struct step *s = &program->step[i];
		struct outcome *o = &program->outcome[i];

		if (s->flags & STEP_LOOSE)
			mark(MARK_LOOSE);
		switch (s->kind) {
		case STEP_END:
			return;
		case STEP_CONTEXT:
			step_context(s);
			break;
		case STEP_S2:
		case STEP_S1:
		case STEP_E2:
			step_write(s);
			break;
		case STEP_POKE:
			step_poke(s);
			break;
		case STEP_L2:
			step_l2(cpu, s, o);
			break;
		case STEP_TLBI:
			step_tlbi(cpu, s, o);
			break;
		case STEP_L2_TLBI:
			step_l2_tlbi(cpu, s, o);
			break;
		case STEP_L2_REMAP:
			step_l2_remap(cpu, s, o);
			break;
		case STEP_READ:
			step_read(cpu, s, o);
			break;
		case STEP_HOST:
			step_host(s, o);
			break;
		case STEP_HANG:
			step_hang(s);
			break;
		case STEP_PASS:
			barrier_ish();
			__atomic_store_n(&shared->turn, s->a, __ATOMIC_RELEASE);
			break;
		case STEP_AWAIT:
			step_await(s);
			break;
		case STEP_SPIN:
			step_spin(cpu, s);
			break;
		case STEP_RACE:
			step_race(s, o);
			break;
		case STEP_START:
			step_start(s, o);
			break;
		case STEP_SAMPLE:
			step_sample(s, o);
			break;
		case STEP_STOP:
			__atomic_store_n(&spin_stop[s->c], 1, __ATOMIC_RELEASE);
			break;
		}
		if (s->flags & STEP_LOOSE)
			mark(MARK_STRICT);
	}
}
