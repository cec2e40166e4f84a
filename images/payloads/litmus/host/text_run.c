// SPDX-License-Identifier: GPL-2.0-only
/* Runs the programs of a text one after another, those of one kind in one VM, and prints what each one saw. */
#include "host/text_run.h"
#include "host/clock.h"
#include "host/exits.h"
#include "host/observe.h"
#include "host/run.h"
#include "host/text.h"
#include "host/text_head.h"
#include "host/vcpu.h"
#include "host/vm.h"
#include "host/features.h"
#include "number.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S 60
#define LINES_MAX 512

/* Where the text comes from, and the VM of the last program. */
struct session {
	FILE *in;
	unsigned line;
	struct vm vm;
	other_vm_action other_vm;
	bool have, leave;
	char world[32]; /* of the VM's programs */
	double begun;	/* of the program */
	unsigned programs, passed, failed, vacuous, not_applicable, vms;
	unsigned announced; /* how many programs the text says that it has, or 0 */
};

static unsigned cut(char *line, char **words, const char **allowed)
{
	char *arrow = strstr(line, "=>"), *rest = NULL;
	unsigned n = 0;

	*allowed = NULL;
	if (arrow) {
		*arrow = 0;
		*allowed = strtok_r(arrow + 2, " \t\n", &rest);
	}
	for (char *w = strtok_r(line, " \t\n", &rest); w && n < WORDS_MAX; w = strtok_r(NULL, " \t\n", &rest)) {
		if (*w == '#')
			break;
		words[n++] = w;
	}
	return n;
}

static void drop(struct session *s)
{
	if (s->have)
		vm_destroy(&s->vm);
	s->have = false;
}

/* Another VM comes, and nothing is wrong with this one. */
static void part(struct session *s)
{
	if (s->have)
		vm_end(&s->vm, s->leave);
	s->have = false;
}

/* The first line of a text may say `programs N`: then it is wrong to have more or fewer of them. */
static bool announce(struct session *s, char **words, unsigned n)
{
	return n == 2 && !strcmp(words[0], "programs") && !s->programs &&
	       number_unsigned(words[1], 1, UINT_MAX, &s->announced);
}

static bool ready(struct session *s, const struct text *t)
{
	s->begun = seconds();
	if (s->have && (t->fresh || strcmp(s->world, t->world) || memcmp(&s->vm.config, &t->config, sizeof(t->config))))
		part(s);
	if (s->have)
		return true;
	s->have = true; /* what a creation that failed left is destroyed, too */
	s->vms++;
	memcpy(s->world, t->world, sizeof(s->world));
	if (!vm_create(&s->vm, &t->config))
		return false;
	s->vm.other_vm = s->other_vm;
	return true;
}

/* The first observation that is not allowed, or NULL; prints all of them in the order of the lines. */
static const struct watch *judge_all(const struct session *s, const struct text *t, char *bad, size_t size, bool *late)
{
	const struct watch *first = NULL;
	char word[160];

	printf("program=%s observed=", t->name);
	for (unsigned i = 0; i < t->watches; i++) {
		const struct watch *w = &t->watch[i];

		observation(t, w, &s->vm.shared->program[w->cpu].outcome[w->step], word, sizeof(word));
		printf("%s%u:%s", i ? "," : "", w->line, word);
		if (!strcmp(word, "timeout")) {
			*late = true;
		} else if (!first && w->allowed && !observation_allowed(w->allowed, word)) {
			first = w;
			snprintf(bad, size, "%s", word);
		}
	}
	return first;
}

static void execute(struct session *s, const struct text *t)
{
	enum ran ran = vm_run(&s->vm, TIMEOUT_S);
	bool gone = !s->vm.other_vm || s->vm.other_vm(&s->vm, OTHER_VM_IS_GONE);
	const struct watch *bad;
	bool late = false;
	char word[160], why[240];

	if (ran == RAN_HANG) {
		vm_where(&s->vm, why, sizeof(why));
		printf("program=%s observed= verdict=hang %s\n", t->name, why);
		s->failed++;
		drop(s);
		return;
	}
	if (ran != RAN || !gone || s->vm.broken[0]) {
		printf("program=%s observed= verdict=broken why=\"%s\"\n", t->name, s->vm.broken);
		s->failed++;
		drop(s);
		return;
	}
	bad = judge_all(s, t, word, sizeof(word), &late);
	if (bad) {
		printf(" verdict=fail line=%u ms=%.0f saw=%s allowed=%s\n", bad->line, (seconds() - s->begun) * 1e3, word, bad->allowed);
		s->failed++;
		drop(s); /* what a faulty kernel kept must not be seen by the next program */
	} else if (late) {
		printf(" verdict=vacuous\n");
		s->vacuous++;
		drop(s);
	} else {
		printf(" verdict=pass ms=%.0f\n", (seconds() - s->begun) * 1e3);
		s->passed++;
	}
}

/* What the program's contexts need and L1 has not, or NULL. */
static const char *contexts_lack(const struct vm *vm, const struct text *t)
{
	unsigned hafdbs = (unsigned)FIELD(vm->shared->id_mmfr1, MMFR1_HAFDBS);
	unsigned granule = text_granule(t->world); /* a world of programs is named by it */

	if (t->needs_more & (CONTEXT_HA | CONTEXT_HD) && !hafdbs)
		return "no-FEAT_HAFDBS";
	if (t->needs_more & CONTEXT_HD && hafdbs < MMFR1_HAFDBS_DIRTY)
		return "no-dirty-state-of-FEAT_HAFDBS";
	if (t->needs_more & CONTEXT_S1_DS && !vm_has_lpa2(vm, granule))
		return "no-FEAT_LPA2";
	if (t->needs_more & CONTEXT_S2_DS && !vm_has_stage2_lpa2(vm, granule))
		return "no-FEAT_LPA2-at-stage-2";
	if (t->needs_more & CONTEXT_FWB && !FIELD(vm->shared->id_mmfr2, MMFR2_FWB))
		return "no-FEAT_S2FWB";
	return NULL;
}

/* What the program needs and L1 has not, or NULL. */
static const char *what_lacks(const struct session *s, const struct text *t)
{
	const char *why = contexts_lack(&s->vm, t);

	if (why)
		return why;
	if (t->config.e2h0 && s->vm.shared->e2h)
		return "no-FEAT_E2H0";
	return vm_lacks(&s->vm, &t->needs);
}

/* One program, up to its `end`; false at the end of the text or at an error. */
static bool next(struct session *s, bool *usage)
{
	static struct text t;
	static char *kept[LINES_MAX];
	char *words[WORDS_MAX];
	const char *allowed, *lacks = NULL;
	unsigned count = 0, own = 0;
	bool fine = true, begun = false;
	size_t room = 0;
	char *line = NULL;

	while (fine && getline(&line, &room, s->in) >= 0) {
		unsigned n;

		s->line++;
		if (count < LINES_MAX) {
			kept[count++] = line; /* the words that are allowed are looked at later */
		} else {
			fine = false;
			snprintf(t.error, sizeof(t.error), "more than %u lines", LINES_MAX);
			break;
		}
		n = cut(line, words, &allowed);
		line = NULL;
		room = 0;
		own++;
		if (!n)
			continue;
		if (!begun && announce(s, words, n))
			continue;
		if (!begun) {
			own = 0; /* lines of a program count from the one after `program` */
			begun = true;
			fine = text_begin(&t, words, n);
			lacks = fine && t.config.e2h0 && !kvm_has_e2h0() ? "no-FEAT_E2H0" : NULL;
			if (fine && !lacks && !ready(s, &t)) {
				printf("program=%s observed= verdict=broken why=\"%s\"\n", t.name, s->vm.broken);
				s->failed++;
				drop(s);
				s->programs++;
				fine = false;
				goto out;
			}
			if (fine && !lacks) {
				text_start(&t, &s->vm);
				lacks = what_lacks(s, &t);
			}
		} else if (!strcmp(words[0], "end")) {
			s->programs++;
			if (lacks) {
				printf("program=%s observed= verdict=not-applicable why=%s\n", t.name, lacks);
				s->not_applicable++;
			} else {
				execute(s, &t);
			}
			goto out;
		} else if (!lacks) {
			fine = text_line(&t, &s->vm, own, words, n, allowed);
		}
	}
	if (!fine || begun) {
		fprintf(stderr, "nvh-litmus: line %u: %s\n", s->line, fine ? "the program has no `end`" : t.error);
		*usage = true;
	}
	fine = false;
	free(line);
	line = NULL;
out:
	for (unsigned i = 0; i < count; i++)
		free(kept[i]);
	return fine;
}

int text_run(const char *path, unsigned failures, bool leave, other_vm_action other_vm)
{
	struct session s = {
		.in = strcmp(path, "-") ? fopen(path, "re") : stdin,
		.vm = { .fd = -1 },
		.leave = leave,
		.other_vm = other_vm,
	};
	static char buffer[1 << 16];
	double begin = seconds();
	bool usage = false;

	if (!s.in) {
		fprintf(stderr, "nvh-litmus: %s: %s\n", path, strerror(errno));
		return EXIT_USAGE;
	}
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	while (next(&s, &usage) && (!failures || s.failed < failures))
		;
	part(&s);
	printf("programs=%u passed=%u failed=%u vacuous=%u not_applicable=%u vms=%u seconds=%.2f\n", s.programs, s.passed,
	       s.failed, s.vacuous, s.not_applicable, s.vms, seconds() - begin);
	if (s.announced && s.programs != s.announced && !usage && (!failures || s.failed < failures)) {
		fprintf(stderr, "nvh-litmus: %s: %u programs of %u\n", path, s.programs, s.announced);
		usage = true;
	}
	fflush(stdout);
	if (s.in != stdin)
		fclose(s.in);
	if (usage)
		return EXIT_USAGE;
	return s.failed ? EXIT_FAILED : s.vacuous ? EXIT_LOST : s.passed ? EXIT_OK : EXIT_FAILED;
}

int text_features(void)
{
	struct config config = { .cpus = 1 };
	struct vm vm;
	bool made = vm_create(&vm, &config);
	unsigned tlb = 0, xs = 0;

	if (made) {
		tlb = (unsigned)FIELD(vm.shared->id_isar0, ISAR0_TLB);
		xs = (unsigned)FIELD(vm.shared->id_isar1, ISAR1_XS);
		printf("TLBIOS=%u TLBIRANGE=%u XS=%u\n", tlb >= 1, tlb >= 2, xs >= 1);
	} else {
		fprintf(stderr, "nvh-litmus: %s\n", vm.broken);
	}
	vm_destroy(&vm);
	return made ? EXIT_OK : EXIT_ENVIRONMENT;
}
