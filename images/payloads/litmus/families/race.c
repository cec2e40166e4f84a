// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows that one program of steps meets too rarely: the victim's fault against the operation (race-fault), and
 * besides that the victim's vCPU being put and loaded (race-put) or moved between L0's CPUs (race-move) all the
 * time. The number of rounds is fixed, so the time is bounded; race-close, race-kill and race-reap last as long as it takes
 * to end a number of other VMs (host/disturb.c). race-window holds the first window open.
 */
#include "families/families.h"
#include "host/program.h"
#include "host/window.h"

#define VICTIM 1
#define ROUNDS 60
#define ROUNDS_MAX 1000000 /* where the VMM ends the race */

static bool until_disturbed(enum disturb kind)
{
	return kind >= DISTURB_CLOSE;
}

static void build_race(struct litmus *l)
{
	struct shared *shared = l->vm->shared;
	uint64_t ipa = fresh_ipa(l->shift, l->level, 1), leaf = 1ull << level_shift(l->shift, l->level);
	struct step *s;
	struct probe *p;

	add_context(l, 0, VMID, 0, false, true);
	for (unsigned i = 0; i < 2; i++) {
		shared->race[i].pa = DATA_PA + i * leaf;
		shared->race[i].descriptor = leaf_s2(shared->race[i].pa, l->level, PTE_S2_R);
	}
	shared->race_vmalle1is = op_named("vmalle1is");
	add_write(l, STEP_S2, 0, ipa, 0, l->level);
	add_spin(l, VICTIM, 0, ipa, SPIN_L2_SPOILT);
	s = add(l, 0, STEP_RACE);
	s->op = l->op;
	/* Only the first two are about a fault under way. */
	s->flags = STEP_UNDER_TEST | (l->disturb > DISTURB_KICK ? STEP_SETTLED : 0);
	s->a = ipa;
	s->b = until_disturbed(l->disturb) ? ROUNDS_MAX : ROUNDS;
	s->c = l->level;
	s->d = operand_whole(l, ipa, 0, 0);
	p = add_probe(l, 0, l->steps[0] - 1, ROLE_RACE);
	p->at = ipa;
	add_stop(l, VICTIM);
	add_cleanup(l, 0, ipa, l->level, 1);
}

/*
 * The same window held open: L0 has walked L1's tables for the victim's fault and waits for the page in host memory
 * (userfaultfd). Now L1 takes the translation away; then the page comes. What the walk found is out of date.
 */
static void build_window(struct litmus *l)
{
	static uint64_t next;
	uint64_t ipa = fresh_ipa(l->shift, 3, 1), offset = EVENT_SIZE - ++next % 512 * WINDOW_SPACING;
	uint64_t old = value_at(EVENT_PA + offset);
	struct probe *p;

	add_context(l, 0, VMID, 0, false, true);
	add_host(l, WINDOW_OPEN, offset);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(EVENT_PA + offset, 3, PTE_S2_R), 3);
	add_spin(l, VICTIM, 0, ipa, SPIN_L2);
	add_host(l, WINDOW_WAIT, offset);
	p = add_probe(l, 0, l->steps[0] - 1, ROLE_BEFORE);
	p->old = 1;
	add_write(l, STEP_S2, 0, ipa, 0, 3);
	add_tlbi(l, 0, l->op, operand_whole(l, ipa, 0, 0), STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	add_host(l, WINDOW_CLOSE, offset);
	add_sample(l, VICTIM, ipa, ROLE_GONE, old, 0);
	add_stop(l, VICTIM);
	add_cleanup(l, 0, ipa, 3, 1);
}

/* Slow: with userfaultfd L0 tells KVM about the host mapping, and KVM unmaps every shadow stage 2. */
static void add_window(struct list *list, unsigned op, unsigned shift)
{
	struct litmus l = { .op = op,
			    .config = { .cpus = 2 },
			    .build = build_window,
			    .regime = "el1&0-stage2",
			    .shift = shift,
			    .level = 3,
			    .direct = true,
			    .host = true,
			    .slow = true };

	list_add(list, &l, "race-window/%s/%s", operations[op].name, granule_word(shift));
}

static const char *const race_words[] = { [DISTURB_NONE] = "race-fault", [DISTURB_KICK] = "race-put",
					  [DISTURB_MOVE] = "race-move",	 [DISTURB_CLOSE] = "race-close",
					  [DISTURB_KILL] = "race-kill",	 [DISTURB_REAP] = "race-reap" };

void cases_race(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];

		if (o->family != ipas2e1 || o->scope == LOCAL || o->nxs)
			continue;
		add_window(list, op, 12);
		add_window(list, op, 16);
		for (unsigned shift = 12; shift <= 16; shift += 2)
			for (unsigned level = 2; level <= 3; level++)
				for (enum disturb kind = DISTURB_NONE; kind <= DISTURB_REAP; kind++) {
					struct litmus l = { .op = op,
							    .config = { .cpus = 2, .spare = 2 },
							    .build = build_race,
							    .regime = "el1&0-stage2",
							    .shift = shift,
							    .level = level,
							    .pes = kind == DISTURB_MOVE ? 2 : 1,
							    .slow = until_disturbed(kind),
							    .disturb = kind };

					if (until_disturbed(kind) && (shift != 12 || level != 3))
						continue;
					list_add(list, &l, "%s/%s/%s/%s", race_words[kind], o->name,
						 granule_word(shift), size_word(1ull << level_shift(shift, level)));
				}
	}
}
