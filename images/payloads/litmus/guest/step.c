// SPDX-License-Identifier: GPL-2.0-only
/* Carries out a program: one function per kind of step. */
#include "guest/step.h"
#include "guest/doorbell.h"
#include "guest/l2.h"
#include "guest/regime.h"
#include "guest/own.h"
#include "guest/pressure.h"
#include "guest/spin.h"
#include "guest/stubs.h"
#include "guest/tables.h"
#include "guest/wait.h"

#define ROOTS_PA (POOL_PA + POOL_SIZE / 2)
#define ROOT_SIZE 0x40000 /* 16 concatenated tables of 16K */

/* Of the pool: all that one program takes. */
static uint64_t s1_tables(unsigned shift)
{
	return shift == 16 ? 0x400000 : 0x100000;
}

/* Programs of other shapes have the same VTTBR_EL2 for a context: another one takes KVM long (docs/litmus.md). */
static uint64_t fixed_root(unsigned ctx, struct shape shape)
{
	uint64_t at = ROOTS_PA + ctx * ROOT_SIZE;

	zero(at, 8ull << (shape.bits - level_shift(shape.shift, shape.start)));
	return at;
}

/* Another table may begin in the same page. */
static uint64_t root_at(uint64_t at, struct shape shape)
{
	for (uint64_t i = 0; i < 1ull << (shape.bits - level_shift(shape.shift, shape.start)); i++)
		((volatile uint64_t *)at)[i] = 0;
	return at;
}

/* Pages whose descriptors are in one table. */
static void map_pages(uint64_t root, struct shape shape, uint64_t at, uint64_t size, uint64_t pa, uint64_t attributes)
{
	uint64_t *slot = tables_slot(root, shape, at, 3);

	for (uint64_t end = pa + size; pa < end; pa += 1ull << shape.shift)
		*slot++ = descriptor_in_memory(shape, pa | attributes);
}

/* Tables for the context, and L2's own page in both stages, identically mapped. */
static void step_context(const struct step *s)
{
	struct context *c = &shared->context[s->ctx];
	uint64_t page = (uint64_t)l2_vectors & ~(L2_PAGE_SIZE - 1ull), size = L2_PAGE_SIZE;
	uint64_t s2 = PTE_VALID | PTE_TABLE | PTE_AF | (c->vtcr & VTCR_DS ? 0 : PTE_SH_INNER) | PTE_S2_R | PTE_S2_W |
		      (c->hcr & HCR_FWB ? PLACE(PTE_S2_MEMATTR, 6) : PTE_S2_NORMAL);
	uint64_t s1 = PTE_VALID | PTE_TABLE | PTE_AF | tables_shareable(c);

	c->s2_root = s->a		    ? shared->context[s->a - 1].s2_root
		     : s->flags & STEP_ROOT ? root_at(s->d, c->s2_shape)
		     : s->c		    ? fixed_root(s->ctx, c->s2_shape)
					    : tables_new(c->s2_shape.shift);
	if (!s->a || s->d)
		map_pages(c->s2_root, c->s2_shape, c->page ? c->page : page, size, page, s2);
	c->vttbr |= c->s2_root + (s->op ? FAR_MEMORY(s->op) - FAR_MEMORY_PA : 0);
	c->s1_root = s->b ? shared->context[s->b - 1].s1_root : tables_new(c->s1_shape.shift);
	if (!s->b)
		map_pages(c->s1_root, c->s1_shape, page, size, page, s1);
	c->ttbr0 |= c->s1_root;
	if (c->high)
		c->ttbr1 |= c->s1_high = tables_new(c->s1_shape.shift);
	if (c->el0_data)
		map_pages(c->s1_root, c->s1_shape, L2_DATA_VA, size, page, s1 | PTE_S1_EL0 | PTE_S1_UXN | PTE_S1_PXN);
	/* L2's walks of its stage 1 go through stage 2, which may be that of a context without one. */
	if ((!s->a || !(shared->context[s->a - 1].sctlr & SCTLR_M)) && (c->sctlr & SCTLR_M))
		map_pages(c->s2_root, c->s2_shape, POOL_PA, s1_tables(c->s2_shape.shift), POOL_PA, s2);
	barrier_ishst();
}

static void step_write(const struct step *s)
{
	struct context *c = &shared->context[s->ctx];
	bool ds = (s->kind == STEP_S1 && c->tcr & TCR_DS && !(s->flags & STEP_AS_IS)) ||
		  (s->kind == STEP_E2 && regime_ds());
	struct shape shape = s->kind == STEP_S2 ? c->s2_shape : s->kind == STEP_S1 ? c->s1_shape : regime_shape();
	uint64_t root = s->kind == STEP_S2   ? c->s2_root
			: s->kind == STEP_S1 ? tables_stage1(c, s->a)
					     : regime_root(s->a >> 63);
	uint64_t *slot = tables_slot(root, shape, s->a, s->c);

	for (uint64_t i = 0; i < (s->d ? s->d : 1); i++) {
		uint64_t leaf = s->b ? (s->b & ~(ds ? PTE_SH_INNER : 0)) + (i << level_shift(shape.shift, s->c)) : 0;

		if (s->flags & STEP_MERGE)
			leaf |= descriptor_in_memory(shape, slot[i]);
		__atomic_store_n(slot + i, descriptor_in_memory(shape, leaf), __ATOMIC_RELAXED);
	}
	__asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

/* Whoever sets the access flag in it has done so before L2 gave way. */
static void step_look(const struct step *s, struct outcome *o)
{
	const struct context *c = &shared->context[s->ctx];

	barrier_ish();
	o->kind = OUTCOME_VALUE;
	o->value = s->op == 2 ? tables_look(c->s2_root, c->s2_shape, s->a, (unsigned)s->c) :
				tables_look(tables_stage1(c, s->a), c->s1_shape, s->a, (unsigned)s->c);
}

static void step_poke(const struct step *s)
{
	*(volatile uint64_t *)s->a = s->b;
	if (s->c)
		SYNC_CODE(s->a);
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
	for (unsigned i = 0; __atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE) != s->a; i++)
		give_way(i);
}

/* For the tests of what is said about a hang. */
static void step_hang(const struct step *s)
{
	if (s->c == HANG_FATAL)
		__asm__ volatile("udf #0" ::: "memory");
	for (;;)
		__asm__ volatile("" ::: "memory");
}

/* landmark() of cpu.h with another register: all that was to be done before a look has been done. */
static void landmark_before_look(void)
{
	(void)MRS(clidr_el1);
}

void run_program(struct pe *cpu, struct program *program)
{
	pressure_begin(cpu);
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		const struct step *s = &program->step[i];
		struct outcome *o = &program->outcome[i];

		if (s->flags & STEP_UNDER_TEST)
			pressure(cpu);
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
			if (s->d && step_l2_all(cpu, s, o))
				i += (unsigned)s->d - 1;
			else
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
		case STEP_AT:
			step_at(cpu, s, o);
			break;
		case STEP_LOOK:
			step_look(s, o);
			break;
		case STEP_SYS:
			step_sys(cpu, s, o);
			break;
		case STEP_CALL:
			step_call(s, o);
			break;
		case STEP_RETURN:
			step_return(cpu, s, o);
			break;
		case STEP_E2_ASID:
			regime_asid(s->a);
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
			landmark();
			break;
		case STEP_SAMPLE:
			landmark_before_look();
			step_sample(s, o);
			landmark();
			break;
		case STEP_STOP:
			__atomic_store_n(&spin_stop[s->c], 1, __ATOMIC_RELEASE);
			break;
		}
		if (s->flags & STEP_LOOSE)
			mark(MARK_STRICT);
	}
}
