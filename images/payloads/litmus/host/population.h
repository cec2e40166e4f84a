/* SPDX-License-Identifier: GPL-2.0-only */
/* What a run of nvh-litmus consisted of: the line population=... that the harness holds against its table. */
#ifndef NVH_LITMUS_POPULATION_H
#define NVH_LITMUS_POPULATION_H

#include "host/case.h"

#define REASONS_MAX 24

#define EXTRAS_MAX 12

struct population {
	unsigned selected, run, passed, failed, vacuous, unable;
	/* Of the cases that were judged (pass or fail), by their evidence; docs/populations.md. */
	unsigned seen, direct, unobservable, free;
	unsigned not_applicable, reasons;
	struct {
		char why[sizeof(((struct finding *)0)->why)];
		unsigned count;
	} reason[REASONS_MAX];
	unsigned attempted, attempts, worst; /* cases that ran, how often in all, and the one that ran most often */
	char worst_case[96];
	uint64_t names; /* the sum of the FNV-1a hashes of the selected cases' names, in any order */
	uint64_t isar0, isar1, mmfr0, mmfr2, mmfr4; /* what some VM's L1 had: the greatest of each field that is used */
	bool machine; /* one of these was read */
	unsigned extra_count;
	const char *extra[EXTRAS_MAX]; /* more features, each of which some case needed and had */
};

void population_select(struct population *p, const char *name);
/* L1's ID registers, as its payload read them. */
void population_machine(struct population *p, const struct shared *s);
/* A case that ran needs this feature, which is a string that stays; NULL: none but those of the machine. */
void population_needs(struct population *p, const char *feature);
/* One case that ended; `attempts` is 0 for one that did not run. With the self-test `f` is what invert() made of it. */
void population_count(struct population *p, const char *name, const struct finding *f, unsigned attempts);
/* The exit status of such a run (host/exits.h). */
int population_status(const struct population *p);
void population_print(const struct population *p, bool e2h0, unsigned pes, unsigned page_size);

#endif
