// SPDX-License-Identifier: GPL-2.0-only
/*
 * --describe: what each case is made of, one line of key=value words a case, for a machine to choose from
 * (harness/litmus/covering.py). It runs at L0 and, since nothing of KVM is asked, on the host as well.
 */
#include "host/describe.h"
#include "host/disturb.h"
#include "host/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whose translation is looked at: the executing PE's (or no other one's), another one's, both. */
static const char *role(const struct litmus *l)
{
	return l->both ? "two" : l->own || l->config.cpus == 1 ? "own" : "remote";
}

/* Cases with the same word share a VM. */
static void vm_word(const struct config *c, char *out, size_t size)
{
	int used = snprintf(out, size, "%u+%u%s%s%s%s%s%s%s%s%s", c->cpus, c->spare, c->e2h0 ? "-nvhe" : "",
			    c->hide_range ? "-no-range" : "", c->hide_os ? "-no-os" : "", c->hide_xs ? "-no-xs" : "",
			    c->hide_flags ? "-no-flags" : "", c->far ? "-far" : "", c->huge ? "-huge" : "",
			    c->no_l2 ? "-no-l2" : "", c->counters ? "-counters" : "");

	if (c->pa_bits)
		used += snprintf(out + used, size - (size_t)used, "-pa%u", c->pa_bits);
	if (c->vel2_shift)
		snprintf(out + used, size - (size_t)used, "-vel2-%s", granule_word(c->vel2_shift));
}

/*
 * What judge() would say of it. "yes": something has to be gone; "direct": trapped, UNDEFINED or an event of L0. The
 * program is put together for no VM: steps are all that it needs.
 */
static const char *obliged(const struct litmus *l)
{
	static struct shared *shared;
	struct vm vm = { .fd = -1 };
	struct litmus built = *l;
	bool gone = false, direct = l->op == NO_OPERATION || l->direct;

	shared = shared ? shared : calloc(1, sizeof(*shared));
	if (!shared)
		abort();
	vm.shared = shared;
	built.vm = &vm;
	built.probe_count = 0;
	memset(built.steps, 0, sizeof(built.steps));
	built.build(&built);
	for (unsigned i = 0; i < built.probe_count; i++) {
		enum role role = built.probes[i].role;

		gone |= role == ROLE_GONE;
		direct |= role == ROLE_UNDEF || role == ROLE_TRAP || role == ROLE_RAISES || role == ROLE_PAR ||
			  role == ROLE_RACE;
	}
	return direct ? "direct" : gone ? "yes" : "no";
}

void describe(const struct litmus *l)
{
	static const char *const scopes[] = { "local", "is", "os" };
	bool none = l->op == NO_OPERATION, leaf = l->level > 0 && l->level <= 3;
	char vm[64];

	vm_word(&l->config, vm, sizeof(vm));
	printf("case=%s op=%s regime=%s granule=%s scope=%s l1=%s size=%s position=%d hint=%d scale=%u num=%u variant=%d "
	       "place=%d el0=%d tge=%d nv=%d ds=%d role=%s cpus=%u beside=%s pes=%u walks=%s obliged=%s vm=%s\n",
	       l->name, none ? "none" : operations[l->op].name, l->regime, granule_word(l->shift),
	       none ? "none" : scopes[operations[l->op].scope], l->config.e2h0 ? "nvhe" : "vhe",
	       leaf ? size_word(leaf_size(l)) : "none", l->position, l->hint, l->scale, l->num, l->variant, l->place,
	       l->el0, l->tge, l->nv, l->ds, role(l), l->config.cpus, l->disturb ? disturb_word(l->disturb) : "none",
	       l->pes, l->slow ? "all" : "none", obliged(l), vm);
}
