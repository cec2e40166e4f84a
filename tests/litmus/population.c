// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on this machine, for tests/litmus/test_population.py: feeds images/payloads/litmus/host/population.c with
 * the findings that standard input tells, `NAME VERDICT CONTROL OBLIGED ATTEMPTS [WHY]` a line, `select NAME` for a
 * case that is selected only, and prints the population.
 */
#include "host/population.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	struct population p = { 0 };
	struct shared *s = calloc(1, sizeof(*s));
	char line[512], name[96], verdict[32], control[32], why[200];
	unsigned obliged, attempts;

	s->id_isar0 = 2ull << 56;
	s->id_isar1 = 1ull << 56;
	s->id_mmfr0 = 2ull << 40 | 1ull << 32 | 2ull << 36;
	population_machine(&p, s);
	s->id_isar0 = 1ull << 56; /* the next VM hides FEAT_TLBIRANGE */
	population_machine(&p, s);
	while (fgets(line, sizeof(line), stdin)) {
		struct finding f = { 0 };

		why[0] = 0;
		if (sscanf(line, "select %95s", name) == 1) {
			population_select(&p, name);
			continue;
		}
		if (sscanf(line, "%95s %31s %31s %u %u %199[^\n]", name, verdict, control, &obliged, &attempts, why) < 5)
			return 2;
		population_select(&p, name);
		f.verdict = verdict;
		f.control = control;
		f.obliged = obliged;
		snprintf(f.why, sizeof(f.why), "%s", why);
		population_count(&p, name, &f, attempts);
	}
	population_print(&p, true, 2, 4096);
	printf("status=%d\n", population_status(&p));
	free(s);
	return 0;
}
