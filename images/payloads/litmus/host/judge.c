// SPDX-License-Identifier: GPL-2.0-only
/* The outcomes of a program against what its probes are for. */
#include "host/judge.h"

#include <stdio.h>
#include <string.h>

static const char *const role_words[] = { "before", "stale", "gone", "free",   "after", "undef",
					  "trap",   "done",  "par",  "raises", "race" };

static const char *outcome_word(const struct outcome *o)
{
	static const char *const words[] = { "nothing",	  "value", "s2-fault", "s1-fault", "trap",
					     "exception", "done",  "timeout",  "astray" };

	return o->kind < sizeof(words) / sizeof(*words) ? words[o->kind] : "?";
}

static void blame(struct finding *f, const char *verdict, const struct probe *p, const struct outcome *o)
{
	if (f->verdict)
		return;
	f->verdict = verdict;
	snprintf(f->why, sizeof(f->why),
		 "probe=%s at=0x%lx saw=%s value=0x%lx old=0x%lx now=0x%lx esr=0x%lx far=0x%lx hpfar=0x%lx step=%u.%u",
		 role_words[p->role], p->at, outcome_word(o), o->value, p->old, p->now, o->esr, o->far, o->hpfar,
		 p->cpu, p->step);
}

static bool fault_of(const struct outcome *o, unsigned fsc)
{
	unsigned ec = FIELD(o->esr, ESR_EC);

	return (ec == ESR_EC_DABT_LOW || ec == ESR_EC_DABT_SAME || ec == ESR_EC_IABT_LOW || ec == ESR_EC_IABT_SAME) &&
	       FIELD(o->esr, ESR_FSC_TYPE) == fsc;
}

/* HPFAR_EL2.FIPA has all of IPA[47:12], whatever the granule (Arm ARM DDI 0487 M.a.a, D24.2 HPFAR_EL2). */
static bool right_fault(const struct probe *p, const struct outcome *o)
{
	static const unsigned fsc[] = {
		[FAULT_TRANSLATION] = ESR_FSC_TYPE_TRANSLATION,	  [FAULT_PERMISSION] = ESR_FSC_TYPE_PERMISSION,
		[FAULT_EXTERNAL] = ESR_FSC_TYPE_EXTERNAL,	  [FAULT_ACCESS_FLAG] = ESR_FSC_TYPE_ACCESS_FLAG,
		[FAULT_ADDRESS_SIZE] = ESR_FSC_TYPE_ADDRESS_SIZE, [FAULT_EXTERNAL_WALK] = ESR_FSC_TYPE_EXTERNAL_WALK
	};
	uint64_t mask = p->esr_mask ? p->esr_mask : ~ESR_IL;

	if (!fault_of(o, fsc[p->fault]))
		return false;
	if ((p->far && o->far != p->far) || (p->esr && (o->esr & mask) != p->esr))
		return false;
	if (o->kind == OUTCOME_S1_FAULT || o->kind == OUTCOME_EXCEPTION)
		return true;
	/* For an External abort and a permission fault HPFAR_EL2 is UNKNOWN, for the latter except on a walk of stage 1. */
	if (!p->at || p->fault == FAULT_EXTERNAL_WALK || (p->fault == FAULT_PERMISSION && !(o->esr & ESR_S1PTW)))
		return o->kind == OUTCOME_S2_FAULT;
	return o->kind == OUTCOME_S2_FAULT && FIELD(o->hpfar, HPFAR_FIPA) == p->at >> 12;
}

/* EC 0 has no ISS, and its IL is 1 (Arm ARM DDI 0487 M.a.a, D24.2.46). */
static bool undefined(const struct outcome *o)
{
	return (o->kind == OUTCOME_EXCEPTION || o->kind == OUTCOME_S1_FAULT) &&
	       o->esr == (PLACE(ESR_EC, ESR_EC_UNKNOWN) | ESR_IL);
}

static void judge_probe(const struct probe *p, const struct outcome *o, struct finding *f,
			unsigned *seen, unsigned *lost)
{
	bool value = o->kind == OUTCOME_VALUE;
	bool old = value && o->value == p->old;
	bool now = value && p->now && o->value == p->now;

	if (o->kind == OUTCOME_TIMEOUT) { /* L0 did not run the other vCPU: nothing was seen either way */
		blame(f, "vacuous", p, o);
		return;
	}
	switch (p->role) {
	case ROLE_BEFORE:
		if (!old)
			blame(f, "setup", p, o);
		break;
	case ROLE_STALE:
		if (old)
			++*seen;
		else if (now || right_fault(p, o))
			++*lost;
		else
			blame(f, "setup", p, o);
		break;
	case ROLE_GONE:
		if (old)
			blame(f, "fail", p, o);
		else if (!now && !right_fault(p, o))
			blame(f, "fail", p, o);
		break;
	case ROLE_FREE:
		if (now || right_fault(p, o))
			f->refaults++;
		else if (!old)
			blame(f, "fail", p, o);
		break;
	case ROLE_AFTER:
		if (!now)
			blame(f, "fail", p, o);
		break;
	case ROLE_UNDEF:
		if (!undefined(o))
			blame(f, "fail", p, o);
		break;
	case ROLE_TRAP:
		if (o->kind != OUTCOME_TRAP || o->esr != (p->now | ESR_IL))
			blame(f, "fail", p, o);
		break;
	case ROLE_RAISES:
		if ((o->kind != OUTCOME_EXCEPTION && o->kind != OUTCOME_S1_FAULT) || o->esr != (p->now | ESR_IL))
			blame(f, "fail", p, o);
		break;
	case ROLE_PAR:
		if (!value || (o->value & p->old) != p->now)
			blame(f, "fail", p, o);
		break;
	case ROLE_RACE:
		f->rounds = o->rounds;
		f->reads = o->more[0];
		if (o->more[1])
			blame(f, "fail", p, o);
		else if (!o->more[0])
			blame(f, "vacuous", p, o);
		break;
	case ROLE_DONE:
		if (o->kind != OUTCOME_DONE && o->kind != OUTCOME_VALUE)
			blame(f, "fail", p, o);
		break;
	}
}

/* What L2 saw on the way, or a fault where it did not get that far. */
static struct outcome part_of(const struct outcome *o, unsigned part)
{
	struct outcome view = *o;

	if (part && o->more[part - 1]) {
		view.kind = OUTCOME_VALUE;
		view.value = o->more[part - 1];
	}
	return view;
}

/* What the case's judgement rests on, whatever its outcomes are. */
struct nature {
	bool gone, stale, direct, observable;
};

static struct nature nature_of(const struct litmus *l)
{
	struct nature n = { .direct = l->op == NO_OPERATION || l->direct, .observable = true };

	for (unsigned i = 0; i < l->probe_count; i++) {
		const struct probe *p = &l->probes[i];

		n.gone |= p->role == ROLE_GONE;
		n.stale |= p->role == ROLE_STALE;
		n.direct |= p->role == ROLE_UNDEF || p->role == ROLE_TRAP || p->role == ROLE_RAISES ||
			    p->role == ROLE_PAR || p->role == ROLE_RACE;
		n.observable &= p->observable;
	}
	return n;
}

void foresee(const struct litmus *l, struct finding *f)
{
	struct nature n = nature_of(l);

	*f = (struct finding){ .verdict = "pass", .obliged = n.gone || n.direct };
	f->control = n.direct || !(n.gone || n.stale) ? "direct" : n.observable ? "stale-seen" : "not-observable";
}

void judge(const struct litmus *l, struct finding *f)
{
	struct nature n = nature_of(l);
	unsigned seen = 0, lost = 0;
	struct outcome view;

	memset(f, 0, sizeof(*f));
	for (unsigned i = 0; i < l->probe_count; i++) {
		const struct probe *p = &l->probes[i];

		view = part_of(&l->vm->shared->program[p->cpu].outcome[p->step], p->part);
		judge_probe(p, &view, f, &seen, &lost);
	}
	f->obliged = n.gone || n.direct;
	if (n.direct || !(n.gone || seen || lost))
		f->control = "direct"; /* no cache is involved: the outcome itself is the evidence */
	else if (!n.observable)
		f->control = "not-observable";
	else if (lost || !seen)
		f->control = "lost";
	else
		f->control = "stale-seen";
	if (!f->verdict && n.gone && !n.direct && !strcmp(f->control, "lost")) {
		f->verdict = "vacuous";
		snprintf(f->why, sizeof(f->why), "stale=%u lost=%u", seen, lost);
	}
	if (!f->verdict)
		f->verdict = "pass";
}
