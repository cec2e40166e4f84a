// SPDX-License-Identifier: GPL-2.0-only
/* nvh-litmus: options, the loop over the cases, and what is printed. */
#include "host/text.h"
#include "host/options.h"
#include "host/population.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CASE_TIMEOUT_S 20
#define SLOW_TIMEOUT_S 240
#define ATTEMPTS 16 /* a control may be lost to an event at L0; as often as this it is a finding */
#define PAUSE_US 20000

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
	slot->number = (unsigned)list->count;
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

static const char *operation_word(const struct litmus *l)
{
	return l->op == NO_OPERATION ? "none" : operations[l->op].name;
}

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

static void print_case(const struct litmus *l, const struct finding *f, double ns)
{
	static const char *const scopes[] = { "local", "is", "os" };
	bool none = l->op == NO_OPERATION;

	printf("case=%s op=%s regime=%s granule=%s scope=%s l1=%s obliged=%s control=%s verdict=%s refaults=%u ns=%.0f%s%s\n",
	       l->name, operation_word(l), l->regime, granule_word(l->shift),
	       none ? "none" : scopes[operations[l->op].scope], l->config.e2h0 ? "nvhe" : "vhe",
	       f->obliged ? "yes" : "no", f->control, f->verdict, f->refaults, ns, f->why[0] ? " " : "", f->why);
	fflush(stdout);
}

static void broken(struct finding *f, const struct vm *vm)
{
	*f = (struct finding){ .verdict = "broken", .control = "none" };
	snprintf(f->why, sizeof(f->why), "why=\"%s\"", vm->broken);
}

/* Granule of vEL2's own tables. */
static unsigned vel2_shift(const struct litmus *l)
{
	return l->vel2 ? l->shift : l->config.vel2_shift ? l->config.vel2_shift : 12;
}

static void run_once(struct litmus *l, struct vm *vm, struct finding *f)
{
	enum ran ran;
	uint64_t disturbed;

	l->vm = vm;
	l->probe_count = 0;
	memset(l->steps, 0, sizeof(l->steps));
	for (unsigned i = 0; i < CPUS_MAX; i++)
		vm->shared->program[i].step[0].kind = STEP_END;
	vm->shared->race_end = 0;
	vm->shared->vel2_shift = vel2_shift(l);
	vm->shared->vel2_tcr = vm->shared->vel2_ttbr[0] = vm->shared->vel2_ttbr[1] = 0;
	l->build(l);
	vm->shared->loose = loosen(l) || vm->shared->skip;
	if (!disturb_start(vm, l->disturb)) {
		broken(f, vm);
		return;
	}
	ran = vm_run(vm, l->timeout_s ? l->timeout_s : l->slow ? SLOW_TIMEOUT_S : CASE_TIMEOUT_S);
	disturbed = disturb_stop(vm);
	if (ran == RAN && !vm->broken[0]) {
		judge(l, f);
		if (f->reads && !f->why[0])
			snprintf(f->why, sizeof(f->why), "rounds=%lu reads=%lu %s=%lu", f->rounds, f->reads,
				 disturb_word(l->disturb), disturbed);
		if (l->disturb && !disturbed && !strcmp(f->verdict, "pass"))
			f->verdict = "vacuous";
		return;
	}
	if (ran == RAN_HANG) {
		*f = (struct finding){ .verdict = "hang", .control = "none" };
		vm_where(vm, f->why, sizeof(f->why));
		return;
	}
	broken(f, vm);
}

/* Returns how often the case had to run. */
static unsigned run_case(struct litmus *l, struct vm *vm, const struct options *o, struct finding *f)
{
	vm->shared->skip = o->self_test;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		run_once(l, vm, f);
		/* An event at L0 takes a stale translation away: too early for the control, or for the self-test. */
		if (strcmp(f->verdict, "vacuous") && !(o->self_test && !strcmp(f->verdict, "pass") && f->obliged))
			return i + 1;
		if (i >= ATTEMPTS / 4)
			usleep(PAUSE_US); /* let what disturbs it pass */
	}
	return ATTEMPTS;
}

static void not_applicable(struct finding *f, const char *why)
{
	f->control = "none";
	f->verdict = "not-applicable";
	snprintf(f->why, sizeof(f->why), "why=%s", why);
}

/* With the operation left out a case has to fail; one that passes cannot see its absence on this model. */
static void invert(struct finding *f)
{
	if (!strcmp(f->verdict, "fail")) {
		f->verdict = "pass";
		f->why[0] = 0;
	} else if (!strcmp(f->verdict, "pass") && !f->obliged) {
		not_applicable(f, "nothing-obliged");
	} else if (!strcmp(f->verdict, "pass")) {
		f->verdict = "unable-to-fail";
	}
}

static bool same_config(const struct config *a, const struct config *b)
{
	return !memcmp(a, b, sizeof(*a));
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

/* Of the machine, besides what L1's ID registers say. */
struct machine {
	unsigned pes, page_size;
	bool e2h0;
};

static void applicability(const struct litmus *l, const struct vm *vm, const struct machine *m, struct finding *f)
{
	const char *why = l->op == NO_OPERATION ? NULL : vm_lacks(vm, &operations[l->op]);

	if (l->nv && !(vm->shared->id_mmfr2 >> 24 & 0xf) && !(vm->shared->id_mmfr4 >> 20 & 0xf))
		why = "no-FEAT_NV2"; /* ID_AA64MMFR2_EL1.NV, ID_AA64MMFR4_EL1.NV_frac */
	if (!l->any_stage2 && !vm_has_stage2(vm, l->shift))
		why = l->shift == 12 ? "no-stage-2-granule-4k" : "no-stage-2-granule-16k";
	if (l->small_pages && m->page_size != 4096)
		why = "needs-4K-pages-at-L0";
	if (m->pes < l->pes)
		why = "too-few-CPUs-at-L0";

	if (!why || l->config.hide_os || l->config.hide_range || l->config.hide_xs)
		return;
	not_applicable(f, why);
}

static bool goes_on(const struct options *o, const struct population *t, double s)
{
	return (!o->seconds || s < o->seconds) && (!o->failures || t->failed < o->failures);
}

static void drop(struct vm *vm, const struct options *o)
{
	if (o->leave)
		vm_leave(vm);
	else
		vm_destroy(vm);
}

static int run_all(struct litmus *cases, size_t n, const struct options *o)
{
	const struct machine m = { vm_pes(), (unsigned)getpagesize(), kvm_has_e2h0() };
	struct population t = { 0 };
	struct vm vm = { .fd = -1 };
	bool have = false;
	double start = seconds();

	for (size_t i = 0; i < n; i++)
		population_select(&t, cases[i].name);
	for (size_t i = 0; i < n && goes_on(o, &t, seconds() - start); i++) {
		struct litmus *l = &cases[i];
		struct finding f = { 0 };
		double begin = seconds();
		unsigned attempts = 0;

		l->config.qemu = o->qemu;
		if (have && (!same_config(&vm.config, &l->config) || vm.broken[0])) {
			drop(&vm, o);
			have = false;
		}
		if (l->config.e2h0 && !m.e2h0) {
			not_applicable(&f, "no-FEAT_E2H0");
		} else if (o->qemu && qemu_lacks(l)) {
			not_applicable(&f, qemu_lacks(l));
		} else if (!have && !vm_create(&vm, &l->config)) {
			broken(&f, &vm);
			vm_destroy(&vm);
		} else {
			have = true;
			population_machine(&t, vm.shared);
			applicability(l, &vm, &m, &f);
			if (!f.verdict) {
				mark_case(l, "begin");
				attempts = run_case(l, &vm, o, &f);
				mark_case(l, "end");
			}
		}
		if (o->self_test)
			invert(&f);
		population_count(&t, l->name, &f, attempts);
		if (!o->quiet || (strcmp(f.verdict, "pass") && strcmp(f.verdict, "not-applicable")))
			print_case(l, &f, (seconds() - begin) * 1e9);
		/* After a hang or an exception the payload is in no state to go on. */
		if (have && (!strcmp(f.verdict, "hang") || !strcmp(f.verdict, "broken"))) {
			drop(&vm, o);
			have = false;
		}
	}
	if (have)
		drop(&vm, o);
	population_print(&t, m.e2h0, m.pes, m.page_size);
	printf("cases=%u passed=%u failed=%u vacuous=%u not_applicable=%u unable_to_fail=%u seconds=%.2f\n", t.run,
	       t.passed, t.failed, t.vacuous, t.not_applicable, t.unable, seconds() - start);
	return t.failed || t.unable || t.vacuous || !t.passed ? EXIT_FAILED : EXIT_OK;
}

/* The words of a population's `features=`, as L1's ID registers and the machine; false for one that is unknown. */
static bool suppose(const char *words, struct shared *s, struct machine *m)
{
	char text[256], *rest = NULL;

	s->id_mmfr0 = 1ull << 40 | 1ull << 32 | 1ull << 36;
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
		else if (!strcmp(w, "s2-4k"))
			s->id_mmfr0 ^= 3ull << 40;
		else if (!strcmp(w, "s2-16k"))
			s->id_mmfr0 ^= 3ull << 32;
		else if (!strcmp(w, "s2-64k"))
			s->id_mmfr0 ^= 3ull << 36;
		else if (sscanf(w, "pages-%uk", &m->page_size) == 1)
			m->page_size <<= 10;
		else if (sscanf(w, "cpus-%u", &m->pes) != 1)
			return false;
	}
	return m->pes && m->page_size;
}

/* What run_all() says where each case passes at the first attempt. The programs are built and not carried out. */
static int predict(struct litmus *cases, size_t n, const struct options *o)
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
		if (l->config.e2h0 && !m.e2h0) {
			not_applicable(&f, "no-FEAT_E2H0");
		} else if (o->qemu && qemu_lacks(l)) {
			not_applicable(&f, qemu_lacks(l));
		} else {
			population_machine(&t, shared);
			applicability(l, &vm, &m, &f);
		}
		if (!f.verdict) {
			l->vm = &vm;
			l->probe_count = 0;
			memset(l->steps, 0, sizeof(l->steps));
			l->build(l);
			foresee(l, &f);
			/* With the operation left out what obliges nothing passes, and cannot tell. */
			if (o->self_test && !f.obliged)
				not_applicable(&f, "nothing-obliged");
		}
		population_count(&t, l->name, &f, strcmp(f.verdict, "pass") ? 0 : 1);
	}
	population_print(&t, m.e2h0, m.pes, m.page_size);
	free(shared);
	return EXIT_OK;
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
	if (o.program)
		return text_run(o.program, o.failures);
	cases_hang(&list); /* first, so that others follow */
	cases_stage2(&list);
	cases_trap(&list);
	cases_change(&list);
	cases_own(&list);
	cases_events(&list);
	cases_race(&list);
	cases_remote(&list);
	cases_vel2(&list);
	cases_el0(&list);
	cases_operand(&list);
	cases_vmids(&list);
	cases_vncr(&list);
	cases_vncr_more(&list);
	cases_migrate(&list);
	cases_huge(&list);
	cases_fine(&list);
	cases_vncr_asid(&list);
	cases_life(&list);
	cases_wide(&list);
	cases_walk(&list);
	cases_at(&list);
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
