// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow contexts that L0 takes for another L2, which has stage 2 off where the one before had it on, or the other way
 * round (KVM: two contexts per vCPU). What the new one sees follows from its own HCR_EL2.VM and tables. s2-recycled-wide: both
 * have another page at an IPA of each bit above 40.
 */
#include "families/families.h"
#include "host/program.h"

#define FIRST_VMID 0x60

enum { ON_TO_OFF, OFF_TO_ON, VARIANTS };
static const char *const variant_words[VARIANTS] = { "on-to-off", "off-to-on" };

/* With stage 2 each context has a page of its own at `at`; without, what is at this PA. */
static uint64_t seen(const struct litmus *l, unsigned ctx, bool on, uint64_t at)
{
	return on ? value_at(DATA_PA + (2 + ctx) * leaf_size(l)) : value_at(at);
}

static void build_recycled(struct litmus *l)
{
	unsigned contexts = CONTEXTS_PER_VCPU * l->config.cpus, all = PTE_S2_R | PTE_S2_W;
	uint64_t at = DATA_PA + leaf_size(l);
	bool first = l->variant == ON_TO_OFF;

	add_poke(l, at, value_at(at));
	for (unsigned i = 0; i < 2 * contexts; i++) {
		uint64_t pa = DATA_PA + (2 + i) * leaf_size(l);
		bool on = (i < contexts) == first;

		add_context(l, i, FIRST_VMID + i, 0, false, on);
		add_poke(l, pa, value_at(pa));
		if (on)
			add_write(l, STEP_S2, i, at, leaf_s2(pa, l->level, all), l->level);
	}
	/* --self-test: the others are as the first ones are. */
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 2 * contexts; i++) {
			unsigned look = l->vm->shared->skip ? i % contexts : i;

			add_access(l, look, ACCESS_READ, at, false, ROLE_AFTER, 0,
				   seen(l, i, (i < contexts) == first, at));
		}
	/* The next case has other tables for these VMIDs. */
	add_tlbi(l, 0, op_named("alle1is"), 0, 0);
}

/* struct litmus.position: the bit. The last of the contexts is the one that has been taken from the first. */
static void build_wide(struct litmus *l)
{
	unsigned contexts = CONTEXTS_PER_VCPU * l->config.cpus + 1, all = PTE_S2_R | PTE_S2_W;
	uint64_t at = (DATA_PA + leaf_size(l)) | 1ull << l->position;

	for (unsigned i = 0; i < contexts; i++) {
		uint64_t pa = DATA_PA + (2 + i) * leaf_size(l);

		add_context(l, i, FIRST_VMID + i, 0, false, true);
		context_wide(l, i, l->config.pa_bits);
		add_poke(l, pa, value_at(pa));
		add_write(l, STEP_S2, i, at, leaf_s2(pa, l->level, all), l->level);
	}
	for (unsigned i = 0; i < contexts; i++) /* --self-test: always the first one's */
		add_access(l, l->vm->shared->skip ? 0 : i, ACCESS_READ, at, false, ROLE_AFTER,
			   value_at(DATA_PA + 2 * leaf_size(l)) * (i != 0), value_at(DATA_PA + (2 + i) * leaf_size(l)));
	add_tlbi(l, 0, op_named("alle1is"), 0, 0);
}

void cases_recycle(struct list *list)
{
	struct litmus l = {
		.op = NO_OPERATION, .build = build_recycled, .regime = "el1&0-stage2", .level = 3, .own = true, .slow = true
	};

	for (l.config.cpus = 1; l.config.cpus <= 2; l.config.cpus++)
		for (l.shift = 12; l.shift <= 16; l.shift += 2)
			for (l.variant = 0; l.variant < VARIANTS; l.variant++)
				list_add(list, &l, "s2-recycled/%s/%s/%ucpus", variant_words[l.variant],
					 granule_word(l.shift), l.config.cpus);
	l.config = (struct config){ .cpus = 1, .pa_bits = 48 };
	l.build = build_wide;
	l.variant = VARIANTS;
	for (l.position = PHYSICAL_BITS; l.position < l.config.pa_bits; l.position++) {
		l.shift = 12 + 2 * ((unsigned)l.position % 3);
		list_add(list, &l, "s2-recycled-wide/%s/bit%d", granule_word(l.shift), l.position);
	}
}
