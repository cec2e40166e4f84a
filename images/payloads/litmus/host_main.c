// SPDX-License-Identifier: GPL-2.0
/* nvh-litmus: options, the loop over the cases, and what is printed. */
#include "host.h"

#include <fnmatch.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CASE_TIMEOUT_S 20
#define SLOW_TIMEOUT_S 240
#define ATTEMPTS 4 /* a control may be lost to an event at L0; more than this is a finding */

static const char usage[] =
	"usage: nvh-litmus [options]\n"
	"  --list           print the selected cases and end\n"
	"  --case GLOB      only cases whose name matches (may be repeated)\n"
	"  --op NAME        only cases of this operation\n"
	"  --granule SIZE   only cases with this stage-2 granule: 4k, 16k or 64k\n"
	"  --cpus N         only cases with N vCPUs\n"
	"  --seconds S      begin no case after S seconds; race cases loop for as long\n"
	"  --every N        only each Nth of the selected cases\n"
	"  --self-test      leave the operation out and expect each case to fail\n"
	"  --quiet          print only cases that did not pass\n"
	"exit status: 0 all passed, 1 some did not, 2 usage, 3 no KVM with EL2\n";

struct options {
	const char *globs[16];
	unsigned glob_count;
	const char *op, *granule;
	unsigned cpus, seconds, every;
	bool list, self_test, quiet;
};

struct tally {
	unsigned cases, passed, failed, not_applicable, vacuous, unable;
};

struct litmus *list_add(struct list *list, const struct litmus *l, const char *format, ...)
{
	struct litmus *slot;
	va_list args;

	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 1024;
		list->cases = realloc(list->cases, list->room * sizeof(*list->cases));
		if (!list->cases)
			abort();
	}
	slot = &list->cases[list->count++];
	*slot = *l;
	va_start(args, format);
	vsnprintf(slot->name, sizeof(slot->name), format, args);
	va_end(args);
	return slot;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool selected(const struct litmus *l, const struct options *o)
{
	bool matches = !o->glob_count;

	for (unsigned i = 0; i < o->glob_count; i++)
		matches |= !fnmatch(o->globs[i], l->name, 0);
	return matches && (!o->op || !strcmp(o->op, operations[l->op].name)) &&
	       (!o->granule || !strcmp(o->granule, granule_word(l->shift))) &&
	       (!o->cpus || o->cpus == l->config.cpus);
}

static void print_case(const struct litmus *l, const struct finding *f, double ns)
{
	static const char *const scopes[] = { "local", "is", "os" };
	const struct operation *op = &operations[l->op];

	printf("case=%s op=%s regime=%s granule=%s scope=%s control=%s verdict=%s refaults=%u ns=%.0f%s%s\n", l->name,
	       op->name, l->regime, granule_word(l->shift), scopes[op->scope], f->control, f->verdict, f->refaults, ns,
	       f->why[0] ? " " : "", f->why);
	fflush(stdout);
}

static void run_once(struct litmus *l, struct vm *vm, struct finding *f)
{
	enum ran ran;

	l->vm = vm;
	l->probe_count = 0;
	memset(l->steps, 0, sizeof(l->steps));
	for (unsigned i = 0; i < CPUS_MAX; i++)
		vm->shared->program[i].step[0].kind = STEP_END;
	l->build(l);
	ran = vm_run(vm, l->slow ? SLOW_TIMEOUT_S : CASE_TIMEOUT_S);
	if (ran == RAN) {
		judge(l, f);
		return;
	}
	memset(f, 0, sizeof(*f));
	f->control = "none";
	f->verdict = ran == RAN_HANG ? "hang" : "broken";
	if (ran == RAN_HANG)
		snprintf(f->why, sizeof(f->why), "why=\"no answer in time, pc=0x%lx\"", vm_pc(vm, 0));
	else
		snprintf(f->why, sizeof(f->why), "why=\"%s\"", vm->broken);
}

static void run_case(struct litmus *l, struct vm *vm, const struct options *o, struct finding *f)
{
	vm->shared->skip = o->self_test;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		run_once(l, vm, f);
		if (strcmp(f->verdict, "vacuous"))
			return;
	}
}

static void count(struct tally *t, const struct finding *f)
{
	t->cases++;
	if (!strcmp(f->verdict, "pass"))
		t->passed++;
	else if (!strcmp(f->verdict, "not-applicable"))
		t->not_applicable++;
	else if (!strcmp(f->verdict, "vacuous"))
		t->vacuous++;
	else
		t->failed++;
}

/* With the operation left out a case has to fail; one that passes cannot see its absence on this model. */
static void invert(struct finding *f, struct tally *t)
{
	if (!strcmp(f->verdict, "fail")) {
		f->verdict = "pass";
		f->why[0] = 0;
	} else if (!strcmp(f->verdict, "pass")) {
		f->verdict = "unable-to-fail";
		t->unable++;
	}
}

static bool same_config(const struct config *a, const struct config *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void applicability(const struct litmus *l, const struct vm *vm, struct finding *f)
{
	const char *why = vm_lacks(vm, &operations[l->op]);

	memset(f, 0, sizeof(*f));
	if (!why || l->config.hide_os || l->config.hide_range || l->config.hide_xs)
		return;
	f->control = "none";
	f->verdict = "not-applicable";
	snprintf(f->why, sizeof(f->why), "why=%s", why);
}

static int run_all(struct litmus *cases, size_t n, const struct options *o)
{
	struct tally t = { 0 };
	struct vm vm = { .fd = -1 };
	bool have = false;
	double start = seconds();

	for (size_t i = 0; i < n && (!o->seconds || seconds() - start < o->seconds); i++) {
		struct litmus *l = &cases[i];
		struct finding f = { 0 };
		double begin = seconds();

		if (have && (!same_config(&vm.config, &l->config) || vm.broken[0])) {
			vm_destroy(&vm);
			have = false;
		}
		if (!have && !vm_create(&vm, &l->config)) {
			f = (struct finding){ .verdict = "broken", .control = "none" };
			snprintf(f.why, sizeof(f.why), "why=\"%s\"", vm.broken);
			vm_destroy(&vm);
		} else {
			have = true;
			applicability(l, &vm, &f);
			if (!f.verdict)
				run_case(l, &vm, o, &f);
		}
		if (o->self_test)
			invert(&f, &t);
		count(&t, &f);
		if (!o->quiet || (strcmp(f.verdict, "pass") && strcmp(f.verdict, "not-applicable")))
			print_case(l, &f, (seconds() - begin) * 1e9);
		/* After a hang or an exception the payload is in no state to go on. */
		if (have && (!strcmp(f.verdict, "hang") || !strcmp(f.verdict, "broken"))) {
			vm_destroy(&vm);
			have = false;
		}
	}
	if (have)
		vm_destroy(&vm);
	printf("cases=%u passed=%u failed=%u vacuous=%u not_applicable=%u unable_to_fail=%u seconds=%.2f\n", t.cases,
	       t.passed, t.failed - t.unable, t.vacuous, t.not_applicable, t.unable, seconds() - start);
	return t.failed || t.vacuous || !t.passed ? EXIT_FAILED : EXIT_OK;
}

static bool number(const char *text, unsigned *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*out = (unsigned)value;
	return *text && !*end && value && value < 1000000;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "list", no_argument, NULL, 'l' },	   { "case", required_argument, NULL, 'c' },
		{ "op", required_argument, NULL, 'o' },	   { "granule", required_argument, NULL, 'g' },
		{ "cpus", required_argument, NULL, 'n' },  { "seconds", required_argument, NULL, 's' },
		{ "every", required_argument, NULL, 'e' }, { "self-test", no_argument, NULL, 't' },
		{ "quiet", no_argument, NULL, 'q' },	   { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'l':
			o->list = true;
			break;
		case 'c':
			if (o->glob_count == sizeof(o->globs) / sizeof(*o->globs))
				return false;
			o->globs[o->glob_count++] = optarg;
			break;
		case 'o':
			o->op = optarg;
			break;
		case 'g':
			o->granule = optarg;
			break;
		case 'n':
			if (!number(optarg, &o->cpus))
				return false;
			break;
		case 's':
			if (!number(optarg, &o->seconds))
				return false;
			break;
		case 'e':
			if (!number(optarg, &o->every))
				return false;
			break;
		case 't':
			o->self_test = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct options o = { .every = 1 };
	struct list list = { 0 };
	size_t n = 0, met = 0;

	if (!parse(argc, argv, &o)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	cases_stage2(&list);
	for (size_t i = 0; i < list.count; i++)
		if (selected(&list.cases[i], &o) && !(met++ % o.every))
			list.cases[n++] = list.cases[i];
	if (!n) {
		fputs("nvh-litmus: no case is selected; see --list\n", stderr);
		return EXIT_USAGE;
	}
	if (o.list) {
		for (size_t i = 0; i < n; i++)
			puts(list.cases[i].name);
		return EXIT_OK;
	}
	if (!kvm_has_el2()) {
		fputs("nvh-litmus: KVM offers no EL2 to guests; boot with kvm-arm.mode=nested on FEAT_NV2\n", stderr);
		return EXIT_ENVIRONMENT;
	}
	return run_all(list.cases, n, &o);
}
