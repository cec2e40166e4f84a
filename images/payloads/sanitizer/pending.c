// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disagreements that a TLBI on its way may still resolve, and the pace at which the PEs wait for it. Plain C, runs in the
 * sanitizer plugin inside QEMU and in its test driver. docs/sanitizer.md, "Pending".
 */
#include "judge.h"

#include <stdlib.h>

void pending_add(struct judge *judge, struct pe *pe, struct entry *entry, enum finding finding, const struct walk *now,
		 const struct event *use)
{
	if (judge->loose) {
		judge->counters.excused++;
		return;
	}
	if (entry->pending)
		return;
	entry->disagreed = malloc(sizeof(*now));
	if (!entry->disagreed) {
		judge->counters.overflowed++;
		return;
	}
	*entry->disagreed = *now;
	entry->pending = (uint8_t)finding;
	entry->pending_epoch = pe->epoch;
	entry->pending_all = judge->epoch;
	entry->seen = *use;
	tlb_pend(&pe->tlb, entry);
	judge->counters.pending++;
}

void pending_retire(struct judge *judge, struct tlb *tlb, struct entry *entry)
{
	if (!judge->model) {
		tlb_remove(tlb, entry);
		return;
	}
	tlb_unpend(entry);
	entry->beside = 1;
}

/* What a raced entry was filled by is not known, so only a use can find that its tables lead there again. */
static bool still_differs(struct judge *judge, const struct entry *entry)
{
	uint64_t value;

	if (entry->raced)
		return true;
	for (int stage = 0; stage < 2; stage++)
		if (entry->where[stage] &&
		    (!read_descriptor(judge->read, entry->where[stage], entry->big >> stage & 1, &value) ||
		     value != entry->value[stage]))
			return true;
	return false;
}

static void tell(struct judge *judge, unsigned number, struct entry *entry)
{
	if (entry->raced) /* rule "raced": no change of the tables explains where the PE went */
		judge_disagreed(judge, entry->page, entry->seen.pc, entry->out, UNKNOWN);
	else
		judge_tell(judge, number, entry->pending, entry, entry->disagreed, NULL, entry->page, &entry->seen, NULL);
	pending_retire(judge, &judge->pe[number].tlb, entry);
}

/*
 * Rule "at work": whether a PE has been in the kernel of EL2 ever since ``seq``. What it changed there may owe the TLBI to
 * the end of its work, as KVM's dirty log does. A program without tasks has no such end, and may poll at EL2 for good.
 */
static bool at_work(const struct judge *judge, uint64_t seq)
{
	if (!judge->tasks)
		return false;
	for (unsigned i = 0; i < judge->pes; i++) {
		const struct pe *pe = &judge->pe[i];

		if (!pe_is_idle(pe) && !__atomic_load_n(&pe->below, __ATOMIC_RELAXED) && pe->left < seq)
			return true;
	}
	return false;
}

static bool is_due(const struct judge *judge, const struct pe *pe, const struct entry *entry)
{
	if (judge->epoch - entry->pending_all >= QUIET_ALL)
		return true;
	return pe->epoch - entry->pending_epoch >= QUIET_OWN && !at_work(judge, entry->seen.seq);
}

static void review(struct judge *judge, unsigned number)
{
	struct pe *pe = &judge->pe[number];

	for (struct entry *entry = pe->tlb.pending, *next; entry; entry = next) {
		next = entry->by_pending.next;
		if (entry_dead(entry, &judge->progress))
			tlb_remove(&pe->tlb, entry);
		else if (!is_due(judge, pe, entry))
			continue;
		else if (still_differs(judge, entry))
			tell(judge, number, entry);
		else
			tlb_unpend(entry);
	}
}

void pending_review(struct judge *judge)
{
	for (unsigned i = 0; i < judge->pes; i++)
		if (judge->pe[i].tlb.pending)
			review(judge, i);
}

bool pending_pace(struct judge *judge)
{
	if (!judge->parallel)
		return true;
	for (unsigned i = 0; i < judge->pes; i++)
		if (!pe_is_idle(&judge->pe[i]) && !__atomic_load_n(&judge->pe[i].moved, __ATOMIC_RELAXED))
			return false;
	for (unsigned i = 0; i < judge->pes; i++)
		__atomic_store_n(&judge->pe[i].moved, false, __ATOMIC_RELAXED);
	return true;
}

void judge_look(struct judge *judge)
{
	struct counters *counters = &judge->counters;

	counters->steps = judge->seq;
	counters->waiting = counters->oldest = 0;
	for (unsigned i = 0; i < judge->pes; i++)
		for (const struct entry *entry = judge->pe[i].tlb.pending; entry; entry = entry->by_pending.next) {
			if (entry_dead(entry, &judge->progress) || !still_differs(judge, entry))
				continue;
			counters->waiting++;
			if (!counters->oldest || entry->seen.seq < counters->oldest)
				counters->oldest = entry->seen.seq;
		}
}
