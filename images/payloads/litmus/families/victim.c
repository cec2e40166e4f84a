// SPDX-License-Identifier: GPL-2.0-only
/*
 * Broadcast: the victims stay inside L2 (or at vEL2), each on another PE, and read one address again and again while
 * this PE takes the translation away. On a model whose exit to L0 empties the local TLB this is the one place
 * where a missing TLBI of the hardware shows (docs/litmus.md).
 */
#include "families/victim.h"

const char *const match_words[MATCHES] = { "matching", "other-asid", "other-asid-global", "other-vmid",
					   "other-va", "stage2-off", "permission" };

bool is_stage2(const struct operation *op)
{
	return op->family == ipas2e1 || op->family == vmalls12e1 || op->family == alle1;
}

unsigned victim_asid(const struct litmus *l)
{
	unsigned own = l->position ? 1u << (l->position - 1) : ASID_VICTIM;

	return !l->vel2 ? own : l->config.e2h0 ? 0 : E2_ASID;
}

uint64_t victim_operand(const struct litmus *l, uint64_t at)
{
	bool other = l->variant == OTHER_ASID || l->variant == OTHER_ASID_GLOBAL;
	unsigned asid = !matches_asid(&operations[l->op]) ? 0 : other ? ASID_OTHER : victim_asid(l);

	if (l->variant == OTHER_VA)
		at += 4 * leaf_size(l);
	return operand_whole(l, at, asid, l->hint ? l->level : 0);
}

bool victim_obliged(const struct litmus *l, int stage, uint64_t at, uint64_t operand)
{
	struct translation entry = { .stage = stage,
				     .regime = l->vel2 ? EL2 : EL10,
				     .vmid = VMID,
				     .asid = victim_asid(l),
				     .global = l->variant == OTHER_ASID_GLOBAL,
				     .start = at,
				     .size = leaf_size(l),
				     .shift = l->shift,
				     .level = l->level };
	struct state state = { .vmid = l->variant == OTHER_VMID ? VMID_OTHER : VMID,
			       .el = 2,
			       .features = HAS_ALL,
			       .hcr = hcr_of(!l->config.e2h0, l->tge),
			       .ds1 = case_ds(l),
			       .own_pe = l->own };

	return tlbi_must(&operations[l->op], operand, &state, &entry);
}

/* Seven contexts of L0, and there are eight: stage 2 of each granule with each of two VMIDs, and off. */
void victim_own(struct litmus *l)
{
	l->own = true;
	l->config.cpus = 1;
	l->config.spare = 3;
}

void victim_values(struct litmus *l)
{
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_poke(l, DATA_PA + leaf_size(l), value_at(DATA_PA + leaf_size(l)));
}

/* One look at the translation: of each victim on its PE, or of this PE. */
static void look(struct litmus *l, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	unsigned first = l->probe_count;

	for (unsigned cpu = 1; !l->own && cpu < l->config.cpus; cpu++)
		add_sample(l, cpu, at, role, old, now);
	if (l->own && l->vel2)
		add_read(l, at, role, old, now);
	else if (l->own)
		add_access(l, 0, ACCESS_READ, at, l->el0, role, old, now);
	for (unsigned i = first; i < l->probe_count; i++) {
		l->probes[i].observable = !l->own;
		l->probes[i].fault = l->variant == PERMISSION ? FAULT_PERMISSION : FAULT_TRANSLATION;
	}
}

void victim_loses(struct litmus *l, enum step_kind stage, uint64_t at, uint64_t operand, bool obliged, uint64_t less,
		  uint64_t descriptor)
{
	uint64_t old = value_at(DATA_PA), now = value_at(DATA_PA + leaf_size(l));
	unsigned ctx = l->variant == OTHER_VMID || l->variant == STAGE2_OFF || (l->tge && !l->vel2) ? 1 : 0;

	for (unsigned cpu = 1; !l->own && cpu < l->config.cpus; cpu++)
		add_spin(l, cpu, 0, at, l->vel2 ? SPIN_VEL2 : l->el0 ? SPIN_L2_EL0 : SPIN_L2);
	look(l, at, ROLE_BEFORE, old, 0);
	add_write(l, stage, 0, at, less, l->level);
	if (!l->own)
		look(l, at, ROLE_STALE, old, 0);
	add_tlbi(l, ctx, l->op, operand, STEP_UNDER_TEST);
	if (stage == STEP_S2)
		add_tlbi(l, l->tge ? 0 : ctx, op_named("vmalle1is"), 0, 0);
	look(l, at, obliged ? ROLE_GONE : ROLE_FREE, old, 0);
	/* What a permission fault found may be cached: giving the permission back would need another operation. */
	if (l->variant != PERMISSION) {
		add_write(l, stage, 0, at, descriptor, l->level);
		if (obliged)
			look(l, at, ROLE_AFTER, old, now);
	}
	for (unsigned cpu = 1; !l->own && cpu < l->config.cpus; cpu++)
		add_stop(l, cpu);
}

static bool has_variant(const struct litmus *l)
{
	const struct operation *op = &operations[l->op];
	bool asid = op->family == vae1 || (op->family == vae2 && !l->config.e2h0);

	switch (l->variant) {
	case OTHER_ASID:
		return asid || op->family == aside1;
	case OTHER_ASID_GLOBAL:
		return asid;
	case OTHER_VMID: /* which ALLE1 takes all the same */
		return !l->vel2;
	case STAGE2_OFF:
		return !l->vel2 && !is_stage2(op);
	case OTHER_VA:
		return op->operand != NONE && op->operand != ASID;
	default:
		return true;
	}
}

void victim_cases(struct list *list, struct litmus l, const char *family, unsigned variants, const char *place)
{
	const struct operation *op = &operations[l.op];
	bool plain = op->operand == NONE || op->operand == ASID;
	bool pages = plain || l.el0 || *place || l.config.cpus > 2;

	l.slow = op->family == vmalls12e1 || op->family == alle1;
	for (l.level = pages ? 3 : start_level(l.shift); l.level <= 3; l.level++)
		for (l.variant = MATCHING; l.variant < MATCHES; l.variant++) {
			if (!(variants >> l.variant & 1) || !has_variant(&l) || (l.variant != MATCHING && l.level != 3) ||
			    (l.slow && l.shift != 12))
				continue;
			for (l.hint = 0; l.hint < (plain || l.variant || l.config.cpus > 2 ? 1 : 2); l.hint++)
				list_add(list, &l, "%s%s%s%s/%s/%s/%s-%s%s/%s", l.config.e2h0 ? "nvhe-" : "", family,
					 l.slow ? "-all" : "", l.config.cpus > 2 ? "-4" : "", op->name, granule_word(l.shift),
					 size_word(leaf_size(&l)), match_words[l.variant], place, l.hint ? "ttl" : "no-ttl");
		}
}

void victim_ranges(struct list *list, struct litmus l, const char *family)
{
	static const char *const words[] = { "-scale0", "-scale1", "-scale2", "-scale3" };

	if (operations[l.op].operand != VA_RANGE)
		return;
	l.num = 1; /* 4, 128, 4096 and 131072 pages */
	for (l.scale = 0; l.scale < 4; l.scale++)
		victim_cases(list, l, family, 1u << MATCHING, words[l.scale]);
}
