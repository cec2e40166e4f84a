// SPDX-License-Identifier: GPL-2.0-only
/* Programs put together step by step. */
#include "host/program.h"
#include "host/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(struct litmus *l, enum role role, uint64_t at, uint64_t old, uint64_t now);

struct step *add(struct litmus *l, unsigned cpu, enum step_kind kind)
{
	struct program *program = &l->vm->shared->program[cpu];
	struct step *s = &program->step[l->steps[cpu]];

	if (l->steps[cpu] >= STEPS_MAX - 1) {
		fprintf(stderr, "nvh-litmus: %s: more than %u steps\n", l->name, STEPS_MAX);
		abort();
	}
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	memset(&program->outcome[l->steps[cpu]], 0, sizeof(struct outcome));
	program->step[++l->steps[cpu]].kind = STEP_END;
	return s;
}

static unsigned tg0(unsigned shift)
{
	return shift == 12 ? VTCR_TG0_4K : shift == 16 ? VTCR_TG0_64K : VTCR_TG0_16K;
}

/* VTCR_EL2.SL0 counts levels from the last but one with 4K, from the last otherwise (Arm ARM D24.2 VTCR_EL2). */
static uint64_t vtcr(unsigned shift, unsigned bits, unsigned sl0)
{
	return PLACE(VTCR_T0SZ, 64 - bits) | PLACE(VTCR_SL0, sl0) | PLACE(VTCR_IRGN0, 1) | PLACE(VTCR_ORGN0, 1) |
	       PLACE(VTCR_SH0, 3) | PLACE(VTCR_TG0, tg0(shift)) | PLACE(VTCR_PS, bits > 44 ? 5 : bits > 40 ? 4 : 2) | VTCR_VS | VTCR_RES1;
}

static uint64_t tcr(unsigned shift, unsigned bits)
{
	return PLACE(TCR_T0SZ, 64 - bits) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) |
	       PLACE(TCR_TG0, tg0(shift)) | TCR_EPD1 | PLACE(TCR_IPS, 2) | TCR_AS;
}

void add_context(struct litmus *l, unsigned ctx, unsigned vmid, unsigned asid, bool s1_on, bool s2_on)
{
	struct context *c = &l->vm->shared->context[ctx];
	struct step *s = add(l, 0, STEP_CONTEXT);
	unsigned stage2 = l->any_stage2 ? vm_stage2(l->vm) : l->shift;

	s->ctx = ctx;
	memset(c, 0, sizeof(*c));
	c->vttbr = PLACE(VTTBR_VMID, vmid);
	c->vtcr = vtcr(stage2, input_bits(stage2), 1);
	c->hcr = HCR_RW | (s2_on ? HCR_VM : 0);
	c->ttbr0 = PLACE(TTBR_ASID, asid);
	c->tcr = tcr(l->shift, input_bits(l->shift)) | (l->ds & DS_L2 ? TCR_DS : 0);
	c->sctlr = SCTLR_RES1 | (s1_on ? SCTLR_M | SCTLR_C | SCTLR_I : 0);
	c->s2_shape = shape_of(stage2);
	c->s1_shape = shape_of(l->shift);
}

/* A context with another input size. An SL0 that does not fit it is in VTCR_EL2 alone; the tables are as they would be. */
void context_sizes(struct context *c, unsigned s2_bits, unsigned s1_bits, int sl0)
{
	unsigned shift = c->s2_shape.shift, first = shift == 12 ? 2 : 3;
	int fit = 2;

	c->s1_shape.bits = s1_bits;
	c->tcr = tcr(c->s1_shape.shift, s1_bits);
	while (fit > 0 && !stage2_fits(shift, s2_bits, (int)first - fit))
		fit--;
	if (sl0 >= 0 && stage2_fits(shift, s2_bits, (int)first - sl0))
		fit = sl0;
	c->s2_shape = (struct shape){ .shift = shift, .bits = s2_bits, .start = first - (unsigned)fit };
	c->vtcr = vtcr(shift, s2_bits, sl0 < 0 ? (unsigned)fit : (unsigned)sl0);
}

/* Tables begin at the first level that L1's PA size lets them begin at (D8.2.3), at a place with room for 16 of them. */
void context_wide(struct litmus *l, unsigned ctx, unsigned bits)
{
	struct context *c = &l->vm->shared->context[ctx];
	unsigned shift = c->s2_shape.shift, first = shift == 12 ? 2 : 3;
	unsigned sl0 = shift == 16 && bits <= 44 ? 1 : 2;

	c->s2_shape = (struct shape){ .shift = shift, .bits = bits, .start = first - sl0 };
	c->vtcr = vtcr(shift, bits, sl0);
	last_step(l)->c = 1;
}

void context_high(struct litmus *l, unsigned ctx)
{
	struct context *c = &l->vm->shared->context[ctx];
	unsigned shift = c->s1_shape.shift;

	c->high = true;
	c->tcr &= ~TCR_EPD1;
	c->tcr |= PLACE(TCR_T1SZ, 64 - c->s1_shape.bits) | PLACE(TCR_IRGN1, 1) | PLACE(TCR_ORGN1, 1) | PLACE(TCR_SH1, 3) |
		  PLACE(TCR_TG1, shift == 12 ? TCR_TG1_4K : shift == 16 ? TCR_TG1_64K : TCR_TG1_16K);
}

void add_at(struct litmus *l, unsigned ctx, enum at_operation op, uint64_t va, uint64_t par)
{
	struct step *s = add(l, 0, STEP_AT);
	bool failed = par & PAR_F;

	s->ctx = (uint8_t)ctx;
	s->op = (uint16_t)op;
	s->a = va;
	expect(l, ROLE_PAR, va, failed ? PAR_F | PAR_FST | PAR_PTW | PAR_S : PAR_F | PAR_PA, par);
}

void add_write(struct litmus *l, enum step_kind kind, unsigned ctx, uint64_t ia, uint64_t descriptor, unsigned level)
{
	struct step *s = add(l, 0, kind);

	s->ctx = ctx;
	s->a = ia;
	s->b = descriptor;
	s->c = level;
}

void add_poke(struct litmus *l, uint64_t pa, uint64_t value)
{
	struct step *s = add(l, 0, STEP_POKE);

	s->a = pa;
	s->b = value;
}

void add_code(struct litmus *l, uint64_t pa, uint64_t code)
{
	add_poke(l, pa, code);
	last_step(l)->c = 1;
}

void add_tlbi(struct litmus *l, unsigned ctx, unsigned op, uint64_t operand, uint32_t flags)
{
	struct step *s = add(l, 0, STEP_TLBI);
	struct probe *p = add_probe(l, 0, l->steps[0] - 1, ROLE_DONE);

	s->ctx = ctx;
	s->op = op;
	s->a = operand;
	s->flags = flags;
	p->at = operand;
}

struct probe *add_probe(struct litmus *l, unsigned cpu, unsigned step, enum role role)
{
	static struct probe probes[PROBES_MAX];
	struct probe *p;

	if (!l->probes)
		l->probes = probes;
	p = &l->probes[l->probe_count];
	if (l->probe_count++ >= PROBES_MAX) {
		fprintf(stderr, "nvh-litmus: %s: more than %u probes\n", l->name, PROBES_MAX);
		abort();
	}
	memset(p, 0, sizeof(*p));
	p->cpu = cpu;
	p->step = step;
	p->role = role;
	p->observable = 1;
	return p;
}

void add_access(struct litmus *l, unsigned ctx, enum access access, uint64_t va, bool el0, enum role role,
		uint64_t old, uint64_t now)
{
	struct step *s = add(l, 0, STEP_L2);

	s->ctx = ctx;
	s->op = access;
	s->a = va;
	s->c = el0;
	expect(l, role, va, old, now);
}

void add_store(struct litmus *l, unsigned ctx, uint64_t va, bool el0, uint64_t value)
{
	add_access(l, ctx, ACCESS_WRITE, va, el0, ROLE_DONE, 0, 0);
	last_step(l)->b = value;
}

void add_together(struct litmus *l, unsigned count)
{
	struct step *s = &l->vm->shared->program[0].step[l->steps[0] - count];

	for (unsigned i = 0; i < count; i++)
		if (count > READS_MAX || s[i].kind != STEP_L2 || s[i].op != ACCESS_READ || s[i].c || s[i].ctx != s->ctx) {
			fprintf(stderr, "nvh-litmus: %s: step %u is no read for one entry\n", l->name, i);
			abort();
		}
	s->d = count;
}

static void expect(struct litmus *l, enum role role, uint64_t at, uint64_t old, uint64_t now)
{
	struct probe *p = add_probe(l, 0, l->steps[0] - 1, role);

	p->at = at;
	p->old = old;
	p->now = now;
}

void add_spin(struct litmus *l, unsigned cpu, unsigned ctx, uint64_t va, enum spin_where where)
{
	struct step *s = add(l, cpu, STEP_SPIN);

	s->ctx = ctx;
	s->a = va;
	s->c = where;
	s = add(l, 0, STEP_START);
	s->c = cpu;
	expect(l, ROLE_DONE, va, 0, 0);
}

void add_sample(struct litmus *l, unsigned cpu, uint64_t va, enum role role, uint64_t old, uint64_t now)
{
	add(l, 0, STEP_SAMPLE)->c = cpu;
	expect(l, role, va, old, now);
}

void add_stop(struct litmus *l, unsigned cpu)
{
	add(l, 0, STEP_STOP)->c = cpu;
}

void add_host(struct litmus *l, unsigned action, uint64_t argument)
{
	struct step *s = add(l, 0, STEP_HOST);

	s->a = action;
	s->b = argument;
}

void expect_host(struct litmus *l, unsigned action, uint64_t argument, uint64_t answer)
{
	add_host(l, action, argument);
	add_probe(l, 0, l->steps[0] - 1, ROLE_AFTER)->now = answer;
}

void add_read(struct litmus *l, uint64_t va, enum role role, uint64_t old, uint64_t now)
{
	add(l, 0, STEP_READ)->a = va;
	expect(l, role, va, old, now);
}

struct probe *add_sys(struct litmus *l, enum sys_at where, uint64_t word, uint64_t x1, uint32_t flags, enum role role,
		      uint64_t now)
{
	struct step *s = add(l, 0, STEP_SYS);
	struct probe *p = add_probe(l, 0, l->steps[0] - 1, role);

	s->a = x1;
	s->b = word;
	s->c = where;
	s->flags = flags;
	p->at = word;
	p->now = now;
	return p;
}

bool case_ds(const struct litmus *l)
{
	return l->ds & (l->vel2 || l->nv ? DS_VEL2 : DS_L2);
}

uint64_t operand_whole(const struct litmus *l, uint64_t at, unsigned asid, unsigned ttl_level)
{
	const struct operation *op = &operations[l->op];
	uint64_t leaf = leaf_size(l), page = 1ull << l->shift;
	bool va = op->operand == VA || op->operand == VA_RANGE;
	unsigned scale = 0, num = 0;
	uint64_t start;

	switch (op->operand) {
	case VA:
	case IPA:
		return operand_address(va, at + leaf - page, asid, ttl_for(l->shift, ttl_level));
	case VA_RANGE:
	case IPA_RANGE:
		if (va && l->num)
			return operand_range(at + leaf - range_bytes(l->shift, l->scale, l->num), l->shift, l->scale, l->num,
					     ttl_level, asid);
		start = at & ~((1ull << base_shift(l->shift, va && case_ds(l))) - 1);
		while (range_bytes(l->shift, scale, 31) < at + leaf - start)
			scale++;
		while (range_bytes(l->shift, scale, num) < at + leaf - start)
			num++;
		return operand_base(start, va && case_ds(l), l->shift) |
		       operand_range(0, l->shift, scale, num, ttl_level, asid);
	case ASID:
		return operand_asid(asid);
	default:
		return 0;
	}
}

bool stage2_obliged(const struct litmus *l, uint64_t operand, uint64_t ipa, unsigned level)
{
	struct translation entry = { .stage = STAGE_2,
			       .regime = EL10,
			       .vmid = VMID,
			       .start = ipa,
			       .size = 1ull << level_shift(l->shift, level),
			       .shift = l->shift,
			       .level = level };
	struct state state = { .vmid = VMID, .el = 2, .features = HAS_ALL, .hcr = hcr_of(!l->config.e2h0, false),
			       .own_pe = 1 };

	return tlbi_must(&operations[l->op], operand, &state, &entry);
}

uint64_t leaf_size(const struct litmus *l)
{
	return 1ull << level_shift(l->shift, l->level);
}

static uint64_t leaf(uint64_t pa, unsigned level)
{
	return pa | PTE_VALID | PTE_AF | PTE_SH_INNER | (level == 3 ? PTE_TABLE : 0);
}

uint64_t leaf_s2(uint64_t pa, unsigned level, uint64_t permissions)
{
	return leaf(pa, level) | PTE_S2_NORMAL | PTE_S2_FNXS | permissions;
}

uint64_t leaf_s1(uint64_t pa, unsigned level, uint64_t more)
{
	return leaf(pa, level) | more;
}

uint64_t fresh_ipa(unsigned shift, unsigned level, unsigned leaves)
{
	/* In GiB. Zones keep leaves of different sizes apart; 16K's input ends at 64 GiB. */
	static const struct {
		uint64_t from, to;
	} zones[] = { [1] = { 64, 504 }, [2] = { 16, 48 }, [3] = { 8, 16 } };
	static uint64_t next[4];
	uint64_t leaf = 1ull << level_shift(shift, level);
	uint64_t spacing = leaf * leaves > 1 << 21 ? leaf * leaves : 1 << 21;
	uint64_t from = zones[level].from << 30, to = zones[level].to << 30;
	uint64_t at = (next[level] + spacing - 1) / spacing * spacing;

	if (at < from || at + spacing > to)
		at = (from + spacing - 1) / spacing * spacing;
	next[level] = at + spacing;
	return at;
}

void add_cleanup(struct litmus *l, unsigned ctx, uint64_t ipa, unsigned level, unsigned count)
{
	uint64_t leaf = 1ull << level_shift(l->shift, level);

	for (unsigned i = 0; i < count; i++) {
		add_write(l, STEP_S2, ctx, ipa + i * leaf, 0, level);
		add_tlbi(l, ctx, op_named("ipas2e1is"), operand_address(false, ipa + i * leaf, 0, 0), 0);
	}
	add_tlbi(l, ctx, op_named("vmalle1is"), 0, 0);
}

const char *const place_words[PLACES] = { "", "-high", "-last" };

uint64_t place_va(const struct litmus *l, uint64_t low, unsigned bits)
{
	return l->place == PLACE_LOW ? low : l->place == PLACE_HIGH ? low | ~0ull << bits : -leaf_size(l);
}

unsigned op_named(const char *name)
{
	for (unsigned i = 0; i < operation_count; i++)
		if (!strcmp(operations[i].name, name))
			return i;
	fprintf(stderr, "nvh-litmus: no operation %s in the table\n", name);
	abort();
}

const char *granule_word(unsigned shift)
{
	return shift == 12 ? "4k" : shift == 14 ? "16k" : "64k";
}

const char *size_word(uint64_t bytes)
{
	static const char *const words[] = { "4k", "16k", "64k", "2m", "32m", "512m", "1g" };
	static const unsigned shifts[] = { 12, 14, 16, 21, 25, 29, 30 };

	for (unsigned i = 0; i < sizeof(shifts) / sizeof(*shifts); i++)
		if (bytes == 1ull << shifts[i])
			return words[i];
	return "?";
}
