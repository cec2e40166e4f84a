// SPDX-License-Identifier: GPL-2.0-only
/*
 * More VMIDs than L0 has shadow contexts (KVM: two per vCPU), so that each is recycled, twice, before an operation is
 * for one of them. No VMID may ever see what another one mapped at the same IPA, and the operation is for its own.
 */
#include "families/families.h"
#include "host/features.h"
#include "host/program.h"

#define BEYOND 3 /* VMIDs without a context */
#define FIRST_VMID 0x40

static unsigned vmids(const struct litmus *l)
{
	return CONTEXTS_PER_VCPU * l->config.cpus + BEYOND;
}

static uint64_t pa_of(const struct litmus *l, unsigned i)
{
	return DATA_PA + i * leaf_size(l);
}

static void read_own(struct litmus *l, unsigned i, uint64_t at, enum role role)
{
	uint64_t value = value_at(pa_of(l, i));

	add_access(l, i, ACCESS_READ, at, false, role, role == ROLE_AFTER ? 0 : value, role == ROLE_AFTER ? value : 0);
}

static void build_vmids(struct litmus *l)
{
	unsigned n = vmids(l), victim = (unsigned)l->variant ? n - 1 : 0, all = PTE_S2_R | PTE_S2_W;
	uint64_t at, operand;

	l->shift = vm_stage2(l->vm);
	at = fresh_ipa(l->shift, l->level, 1);
	operand = operand_whole(l, at, 0, 0);
	for (unsigned i = 0; i < n; i++) {
		add_context(l, i, FIRST_VMID + i, 0, false, true);
		add_poke(l, pa_of(l, i), value_at(pa_of(l, i)));
		add_write(l, STEP_S2, i, at, leaf_s2(pa_of(l, i), l->level, all), l->level);
	}
	add_poke(l, pa_of(l, n), value_at(pa_of(l, n)));
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < n; i++)
			read_own(l, i, at, ROLE_AFTER);
	read_own(l, victim, at, ROLE_BEFORE);
	add_write(l, STEP_S2, victim, at, 0, l->level);
	read_own(l, victim, at, ROLE_STALE);
	add_tlbi(l, victim, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, victim, op_named("vmalle1is"), 0, 0);
	read_own(l, victim, at, ROLE_GONE);
	add_write(l, STEP_S2, victim, at, leaf_s2(pa_of(l, n), l->level, all), l->level);
	add_access(l, victim, ACCESS_READ, at, false, ROLE_AFTER, value_at(pa_of(l, victim)), value_at(pa_of(l, n)));
	for (unsigned i = 0; i < n; i++)
		if (i != victim)
			read_own(l, i, at, ROLE_AFTER);
	/* The next case has other tables for these VMIDs. */
	add_tlbi(l, 0, op_named("alle1is"), 0, 0);
}

void cases_vmids(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];

		/* Each case recycles a dozen contexts: one form of an operation stands for its others. */
		if ((o->family != ipas2e1 && o->family != vmalls12e1 && o->family != alle1) || o->nxs || o->scope == OS)
			continue;
		for (unsigned cpus = 1; cpus <= CPUS_MAX; cpus *= 2) {
			struct litmus l = { .op = op,
					    .config = { .cpus = cpus },
					    .build = build_vmids,
					    .regime = "el1&0-stage2",
					    .shift = 12,
					    .level = 3,
					    .any_stage2 = true,
					    .slow = true };

			for (l.variant = 0; l.variant < (cpus == 1 ? 2 : 1); l.variant++)
				list_add(list, &l, "s2-vmids/%s/%ucpus/%s", o->name, cpus, l.variant ? "last" : "first");
		}
	}
}
