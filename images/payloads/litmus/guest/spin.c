// SPDX-License-Identifier: GPL-2.0-only
/* The victim on another PE, and the PE that takes its translation away. */
#include "guest/spin.h"
#include "guest/l2.h"
#include "guest/own.h"
#include "guest/spin_entry.h"
#include "guest/stubs.h"
#include "guest/tables.h"
#include "guest/tlbi.h"
#include "guest/turns.h"
#include "guest/wait.h"

__attribute__((section(".l2.data"), aligned(64))) volatile struct spin spins[CPUS_MAX];
__attribute__((section(".l2.data"), aligned(64))) uint64_t spin_stop[CPUS_MAX];

/* No exit from vEL2 on the way, so nothing that empties this PE's TLB. */
static void spin_at_vel2(struct pe *cpu, volatile struct spin *spin, uint64_t va)
{
	uint64_t value;

	if (pe_load(cpu, va, &value)) {
		spin->value = value;
		__atomic_store_n(&spin->count, spin->count + 1, __ATOMIC_RELEASE);
	} else {
		spin_failed(spin, true, cpu->esr, 0);
	}
}

void step_spin(struct pe *cpu, const struct step *s)
{
	static char *const code[] = { [SPIN_L2] = l2_spin,
				      [SPIN_L2_SPOILT] = l2_watch,
				      [SPIN_L2_EL0] = l2_spin,
				      [SPIN_L2_VNCR] = l2_vncr_spin,
				      [SPIN_L2_WRITE] = l2_spin_write,
				      [SPIN_L2_VNCR_WRITE] = l2_vncr_spin_write,
				      [SPIN_L2_HALTS] = l2_spin_halts,
				      [SPIN_L2_WRITE_HALTS] = l2_spin_write_halts,
				      [SPIN_L2_VNCR_HALTS] = l2_vncr_spin_halts,
				      [SPIN_L2_VNCR_WRITE_HALTS] = l2_vncr_spin_write_halts };
	uint64_t *stop = &spin_stop[cpu->index];
	volatile struct spin *spin = &spins[cpu->index];

	for (unsigned i = 0; __atomic_load_n(&shared->go, __ATOMIC_ACQUIRE) != shared->number; i++)
		give_way(i);
	load_context(&shared->context[s->ctx]);
	spin->count = spin->faults = spin->spoilt = 0;
	__atomic_store_n(&spin->begun, shared->number, __ATOMIC_RELEASE);
	for (unsigned round = 0; !__atomic_load_n(stop, __ATOMIC_ACQUIRE); round++) {
		if (s->c == SPIN_VEL2)
			spin_at_vel2(cpu, spin, s->a);
		else if (s->c == SPIN_TLBI_TURNS)
			spin_with_tlbi(cpu, spin, s, round);
		else if (s->c == SPIN_DROP_TURNS)
			spin_with_drops(cpu, spin, s, round);
		else if (s->c == SPIN_L2_OWN || s->c == SPIN_VNCR_OWN)
			spin_with_own_tlbi(cpu, spin, s, round);
		else if (s->c >= SPIN_L2_TURNS)
			spin_in_turns(cpu, spin, s, stop);
		else
			spin_in_l2(cpu, spin, s, code[s->c], stop);
		/* One that faults again and again gives way, as those that read do: the model may run one CPU at a time. */
		__asm__ volatile("yield" ::: "memory");
	}
}

void step_start(const struct step *s, struct outcome *o)
{
	__atomic_store_n(&shared->go, shared->number, __ATOMIC_RELEASE);
	o->kind = OUTCOME_DONE;
	for (unsigned i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&spins[s->c].begun, __ATOMIC_ACQUIRE) == shared->number)
			return;
		give_way(i);
	}
	o->kind = OUTCOME_TIMEOUT;
}

/* Two rounds: the one under way may have begun before this step. */
void step_sample(const struct step *s, struct outcome *o)
{
	const volatile struct spin *spin = &spins[s->c];
	uint64_t count = __atomic_load_n(&spin->count, __ATOMIC_ACQUIRE);
	uint64_t faults = __atomic_load_n(&spin->faults, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&spin->count, __ATOMIC_ACQUIRE) >= count + 2) {
			o->kind = OUTCOME_VALUE;
			o->value = spin->value;
			return;
		}
		if (__atomic_load_n(&spin->faults, __ATOMIC_ACQUIRE) >= faults + 2) {
			o->kind = spin->stage1 ? OUTCOME_S1_FAULT : OUTCOME_S2_FAULT;
			o->esr = spin->esr;
			o->hpfar = spin->hpfar;
			return;
		}
		give_way(i);
	}
	o->kind = OUTCOME_TIMEOUT;
}

/*
 * The window between the victim's fault and the operation, again and again. Nobody may read a page once the
 * operation and its DSB are complete, so what it holds is spoilt then.
 */
void step_race(const struct step *s, struct outcome *o)
{
	struct context *c = &shared->context[s->ctx];
	uint64_t *slot = tables_slot(c->s2_root, c->s2_shape, s->a, s->c);
	bool settled = s->flags & STEP_SETTLED;
	uint64_t i;

	load_context(c);
	for (i = 0; i < s->b && !spins[1].spoilt && !__atomic_load_n(&shared->race_end, __ATOMIC_ACQUIRE); i++) {
		volatile uint64_t *now = (uint64_t *)shared->race[i % 2].pa;
		uint64_t count = __atomic_load_n(&spins[1].count, __ATOMIC_ACQUIRE);

		*now = i;
		barrier_ishst();
		__atomic_store_n(slot, shared->race[i % 2].descriptor, __ATOMIC_RELEASE);
		/* Usually the victim has read it by then; every fourth time it has not. */
		for (unsigned p = 0; (settled || i % 4) && p < PATIENCE; p++) {
			/* One read may be of the page before, and be counted late. */
			if (__atomic_load_n(&spins[1].count, __ATOMIC_ACQUIRE) > count + settled || spins[1].spoilt)
				break;
			give_way(p);
		}
		__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
		barrier_ishst();
		if (!skipped(s))
			tlbi(s->op, s->d, (unsigned)i);
		barrier_ish();
		tlbi(shared->race_vmalle1is, 0, 0);
		barrier_ish();
		*now = SPOILT;
		barrier_ish();
	}
	o->kind = OUTCOME_VALUE;
	o->value = spins[1].spoilt ? SPOILT : 1;
	o->more[0] = spins[1].count;
	o->more[1] = spins[1].spoilt;
	o->rounds = i;
}
