// SPDX-License-Identifier: GPL-2.0-only
/*
 * More VMs than the level below keeps shadow contexts for (KVM: two per vCPU of L1's), each with a secret
 * of its own at the same guest address, so that contexts and VMIDs are recycled between them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

#define PASSES 2

struct tenant {
	struct vm vm;
	void *memory;
	uint64_t seed;
	bool alive;
};

static bool move_in(struct tenant *t, const struct options *o, struct result *r)
{
	t->memory = region_map(o->pages);
	if (!t->memory)
		return fail(r, "no memory");
	t->seed = fresh_seed();
	fill(t->memory, o->pages, t->seed);
	t->alive = true;
	if (!vm_create(&t->vm, o->vcpus, o->pages) ||
	    !vm_slot(&t->vm, SLOT_REGION, REGION_GPA, o->pages * page_size, t->memory, 0)) {
		r->broken = true;
		return fail(r, "%s", t->vm.broken);
	}
	/*
	 * There are more vCPUs than CPUs: one that has been judged makes room for the next, or every turn costs a
	 * recycled context and shows nothing new.
	 */
	t->vm.control->rest = PASSES;
	expect_seed(&t->vm, t->seed);
	if (!vm_start(&t->vm)) {
		r->broken = true;
		return fail(r, "%s", t->vm.broken);
	}
	return true;
}

static void move_out(struct tenant *t, const struct options *o, struct result *r)
{
	if (!t->alive)
		return;
	case_end(&t->vm, r);
	region_unmap(t->memory, o->pages);
	t->alive = false;
}

/* All of them at once. The self-test expects a neighbour's secret from the second round on. */
static bool judge_all(struct tenant *tenants, const struct options *o, struct result *r)
{
	for (unsigned i = 0; i < o->vms; i++) {
		struct tenant *t = &tenants[i];
		struct vm *vm = &t->vm;
		uint64_t other = tenants[(i + 1) % o->vms].seed;
		bool lie = o->self_test && r->iterations;

		epoch_open(vm);
		/* old[] is a neighbour's secret: seeing it counts as stale, anything else as other. */
		for (size_t p = 0; p < o->pages; p++) {
			vm->control->old[p] = value_of(lie ? t->seed : other, p);
			vm->control->expect[p] = value_of(lie ? other : t->seed, p);
		}
		epoch_judge(vm);
	}
	for (unsigned i = 0; i < o->vms; i++) {
		uint64_t epoch = tenants[i].vm.control->epoch;

		if (!epoch_wait(&tenants[i].vm, PASSES, o, r))
			return false;
		r->lost += stamps_missing(&tenants[i].vm, tenants[i].memory, epoch);
	}
	if (!r->iterations)
		r->control = r->accesses;
	return true;
}

bool case_vmid_reuse(const struct options *o, struct result *r)
{
	struct tenant *tenants = calloc(o->vms, sizeof(*tenants));
	unsigned long created = 0;
	bool ok = tenants != NULL;

	if (!ok)
		return fail(r, "no memory");
	case_clock();
	while (ok && case_goes_on(o, r)) {
		/* Half of them move out each time, so old and new live side by side. */
		for (unsigned i = 0; ok && i < o->vms; i++) {
			if (tenants[i].alive && (i + r->iterations) % 2)
				move_out(&tenants[i], o, r);
			if (!tenants[i].alive) {
				ok = move_in(&tenants[i], o, r);
				created++;
			}
		}
		ok = ok && judge_all(tenants, o, r);
		r->iterations++;
	}
	for (unsigned i = 0; i < o->vms; i++)
		move_out(&tenants[i], o, r);
	snprintf(r->extra, sizeof(r->extra), " vms=%u created=%lu", o->vms, created);
	free(tenants);
	return ok;
}
