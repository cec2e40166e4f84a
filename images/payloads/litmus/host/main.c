// SPDX-License-Identifier: GPL-2.0-only
/* nvh-litmus: options, which cases are selected, and what is done with them. */
#include "families/families.h"
#include "host/choose.h"
#include "host/describe.h"
#include "host/exits.h"
#include "host/leave.h"
#include "host/loop.h"
#include "host/mark.h"
#include "host/options.h"
#include "host/predict.h"
#include "host/program.h"
#include "host/teardown.h"
#include "host/text_run.h"
#include "host/vcpu.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool selected(const struct litmus *l, const struct options *o)
{
	bool matches = !o->glob_count && !l->provoked;

	for (unsigned i = 0; i < o->glob_count; i++)
		matches |= !fnmatch(o->globs[i], l->name, 0) && (!l->provoked || !strncmp(o->globs[i], "provoke", 7));
	for (unsigned i = 0; i < o->skip_count; i++)
		matches &= !!fnmatch(o->skip[i], l->name, 0);
	return matches && !(o->quick && l->slow) && (!o->op || !strcmp(o->op, operation_word(l))) &&
	       (!o->granule || !strcmp(o->granule, granule_word(l->shift))) &&
	       (!o->cpus || o->cpus == l->config.cpus);
}

/* Cases that share a VM together, the quick ones first, and those with one granule at vEL2; otherwise as generated. */
static int by_config(const void *left, const void *right)
{
	const struct litmus *a = left, *b = right;
	int order = memcmp(&a->config, &b->config, sizeof(a->config));

	if (a->slow != b->slow)
		return a->slow - b->slow;
	if (!order)
		order = (int)vel2_shift(a) - (int)vel2_shift(b);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

int main(int argc, char **argv)
{
	struct options o = { .every = 1 };
	struct list list = { 0 };
	size_t n = 0, met = 0;

	if (!options_parse(argc, argv, &o)) {
		fputs(options_usage, stderr);
		return EXIT_USAGE;
	}
	if ((o.program || o.features) && !kvm_has_el2()) {
		fputs("nvh-litmus: KVM offers no EL2 to guests; boot with kvm-arm.mode=nested on FEAT_NV2\n", stderr);
		return EXIT_ENVIRONMENT;
	}
	if (o.features)
		return text_features();
	if (o.program) {
		if (o.leave)
			leave_begin();
		return leave_end(text_run(o.program, o.failures, o.leave, teardown_other_vm));
	}
	cases_all(&list);
	for (size_t i = 0; i < list.count; i++)
		if (selected(&list.cases[i], &o) && !(met++ % o.every))
			list.cases[n++] = list.cases[i];
	if (!n) {
		fputs("nvh-litmus: no case is selected; see --list\n", stderr);
		return EXIT_USAGE;
	}
	if (o.cases) {
		long chosen = choose(o.cases, list.cases, n);

		if (chosen <= 0)
			return EXIT_USAGE;
		n = (size_t)chosen;
	} else {
		qsort(list.cases, n, sizeof(*list.cases), by_config);
	}
	if (o.describe) {
		for (size_t i = 0; i < n; i++)
			describe(&list.cases[i]);
		return EXIT_OK;
	}
	if (o.list) {
		for (size_t i = 0; i < n; i++)
			puts(list.cases[i].name);
		return EXIT_OK;
	}
	if (o.predict)
		return predict(list.cases, n, &o);
	if (o.leave)
		leave_begin(); /* before anything of KVM is open */
	if (!kvm_has_el2()) {
		fputs("nvh-litmus: KVM offers no EL2 to guests; boot with kvm-arm.mode=nested on FEAT_NV2\n", stderr);
		return leave_end(EXIT_ENVIRONMENT);
	}
	if (o.mark && !mark_open()) {
		fputs("nvh-litmus: --mark: L0 has no trace_marker in tracefs\n", stderr);
		return leave_end(EXIT_ENVIRONMENT);
	}
	return leave_end(run_all(list.cases, n, &o));
}
