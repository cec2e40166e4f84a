// SPDX-License-Identifier: GPL-2.0
/* Programs put together step by step, and their outcomes judged. */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HCR_VM (1ull << 0)
#define HCR_RW (1ull << 31)
#define EC(esr) ((esr) >> 26 & 0x3f)
#define EC_IABT_LOW 0x20
#define EC_DABT_LOW 0x24
#define FSC_TRANSLATION 0x04 /* [5:2] */

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
	return shift == 12 ? 0 : shift == 16 ? 1 : 2;
}

/* VTCR_EL2.SL0 for start_level() (Arm ARM D24.2 VTCR_EL2): 1 is level 1 with 4K, level 2 with 16K and 64K. */
static uint64_t vtcr(unsigned shift)
{
	return (64 - input_bits(shift)) | 1 << 6 | 1 << 8 | 1 << 10 | 3 << 12 | tg0(shift) << 14 | 2 << 16 | 1 << 19 |
	       1ull << 31;
}

static uint64_t tcr(unsigned shift)
{
	return (64 - input_bits(shift)) | 1 << 8 | 1 << 10 | 3 << 12 | tg0(shift) << 14 | 1 << 23 | 2ull << 32 |
	       1ull << 36;
}

void add_context(struct litmus *l, unsigned ctx, unsigned vmid, unsigned asid, bool s1_on, bool s2_on)
{
	struct context *c = &l->vm->shared->context[ctx];
	struct step *s = add(l, 0, STEP_CONTEXT);

	s->ctx = ctx;
	memset(c, 0, sizeof(*c));
	c->vttbr = (uint64_t)vmid << 48;
	c->vtcr = vtcr(l->shift);
	c->hcr = HCR_RW | (s2_on ? HCR_VM : 0);
	c->ttbr0 = (uint64_t)asid << 48;
	c->tcr = tcr(l->shift);
	c->sctlr = 0x30d00800 | (s1_on ? 1 << 0 | 1 << 2 | 1 << 12 : 0); /* RES1; M, C, I */
	c->s2_shift = c->s1_shift = l->shift;
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
	struct probe *p = &l->probes[l->probe_count];

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
	struct probe *p = add_probe(l, 0, l->steps[0] - 1, role);

	s->ctx = ctx;
	s->op = access;
	s->a = va;
	s->c = el0;
	p->at = va;
	p->old = old;
	p->now = now;
}

uint64_t value_at(uint64_t pa)
{
	return 0x6e76680000000000 | pa;
}

static uint64_t leaf(uint64_t pa, unsigned level)
{
	return pa | PTE_VALID | PTE_AF | PTE_SH_INNER | (level == 3 ? PTE_TABLE : 0);
}

uint64_t leaf_s2(uint64_t pa, unsigned level, uint64_t permissions)
{
	return leaf(pa, level) | PTE_S2_NORMAL | permissions;
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

static const char *const role_words[] = { "before", "stale", "gone", "free", "after", "undef", "trap", "done" };

static const char *outcome_word(const struct outcome *o)
{
	static const char *const words[] = { "nothing", "value", "s2-fault", "s1-fault", "trap", "exception", "done",
					     "timeout" };

	return o->kind < sizeof(words) / sizeof(*words) ? words[o->kind] : "?";
}

static void blame(struct finding *f, const char *verdict, const struct probe *p, const struct outcome *o)
{
	if (f->verdict)
		return;
	f->verdict = verdict;
	snprintf(f->why, sizeof(f->why),
		 "probe=%s at=0x%lx saw=%s value=0x%lx old=0x%lx now=0x%lx esr=0x%lx hpfar=0x%lx step=%u.%u",
		 role_words[p->role], p->at, outcome_word(o), o->value, p->old, p->now, o->esr, o->hpfar, p->cpu,
		 p->step);
}

static bool translation_fault(const struct outcome *o)
{
	unsigned ec = EC(o->esr);

	return (ec == EC_DABT_LOW || ec == EC_DABT_LOW + 1 || ec == EC_IABT_LOW || ec == EC_IABT_LOW + 1) &&
	       (o->esr >> 2 & 0xf) == FSC_TRANSLATION >> 2;
}

/* HPFAR_EL2.FIPA is in units of 4K; below the granule it says nothing (Arm ARM D24.2 HPFAR_EL2). */
static bool right_fault(const struct litmus *l, const struct probe *p, const struct outcome *o)
{
	uint64_t page = ~((1ull << l->shift) - 1);

	if (o->kind == OUTCOME_S1_FAULT || o->kind == OUTCOME_EXCEPTION)
		return translation_fault(o);
	return o->kind == OUTCOME_S2_FAULT && translation_fault(o) && ((o->hpfar & ~0xfull) << 8 & page) == (p->at & page);
}

static void judge_probe(const struct litmus *l, const struct probe *p, const struct outcome *o, struct finding *f,
			unsigned *seen, unsigned *lost)
{
	bool value = o->kind == OUTCOME_VALUE;
	bool old = value && o->value == p->old;
	bool now = value && p->now && o->value == p->now;

	switch (p->role) {
	case ROLE_BEFORE:
		if (!old)
			blame(f, "setup", p, o);
		break;
	case ROLE_STALE:
		if (old)
			++*seen;
		else if (now || right_fault(l, p, o))
			++*lost;
		else
			blame(f, "setup", p, o);
		break;
	case ROLE_GONE:
		if (old)
			blame(f, "fail", p, o);
		else if (!now && !right_fault(l, p, o))
			blame(f, o->kind == OUTCOME_TIMEOUT ? "setup" : "fail", p, o);
		break;
	case ROLE_FREE:
		if (now || right_fault(l, p, o))
			f->refaults++;
		else if (!old)
			blame(f, "fail", p, o);
		break;
	case ROLE_AFTER:
		if (!now)
			blame(f, "fail", p, o);
		break;
	case ROLE_UNDEF:
		if (o->kind != OUTCOME_EXCEPTION || EC(o->esr) != 0)
			blame(f, "fail", p, o);
		break;
	case ROLE_TRAP:
		if (o->kind != OUTCOME_TRAP || (o->esr & ~(1ull << 25)) != p->now)
			blame(f, "fail", p, o);
		break;
	case ROLE_DONE:
		if (o->kind != OUTCOME_DONE && o->kind != OUTCOME_VALUE)
			blame(f, "fail", p, o);
		break;
	}
}

void judge(const struct litmus *l, struct finding *f)
{
	unsigned seen = 0, lost = 0;
	bool gone = false, observable = true;

	memset(f, 0, sizeof(*f));
	for (unsigned i = 0; i < l->probe_count; i++) {
		const struct probe *p = &l->probes[i];

		gone |= p->role == ROLE_GONE;
		observable &= p->observable;
		judge_probe(l, p, &l->vm->shared->program[p->cpu].outcome[p->step], f, &seen, &lost);
	}
	if (!gone)
		f->control = "direct"; /* nothing is hidden by a cache: the outcome itself is the evidence */
	else if (!observable)
		f->control = "not-observable";
	else if (lost || !seen)
		f->control = "lost";
	else
		f->control = "stale-seen";
	if (!f->verdict && !strcmp(f->control, "lost")) {
		f->verdict = "vacuous";
		snprintf(f->why, sizeof(f->why), "stale=%u lost=%u", seen, lost);
	}
	if (!f->verdict)
		f->verdict = "pass";
}
