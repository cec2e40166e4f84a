// SPDX-License-Identifier: GPL-2.0-only
/* The loop over the cases: their VMs, how often each runs, and what is printed. */
#include "host/loop.h"
#include "host/applies.h"
#include "host/clock.h"
#include "host/disturb.h"
#include "host/exits.h"
#include "host/judge.h"
#include "host/loose.h"
#include "host/mark.h"
#include "host/pin.h"
#include "host/population.h"
#include "host/program.h"
#include "host/run.h"
#include "host/vcpu.h"
#include "host/vm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CASE_TIMEOUT_S 5 /* a case takes milliseconds; under icount these seconds may be half a minute of the host */
#define HOST_TIMEOUT_S 20 /* what goes on at L0 beside it takes its time, too */
#define SLOW_TIMEOUT_S 240
#define ATTEMPTS 16 /* a control may be lost to an event at L0; as often as this it is a finding */
#define PAUSE_US 20000

const char *operation_word(const struct litmus *l)
{
	return l->op == NO_OPERATION ? "none" : operations[l->op].name;
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

static unsigned patience_s(const struct litmus *l)
{
	if (l->timeout_s)
		return l->timeout_s;
	if (l->slow)
		return SLOW_TIMEOUT_S;
	return l->host || l->disturb || l->config.qemu ? HOST_TIMEOUT_S : CASE_TIMEOUT_S;
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
	vm->shared->vel2_wide = 0;
	vm->shared->vel2_sctlr = 0;
	vm->shared->vel2_tcr2 = vm->shared->vel2_pir = vm->shared->vel2_pire0 = 0;
	vm->shared->vel2_tcr = !(l->ds & DS_VEL2) ? 0 : l->config.e2h0 ? TCR_E2H0_DS : TCR_DS;
	vm->shared->vel2_ttbr[0] = vm->shared->vel2_ttbr[1] = 0;
	l->build(l);
	if (!applies_as_built(l, vm, f))
		return;
	vm->shared->loose = loosen(l) || vm->shared->skip;
	if (!disturb_start(vm, l->disturb)) {
		broken(f, vm);
		return;
	}
	ran = vm_run(vm, patience_s(l));
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
	vm->shared->keep_exit = o->keep_exit;
	vm->shared->pressure = o->pressure;
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

/* Where failures are few enough to stop at, a hang is enough: the next one would take as long. */
static bool goes_on(const struct options *o, const struct population *t, bool hung, double s)
{
	return (!o->seconds || s < o->seconds) && (!o->failures || (t->failed < o->failures && !hung));
}

int run_all(struct litmus *cases, size_t n, const struct options *o)
{
	const struct machine m = { vm_pes(), (unsigned)getpagesize(), kvm_has_e2h0() };
	struct population t = { 0 };
	struct vm vm = { .fd = -1 };
	bool have = false, hung = false;
	uint64_t pressed = 0;
	double start = seconds();

	for (size_t i = 0; i < n; i++)
		population_select(&t, cases[i].name);
	for (size_t i = 0; i < n && goes_on(o, &t, hung, seconds() - start); i++) {
		struct litmus *l = &cases[i];
		struct finding f = { 0 };
		double begin = seconds();
		unsigned attempts = 0;

		l->config.qemu = o->qemu;
		if (have && (!same_config(&vm.config, &l->config) || vm.broken[0])) {
			vm_end(&vm, o->leave);
			have = false;
		}
		applies_without_vm(l, &m, &f);
		if (!f.verdict && !have && !vm_create(&vm, &l->config)) {
			broken(&f, &vm);
			vm_destroy(&vm);
		} else if (!f.verdict) {
			have = true;
			population_machine(&t, vm.shared);
			applies(l, &vm, &m, &f);
			if (!f.verdict) {
				population_needs(&t, applies_needs(l));
				mark_case(l, "begin");
				vm.shared->pressed = 0;
				attempts = run_case(l, &vm, o, &f);
				pressed += vm.shared->pressed;
				mark_case(l, "end");
			}
		}
		if (o->self_test)
			invert(&f);
		population_count(&t, l->name, &f, attempts);
		hung |= !strcmp(f.verdict, "hang");
		if (!o->quiet || (strcmp(f.verdict, "pass") && strcmp(f.verdict, "not-applicable")))
			print_case(l, &f, (seconds() - begin) * 1e9);
		/* After a hang or an exception the payload is in no state to go on. */
		if (have && (!strcmp(f.verdict, "hang") || !strcmp(f.verdict, "broken"))) {
			vm_end(&vm, o->leave);
			have = false;
		}
	}
	if (have)
		vm_end(&vm, o->leave);
	if (o->pressure)
		printf("pressure=%u reads=%lu\n", o->pressure, pressed);
	population_print(&t, m.e2h0, m.pes, m.page_size);
	printf("cases=%u passed=%u failed=%u vacuous=%u not_applicable=%u unable_to_fail=%u seconds=%.2f\n", t.run,
	       t.passed, t.failed, t.vacuous, t.not_applicable, t.unable, seconds() - start);
	return population_status(&t);
}
