// SPDX-License-Identifier: GPL-2.0-only
/* Counts what a run of nvh-litmus consisted of. Runs at L0; the tests run it natively with findings of their own. */
#include "host/population.h"
#include "host/exits.h"

#include <stdio.h>
#include <string.h>

#define ID_FIELD(reg, low) ((reg) >> (low) & 0xf)

/* FNV-1a, 64 bits (RFC 9923). The harness computes the same of the names that it reads. */
static uint64_t hash(const char *name)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	return h;
}

void population_select(struct population *p, const char *name)
{
	p->selected++;
	p->names += hash(name);
}

static void widen(uint64_t *reg, uint64_t from, unsigned low)
{
	if (ID_FIELD(from, low) > ID_FIELD(*reg, low))
		*reg = (*reg & ~(0xfull << low)) | ID_FIELD(from, low) << low;
}

void population_machine(struct population *p, const struct shared *s)
{
	p->machine = true;
	widen(&p->isar0, s->id_isar0, 56);
	widen(&p->isar1, s->id_isar1, 56);
	for (unsigned low = 32; low <= 40; low += 4)
		widen(&p->mmfr0, s->id_mmfr0, low);
	widen(&p->mmfr2, s->id_mmfr2, 24);
	widen(&p->mmfr4, s->id_mmfr4, 20);
}

void population_needs(struct population *p, const char *feature)
{
	unsigned i = 0;

	while (feature && i < p->extra_count && strcmp(p->extra[i], feature))
		i++;
	if (feature && i == p->extra_count && i < EXTRAS_MAX)
		p->extra[p->extra_count++] = feature;
}

static void count_reason(struct population *p, const char *why)
{
	unsigned i = 0;

	if (!strncmp(why, "why=", 4))
		why += 4;
	while (i < p->reasons && strcmp(p->reason[i].why, why))
		i++;
	if (i == REASONS_MAX) {
		i--; /* the total is still right, and the list then is not that of the table */
	} else if (i == p->reasons) {
		snprintf(p->reason[i].why, sizeof(p->reason[i].why), "%s", why);
		p->reasons++;
	}
	p->reason[i].count++;
	p->not_applicable++;
}

static void count_evidence(struct population *p, const struct finding *f)
{
	if (!f->obliged)
		p->free++;
	else if (!strcmp(f->control, "stale-seen"))
		p->seen++;
	else if (!strcmp(f->control, "not-observable"))
		p->unobservable++;
	else
		p->direct++;
}

void population_count(struct population *p, const char *name, const struct finding *f, unsigned attempts)
{
	p->run++;
	p->attempted += attempts > 0;
	p->attempts += attempts;
	if (attempts > p->worst) {
		p->worst = attempts;
		snprintf(p->worst_case, sizeof(p->worst_case), "%s", name);
	}
	if (!strcmp(f->verdict, "not-applicable")) {
		count_reason(p, f->why);
		return;
	}
	if (!strcmp(f->verdict, "vacuous"))
		p->vacuous++;
	else if (!strcmp(f->verdict, "unable-to-fail"))
		p->unable++;
	else if (!strcmp(f->verdict, "pass"))
		p->passed++;
	else
		p->failed++;
	if (!strcmp(f->verdict, "pass") || !strcmp(f->verdict, "fail"))
		count_evidence(p, f);
}

int population_status(const struct population *p)
{
	if (p->failed || p->unable)
		return EXIT_FAILED;
	if (p->vacuous)
		return EXIT_LOST;
	return p->passed ? EXIT_OK : EXIT_FAILED;
}

static void print_features(const struct population *p, bool e2h0, unsigned pes, unsigned page_size)
{
	unsigned tlb = ID_FIELD(p->isar0, 56);

	if (!p->machine) {
		printf("unknown");
		return;
	}
	printf("pages-%uk,cpus-%u", page_size >> 10, pes);
	printf("%s%s%s", tlb >= 1 ? ",TLBIOS" : "", tlb >= 2 ? ",TLBIRANGE" : "", ID_FIELD(p->isar1, 56) ? ",XS" : "");
	printf("%s%s", e2h0 ? ",E2H0" : "", ID_FIELD(p->mmfr2, 24) || ID_FIELD(p->mmfr4, 20) ? ",NV2" : "");
	/* ID_AA64MMFR0_EL1.TGranX_2: 1 says that the granule is not there at stage 2. */
	printf("%s%s%s", ID_FIELD(p->mmfr0, 40) != 1 ? ",s2-4k" : "", ID_FIELD(p->mmfr0, 32) != 1 ? ",s2-16k" : "",
	       ID_FIELD(p->mmfr0, 36) != 1 ? ",s2-64k" : "");
	for (unsigned i = 0; i < p->extra_count; i++)
		printf(",%s", p->extra[i]);
}

void population_print(const struct population *p, bool e2h0, unsigned pes, unsigned page_size)
{
	printf("population=nvh-litmus selected=%u run=%u cut=%u judged=%u passed=%u failed=%u vacuous=%u "
	       "unable_to_fail=%u not_applicable=%u seen=%u direct=%u unobservable=%u free=%u lost=%u worst=%u",
	       p->selected, p->run, p->selected - p->run, p->seen + p->direct + p->unobservable + p->free, p->passed,
	       p->failed, p->vacuous, p->unable, p->not_applicable, p->seen, p->direct, p->unobservable, p->free,
	       p->attempts - p->attempted, p->worst);
	printf(" worst_case=%s names=%016lx features=", p->worst > 1 ? p->worst_case : "none", p->names);
	print_features(p, e2h0, pes, page_size);
	printf(" reasons=");
	for (unsigned i = 0; i < p->reasons; i++)
		printf("%s%s:%u", i ? "," : "", p->reason[i].why, p->reason[i].count);
	printf("%s\n", p->reasons ? "" : "none");
}
