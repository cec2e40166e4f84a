// SPDX-License-Identifier: GPL-2.0-only
/* --predict: what a machine with given features would print as its population. */
#include "host/predict.h"
#include "host/applies.h"
#include "host/exits.h"
#include "host/judge.h"
#include "host/population.h"
#include "number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words of a population's `features=`, as L1's ID registers and the machine; false for one that is unknown. */
static bool suppose(const char *words, struct shared *s, struct machine *m)
{
	char text[256], *rest = NULL;
	const char *end;
	uint64_t value;

	s->id_mmfr0 = PLACE(MMFR0_FGT, 1) | 1ull << 40 | 1ull << 32 | 1ull << 36;
	snprintf(text, sizeof(text), "%s", words);
	for (char *w = strtok_r(text, ",", &rest); w; w = strtok_r(NULL, ",", &rest)) {
		if (!strcmp(w, "TLBIOS"))
			s->id_isar0 |= 1ull << 56;
		else if (!strcmp(w, "TLBIRANGE"))
			s->id_isar0 = 2ull << 56;
		else if (!strcmp(w, "XS"))
			s->id_isar1 = 1ull << 56;
		else if (!strcmp(w, "NV2"))
			s->id_mmfr4 = 1ull << 20;
		else if (!strcmp(w, "E2H0"))
			m->e2h0 = true;
		else if (!strcmp(w, "LPA2"))
			s->id_mmfr0 |= PLACE(MMFR0_TGRAN4, MMFR0_TGRAN4_LPA2) | PLACE(MMFR0_TGRAN16, MMFR0_TGRAN16_LPA2);
		else if (!strcmp(w, "XNX"))
			s->id_mmfr1 |= PLACE(MMFR1_XNX, 1);
		else if (!strcmp(w, "PAN2"))
			s->id_mmfr1 |= PLACE(MMFR1_PAN, MMFR1_PAN_ATS);
		else if (!strcmp(w, "HCX"))
			s->id_mmfr1 |= PLACE(MMFR1_HCX, 1);
		else if (!strcmp(w, "E0PD"))
			s->id_mmfr2 |= PLACE(MMFR2_E0PD, 1);
		else if (!strcmp(w, "no-FGT"))
			s->id_mmfr0 &= ~MMFR0_FGT;
		else if (!strcmp(w, "S1PIE"))
			s->id_mmfr3 |= PLACE(MMFR3_S1PIE, 1);
		else if (!strcmp(w, "ECV"))
			s->id_mmfr0 |= PLACE(MMFR0_ECV, 1);
		else if (!strcmp(w, "EVT"))
			s->id_mmfr2 |= PLACE(MMFR2_EVT, 1);
		else if (!strcmp(w, "FWB"))
			s->id_mmfr2 |= PLACE(MMFR2_FWB, 1);
		else if (!strcmp(w, "PMU"))
			s->id_dfr0 |= PLACE(DFR0_PMUVER, 1);
		else if (!strcmp(w, "PA44"))
			s->id_mmfr0 |= PLACE(MMFR0_PARANGE, MMFR0_PARANGE_44);
		else if (!strcmp(w, "PA48"))
			s->id_mmfr0 |= PLACE(MMFR0_PARANGE, MMFR0_PARANGE_48); /* has the bits of 44, too */
		else if (!strcmp(w, "s2-4k"))
			s->id_mmfr0 ^= 3ull << 40;
		else if (!strcmp(w, "s2-16k"))
			s->id_mmfr0 ^= 3ull << 32;
		else if (!strcmp(w, "s2-64k"))
			s->id_mmfr0 ^= 3ull << 36;
		else if (!strncmp(w, "pages-", 6) && (end = number_read(w + 6, 10, &value)) && !strcmp(end, "k"))
			m->page_size = (unsigned)value << 10;
		else if (strncmp(w, "cpus-", 5) || !number_unsigned(w + 5, 1, 4096, &m->pes))
			return false;
	}
	return m->pes && m->page_size;
}

/* What run_all() says where each case passes at the first attempt. The programs are built and not carried out. */
int predict(struct litmus *cases, size_t n, const struct options *o)
{
	struct shared *shared = calloc(1, sizeof(*shared));
	struct vm vm = { .fd = -1, .shared = shared };
	struct population t = { 0 };
	struct machine m = { 0 };
	uint64_t isar0, isar1;

	if (!shared || !suppose(o->predict, shared, &m)) {
		fprintf(stderr, "nvh-litmus: --predict %s: not the words of a population's features=\n", o->predict);
		return EXIT_USAGE;
	}
	isar0 = shared->id_isar0;
	isar1 = shared->id_isar1;
	for (size_t i = 0; i < n; i++) {
		struct litmus *l = &cases[i];
		struct finding f = { 0 };

		population_select(&t, l->name);
		l->config.qemu = o->qemu;
		vm.config = l->config;
		/* As vm_shape() hides it. */
		shared->id_isar0 = l->config.hide_os ? 0 : l->config.hide_range && isar0 ? 1ull << 56 : isar0;
		shared->id_isar1 = l->config.hide_xs ? 0 : isar1;
		applies_without_vm(l, &m, &f);
		if (!f.verdict) {
			population_machine(&t, shared);
			applies(l, &vm, &m, &f);
		}
		if (!f.verdict) {
			population_needs(&t, applies_needs(l));
			l->vm = &vm;
			l->probe_count = 0;
			memset(l->steps, 0, sizeof(l->steps));
			l->build(l);
			if (applies_as_built(l, &vm, &f))
				foresee(l, &f);
			/* With the operation left out what obliges nothing passes, and cannot tell. */
			if (o->self_test && !f.obliged && !strcmp(f.verdict, "pass"))
				not_applicable(&f, "nothing-obliged");
		}
		population_count(&t, l->name, &f, strcmp(f.verdict, "pass") ? 0 : 1);
	}
	population_print(&t, m.e2h0, m.pes, m.page_size);
	free(shared);
	return EXIT_OK;
}
