// SPDX-License-Identifier: GPL-2.0-only
/*
 * A big-endian hypervisor: SCTLR_EL2.EE is 1 while L2 runs, so that descriptors of L1's stage 2 are big-endian (Arm ARM DDI 0487
 * M.a.a, D24.2 SCTLR_EL2; KVM: read_guest_s2_desc() and swap_guest_s2_desc() of arch/arm64/kvm/nested.c). vEL2 is little-endian
 * again when L2 has ended, and its own MMU is off meanwhile. s2-big-endian: a leaf is taken away; -both: SCTLR_EL1.EE, too, so that
 * L2's stage 1 and its data are big-endian. s2-big-endian-flag: VTCR_EL2.HA sets the access flag.
 */
#include "families/families.h"
#include "families/known.h"

enum { STAGE2, BOTH, VARIANTS };
static const char *const variant_words[VARIANTS] = { "", "-both" };

static void read_big_endian(struct litmus *l, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	bool swapped = l->variant == BOTH;

	add_access(l, 0, ACCESS_READ, at, false, role, swapped ? __builtin_bswap64(old) : old,
		   swapped ? __builtin_bswap64(now) : now);
	last_step(l)->flags |= STEP_BIG_ENDIAN;
}

static struct context *big_endian_context(struct litmus *l)
{
	struct context *c = &l->vm->shared->context[0];

	add_context(l, 0, VMID, l->variant == BOTH ? ASID_KNOWN : 0, l->variant == BOTH, true);
	c->s2_shape.big = 1;
	if (l->variant == BOTH) {
		c->s1_shape.big = 1;
		c->sctlr |= SCTLR_EE;
	}
	return c;
}

static void build_big_endian(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, l->level, 1), operand = operand_whole(l, at, 0, l->hint ? l->level : 0);
	uint64_t other = DATA_PA + leaf_size(l), old = value_at(DATA_PA), now = value_at(other);
	bool obliged = stage2_obliged(l, operand, at, l->level);

	big_endian_context(l);
	add_poke(l, DATA_PA, old);
	add_poke(l, other, now);
	if (l->variant == BOTH)
		add_write(l, STEP_S1, 0, at, leaf_s1(at, l->level, PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG), l->level);
	add_write(l, STEP_S2, 0, at, leaf_s2(DATA_PA, l->level, PTE_S2_R | PTE_S2_W), l->level);
	read_big_endian(l, at, ROLE_BEFORE, old, 0);
	add_write(l, STEP_S2, 0, at, 0, l->level);
	read_big_endian(l, at, ROLE_STALE, old, 0);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	read_big_endian(l, at, obliged ? ROLE_GONE : ROLE_FREE, old, 0);
	add_write(l, STEP_S2, 0, at, leaf_s2(other, l->level, PTE_S2_R | PTE_S2_W), l->level);
	if (obliged)
		read_big_endian(l, at, ROLE_AFTER, old, now);
	add_cleanup(l, 0, at, l->level, 1);
}

/* The descriptor is where this side can read it. --self-test: without VTCR_EL2.HA, so that L2 faults. */
static void build_flag(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, 2, 1), descriptor = leaf_s2(DATA_PA, 3, PTE_S2_R | PTE_S2_W);
	struct context *c = big_endian_context(l);

	if (!l->vm->shared->skip)
		c->vtcr |= VTCR_HA;
	add_poke(l, DATA_PA, value_at(DATA_PA));
	add_write(l, STEP_S2, 0, at, table_descriptor(TABLE_PA), 2);
	for (unsigned i = 0; i < 2; i++) {
		add_poke(l, TABLE_PA, __builtin_bswap64(descriptor & ~PTE_AF));
		read_big_endian(l, at, ROLE_AFTER, 0, value_at(DATA_PA));
		add_read(l, TABLE_PA, ROLE_AFTER, __builtin_bswap64(descriptor & ~PTE_AF), __builtin_bswap64(descriptor));
		add_poke(l, TABLE_PA, 0);
		known_forget(l, op_named("ipas2e1is"), at, 0);
	}
	add_cleanup(l, 0, at, 2, 1);
}

void cases_big_endian(struct list *list)
{
	static const char *const ops[] = { "ipas2e1is", "ipas2le1", "ripas2e1is" };
	struct litmus l = {
		.config = { .cpus = 1, .spare = 2 }, .build = build_big_endian, .regime = "el1&0-stage2", .own = true
	};

	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (unsigned i = 0; i < (nvhe ? 1 : sizeof(ops) / sizeof(*ops)); i++)
			for (l.shift = 12; l.shift <= 16; l.shift += 2)
				for (l.level = nvhe ? 3 : start_level(l.shift); l.level <= 3; l.level++)
					for (l.variant = 0; l.variant < VARIANTS; l.variant++)
						for (l.hint = 0; l.hint < 2; l.hint++) {
							l.op = op_named(ops[i]);
							l.config.e2h0 = nvhe;
							list_add(list, &l, "%ss2-big-endian%s/%s/%s/%s/%s",
								 nvhe ? "nvhe-" : "", variant_words[l.variant], ops[i],
								 granule_word(l.shift), size_word(leaf_size(&l)),
								 l.hint ? "ttl" : "no-ttl");
						}
	l.op = NO_OPERATION;
	l.build = build_flag;
	l.config = (struct config){ .cpus = 1, .spare = 3 }; /* as the others of VTCR_EL2.HA: flags.c */
	l.level = 3;
	l.variant = l.hint = 0;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		list_add(list, &l, "s2-big-endian-flag/%s", granule_word(l.shift));
}
