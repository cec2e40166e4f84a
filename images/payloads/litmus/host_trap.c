// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that must not take effect: those of a feature that the VMM hid from L1 are UNDEFINED at vEL2, and
 * those of L2 that L1 traps arrive at vEL2 (Arm ARM D24.2 HCR_EL2.{TTLB,TTLBIS,TTLBOS}, HFGITR_EL2).
 */
#include "host.h"

#include "tlbi_ops.h"

#define HCR_TTLB (1ull << 25)
#define HCR_TTLBIS (1ull << 54)
#define HCR_TTLBOS (1ull << 55)
#define EC_SYS64 (0x18ull << 26)

/* ESR_EL2.ISS of a trapped SYS instruction (D24.2 ESR_EL2, EC 0x18): Op0, Op2, Op1, CRn, Rt, CRm, direction. */
#define X(name, op1, crn, crm, op2, has_operand)                                                             \
	(1 << 20 | op2 << 17 | op1 << 14 | crn << 10 | (has_operand ? 1 : 31) << 5 | crm << 1),
static const uint32_t syndromes[] = { TLBI_OPERATIONS(X) };
#undef X

uint64_t trap_syndrome(unsigned op)
{
	return EC_SYS64 | syndromes[op];
}

enum { TRAP_NONE, TRAP_TTLB, TRAP_TTLBIS, TRAP_TTLBOS, TRAP_FGT, TRAPS };
static const char *const trap_words[] = { "none", "ttlb", "ttlbis", "ttlbos", "hfgitr" };

static void build_hidden(struct litmus *l)
{
	struct step *s;

	add_context(l, 0, VMID, 0, false, true);
	s = add(l, 0, STEP_TLBI);
	s->op = l->op;
	s->flags = STEP_UNDER_TEST;
	add_probe(l, 0, l->steps[0] - 1, ROLE_UNDEF);
}

/* HFGITR_EL2[47:18], in the order of the register: OS, OS ranges, IS, IS ranges, ranges, plain. */
static int fgt_bit(const struct operation *op)
{
	static const int first[2][3] = { { 42, 28, 18 }, { 38, 34, 24 } };
	bool range = op->operand == VA_RANGE;
	int at;

	switch (op->family) {
	case vmalle1:
		at = 0;
		break;
	case vae1:
		at = op->last_level ? 4 : 1;
		break;
	case aside1:
		at = 2;
		break;
	default:
		at = op->last_level ? 5 : 3;
		break;
	}
	/* The range group has no VMALLE1 and no ASIDE1. */
	return first[range][op->scope] + (range ? (at == 1 ? 0 : at == 3 ? 1 : at - 2) : at);
}

static bool trapped_by(const struct operation *op, int trap)
{
	switch (trap) {
	case TRAP_TTLBIS:
		return op->scope == IS;
	case TRAP_TTLBOS:
		return op->scope == OS;
	default:
		return trap != TRAP_NONE;
	}
}

static void build_trap(struct litmus *l)
{
	const struct operation *op = &operations[l->op];
	struct context *c = &l->vm->shared->context[0];
	struct step *s;
	struct probe *p;

	add_context(l, 0, VMID, 0, false, true);
	switch (l->variant) {
	case TRAP_TTLB:
		c->hcr |= HCR_TTLB;
		break;
	case TRAP_TTLBIS:
		c->hcr |= HCR_TTLBIS;
		break;
	case TRAP_TTLBOS:
		c->hcr |= HCR_TTLBOS;
		break;
	case TRAP_FGT:
		c->hfgitr = 1ull << fgt_bit(op);
		break;
	}
	s = add(l, 0, STEP_L2_TLBI);
	s->op = l->op;
	s->flags = STEP_UNDER_TEST;
	p = add_probe(l, 0, l->steps[0] - 1, trapped_by(op, l->variant) ? ROLE_TRAP : ROLE_DONE);
	p->now = trap_syndrome(l->op);
}

void cases_trap(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];
		struct litmus l = { .op = op,
				    .config = { .cpus = 1 },
				    .build = build_hidden,
				    .shift = 12,
				    .any_stage2 = true,
				    .regime = o->regime == EL2 ? "el2&0" : o->operand == IPA || o->operand == IPA_RANGE ? "el1&0-stage2" : "el1&0" };

		l.config.hide_range = true;
		if (o->needs_range)
			list_add(list, &l, "hidden-range/%s", o->name);
		l.config = (struct config){ .cpus = 1, .hide_os = true };
		if (o->needs_os)
			list_add(list, &l, "hidden-os/%s", o->name);
		l.config = (struct config){ .cpus = 1, .hide_xs = true };
		if (o->nxs)
			list_add(list, &l, "hidden-xs/%s", o->name);
		if (o->regime == EL2 || o->family == ipas2e1 || o->family == vmalls12e1 || o->family == alle1)
			continue;
		l.config = (struct config){ .cpus = 1, .spare = 2 };
		l.build = build_trap;
		for (l.variant = TRAP_NONE; l.variant < TRAPS; l.variant++)
			list_add(list, &l, "trap-%s/%s", trap_words[l.variant], o->name);
	}
}
