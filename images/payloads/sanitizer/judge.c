// SPDX-License-Identifier: GPL-2.0-only
#include "judge.h"

#include <stdlib.h>
#include <string.h>

const char *const finding_name[FINDINGS] = {
	[REMAPPED] = "remapped",	 [UNMAPPED] = "unmapped",     [NARROWED] = "narrowed",
	[VMID_REUSED] = "vmid-reused",	 [ASID_REUSED] = "asid-reused", [NO_BREAK] = "no-break",
	[NOT_COMPLETED] = "not-completed",
	[MODEL_STALE] = "model-stale",	 [MODEL_OUTPUT] = "model-output", [MODEL_PERMISSION] = "model-permission",
	[MODEL_FAULT] = "model-fault",	 [MODEL_UNDUE] = "model-undue-fault", [MODEL_TRAP] = "model-trap",
	[MODEL_RETURN] = "model-return", [MODEL_AT] = "model-at",     [MODEL_LEVEL] = "model-level",
	[MODEL_VNCR] = "model-vncr",	 [MODEL_FLAGS] = "model-flags",
};

/* What a walk found for one stage or for both: the fresh state of an entry. */
struct fresh {
	struct translation extent;
	uint64_t page, ipa, out;
	enum outcome outcome;
	unsigned perms;
	uint64_t roots[2], where[2], value[2];
	uint8_t stages, big;
};

static unsigned class_of(enum scope scope, bool nxs)
{
	return 2 * scope + nxs;
}

bool judge_init(struct judge *judge, uint64_t capacity)
{
	for (unsigned i = 0; i < judge->pes; i++)
		if (!tlb_init(&judge->pe[i].tlb, capacity))
			return false;
	return true;
}

void judge_free(struct judge *judge)
{
	for (unsigned i = 0; i < judge->pes; i++)
		tlb_free(&judge->pe[i].tlb);
	free(judge->graves.all);
}

static struct fresh fresh_stage2(const struct context *context, const struct step *step)
{
	const struct leaf *leaf = &step->leaf;

	return (struct fresh){
		.extent = { .stage = STAGE_2, .regime = EL10, .start = leaf->start, .size = leaf->size,
			    .shift = leaf->shift, .level = leaf->level, .vmid = context->vmid },
		.page = step->ipa,
		.ipa = step->ipa,
		.out = (leaf->out | (step->ipa & (leaf->size - 1))) & PAGE_MASK,
		.outcome = step->outcome,
		.perms = leaf->perms,
		.roots = { 0, context_root2(context) },
		.where = { 0, leaf->where },
		.value = { 0, leaf->value },
		.stages = 2,
		.big = context_big(context),
	};
}

static struct fresh fresh_combined(const struct context *context, uint64_t va, const struct walk *walk)
{
	const struct leaf *leaf = &walk->leaf;
	struct fresh fresh = {
		.extent = { .stage = COMBINED, .regime = context->regime, .start = leaf->start, .size = leaf->size,
			    .shift = leaf->shift, .level = leaf->level, .vmid = context->vmid,
			    .asid = va & HIGH_HALF ? context->asid_high : context->asid, .global = walk->global,
			    .flat = !context->s1, .xs = walk->xs },
		.page = va & PAGE_MASK,
		.ipa = walk->ipa,
		.out = walk->pa & PAGE_MASK,
		.outcome = walk->outcome,
		.perms = walk->perms,
		.roots = { walk->root, context_root2(context) },
		.where = { leaf->where, 0 },
		.value = { leaf->value, 0 },
		.stages = (uint8_t)(context->s1 | context->s2 << 1),
		.big = context_big(context),
	};

	if (walk->steps && walk->outcome == MAPPED) {
		fresh.where[1] = walk->step[walk->steps - 1].leaf.where;
		fresh.value[1] = walk->step[walk->steps - 1].leaf.value;
	}
	return fresh;
}

static struct entry *fill(struct judge *judge, unsigned pe, const struct fresh *fresh, const struct event *use)
{
	struct entry *entry = tlb_add(&judge->pe[pe].tlb, &fresh->extent, fresh->page);

	if (!entry) {
		judge->counters.overflowed++;
		return NULL;
	}
	entry->ipa = fresh->ipa;
	entry->out = fresh->out;
	entry->perms = entry->least = fresh->perms;
	entry->stages = fresh->stages;
	entry->big = fresh->big;
	memcpy(entry->roots, fresh->roots, sizeof(entry->roots));
	memcpy(entry->where, fresh->where, sizeof(entry->where));
	memcpy(entry->value, fresh->value, sizeof(entry->value));
	entry->filled = *use;
	judge->counters.fills++;
	return entry;
}

void judge_tell(struct judge *judge, unsigned pe, enum finding finding, const struct entry *entry,
		const struct walk *now, const struct context *context, uint64_t va, const struct event *use,
		 const struct tlbi *tlbi)
{
	struct report report = { .finding = finding, .pe = pe, .entry = entry, .now = now, .context = context,
				 .use = *use, .va = va, .tlbi = tlbi };

	if (entry)
		judge_near(judge, pe, entry, &report);
	judge->counters.reports++;
	judge->report(&report, judge->data);
}

static enum finding changed(const struct entry *entry, const struct fresh *fresh)
{
	if (entry->roots[1] != fresh->roots[1])
		return VMID_REUSED;
	if (entry->extent.stage == COMBINED && !entry->extent.global && entry->roots[0] != fresh->roots[0])
		return ASID_REUSED;
	return REMAPPED;
}

/* What the PE may now hold beside an entry that is kept: of interest only for what the model itself uses. */
static void fill_beside(struct judge *judge, unsigned pe, const struct fresh *fresh, const struct event *use)
{
	struct tlb *tlb = &judge->pe[pe].tlb;
	struct entry *entry;

	if (!judge->model || tlb_keeps(tlb, &fresh->extent, fresh->page, fresh->out, fresh->perms))
		return;
	entry = fill(judge, pe, fresh, use);
	if (entry)
		entry->beside = 1;
}

/* Of a raced entry the leaf is not known: what would cover its page as a leaf of any level takes it. */
static bool takes(const struct tlbi *tlbi, const struct entry *entry, bool own_pe)
{
	struct translation leaf = entry->extent;

	if (tlbi_covers(tlbi, &leaf, own_pe) == COVERS)
		return true;
	leaf.xs = 0;
	for (leaf.level = 0; entry->raced && leaf.level <= 3; leaf.level++) {
		leaf.size = 1ull << leaf_shift(leaf.shift, leaf.level);
		leaf.start = entry->page & ~(leaf.size - 1);
		if (tlbi_covers(tlbi, &leaf, own_pe) == COVERS)
			return true;
	}
	return false;
}

/* Compares what a PE holds with what its tables say at this use, and fills. */
static void check(struct judge *judge, unsigned number, const struct context *context, const struct fresh *fresh,
		  const struct walk *now, uint64_t va, const struct event *use)
{
	struct pe *pe = &judge->pe[number];
	struct entry *entry = tlb_find(&pe->tlb, &judge->progress, &fresh->extent, fresh->page);
	unsigned lost;

	if (fresh->outcome == NO_MEMORY || fresh->outcome == BAD_SIZE) {
		judge->counters.unknown++;
		return;
	}
	if (fresh->outcome == NO_ACCESS_FLAG) /* rule "access flag" */
		return;
	if (!entry) {
		if (fresh->outcome == MAPPED)
			fill(judge, number, fresh, use);
		return;
	}
	if (fresh->outcome != MAPPED) {
		pending_add(judge, pe, entry, UNMAPPED, now, use);
		return;
	}
	if (entry->out != fresh->out && judge->loose) {
		judge->counters.excused++;
		fill_beside(judge, number, fresh, use);
		return;
	}
	if (entry->out != fresh->out && break_is_copy(entry, fresh->out, fresh->perms, judge->read)) {
		pending_add(judge, pe, entry, changed(entry, fresh), now, use);
		fill_beside(judge, number, fresh, use);
		return;
	}
	if (entry->out != fresh->out) {
		judge_tell(judge, number, changed(entry, fresh), entry, now, context, va, use, NULL);
		pending_retire(judge, &pe->tlb, entry);
		fill(judge, number, fresh, use);
		return;
	}
	if (entry_doomed(entry)) /* by an operation that is not complete: it may be gone, and the PE walked anew */
		fill_beside(judge, number, fresh, use);
	if (entry->raced) { /* the tables lead there again, and say by what */
		memcpy(entry->where, fresh->where, sizeof(entry->where));
		memcpy(entry->value, fresh->value, sizeof(entry->value));
		entry->big = fresh->big;
		entry->perms = entry->least = fresh->perms;
		entry->raced = 0;
	}
	lost = entry->perms & ~fresh->perms;
	entry->perms |= fresh->perms; /* rule "widening" */
	entry->least &= fresh->perms;
	if (lost)
		pending_add(judge, pe, entry, NARROWED, now, use);
	else
		tlb_unpend(entry);
}

static bool differs(struct judge *judge, unsigned pe, const struct fresh *fresh)
{
	struct entry *entry = tlb_find(&judge->pe[pe].tlb, &judge->progress, &fresh->extent, fresh->page);

	return entry && (fresh->outcome != MAPPED || entry->out != fresh->out);
}

void judge_disagreed(struct judge *judge, uint64_t page, uint64_t pc, uint64_t used, uint64_t by_tables)
{
	struct counters *counters = &judge->counters;

	counters->disagreed++;
	counters->odd_va = page;
	counters->odd_pc = pc;
	counters->odd_used = used;
	counters->odd_walk = by_tables;
}

/*
 * Operations that cover a raced entry and are not complete: whether the PE's own walk was before or after them is not
 * known, and no PE passes its DSB before this PE's use is over.
 */
static void race_doom(struct judge *judge, unsigned pe, struct entry *entry)
{
	uint64_t count = judge->counters.tlbis, oldest = count > HISTORY ? count - HISTORY : 0;

	for (uint64_t i = count; i-- > oldest;) {
		const struct tlbi *tlbi = &judge->history[i % HISTORY];
		unsigned class = class_of(tlbi->scope, tlbi->nxs);

		if (judge->progress.completed[tlbi->pe][class] >= tlbi->seq || (tlbi->scope == LOCAL && tlbi->pe != pe) ||
		    !takes(tlbi, entry, tlbi->pe == pe))
			continue;
		entry->doom[0] = (struct doom){ .seq = tlbi->seq, .pe = (uint8_t)tlbi->pe, .class = (uint8_t)class };
		return;
	}
}

/*
 * Rule "raced": where PEs run in parallel, another one may have taken a translation out of the tables after this PE's
 * own walk and before ours. What the PE used is then an entry like any other, and the TLBI for it is on its way.
 */
static bool race(struct judge *judge, unsigned pe, const struct fresh *fresh, const struct walk *now, uint64_t used,
		 const struct event *use)
{
	struct fresh was = *fresh;
	struct entry *entry;

	if (!judge->parallel || fresh->outcome == MAPPED || fresh->outcome == NO_MEMORY || fresh->outcome == BAD_SIZE)
		return false;
	if (tlb_find(&judge->pe[pe].tlb, &judge->progress, &fresh->extent, fresh->page))
		return false;
	was.out = used;
	was.perms = 0;
	entry = fill(judge, pe, &was, use);
	if (!entry)
		return false;
	judge->counters.raced++;
	entry->raced = 1;
	race_doom(judge, pe, entry);
	if (fresh->outcome == NO_TRANSLATION)
		pending_add(judge, &judge->pe[pe], entry, UNMAPPED, now, use);
	return true;
}

/*
 * The walk of ours and the PE's own translation must agree, or the PE must have used an entry that it may hold:
 * this one, or one of stage 2 on the way (``detour``).
 */
static void compare(struct judge *judge, unsigned pe, const struct fresh *fresh, const struct walk *now, uint64_t used,
		    const struct event *use, bool detour)
{
	struct counters *counters = &judge->counters;
	struct entry *entry;

	if (used == UNKNOWN || (fresh->outcome == MAPPED && fresh->out == used))
		return;
	entry = tlb_find(&judge->pe[pe].tlb, &judge->progress, &fresh->extent, fresh->page);
	if (detour || (entry && entry->out == used)) {
		counters->stale++;
		return;
	}
	if (judge->model) /* told by judge->used() */
		return;
	if (race(judge, pe, fresh, now, used, use))
		return;
	judge_disagreed(judge, fresh->page, use->pc, used, fresh->outcome == MAPPED ? fresh->out : UNKNOWN);
}

bool judge_differs(struct judge *judge, unsigned pe, const struct context *context, uint64_t va, const struct walk *now,
		   unsigned wanted)
{
	struct tlb *tlb = &judge->pe[pe].tlb;
	struct fresh fresh;

	for (unsigned i = 0; i < now->steps; i++) {
		fresh = fresh_stage2(context, &now->step[i]);
		if (tlb_departs(tlb, &judge->progress, &fresh.extent, fresh.page, fresh.outcome == MAPPED ? fresh.out : UNKNOWN, 0, 0))
			return true;
	}
	fresh = fresh_combined(context, va, now);
	return tlb_departs(tlb, &judge->progress, &fresh.extent, fresh.page, fresh.outcome == MAPPED ? fresh.out : UNKNOWN, wanted, fresh.perms);
}

void judge_access(struct judge *judge, unsigned pe, const struct context *context, uint64_t va, uint64_t used,
		  uint64_t pc, uint8_t el, unsigned kind, bool user)
{
	struct event use = { .seq = ++judge->seq, .pc = pc, .program = judge->counters.programs, .el = el };
	struct fresh fresh;
	bool detour = false, departs = false;
	struct walk now;

	va = canonical(context, va);
	walk(context, judge->read, va, &now);
	judge->counters.uses++;
	for (unsigned i = 0; i < now.steps; i++) {
		fresh = fresh_stage2(context, &now.step[i]);
		detour |= differs(judge, pe, &fresh);
		if (judge->model && used != UNKNOWN)
			departs |= tlb_departs(&judge->pe[pe].tlb, &judge->progress, &fresh.extent, fresh.page,
					       fresh.outcome == MAPPED ? fresh.out : UNKNOWN, 0, 0);
		check(judge, pe, context, &fresh, &now, va, &use);
	}
	fresh = fresh_combined(context, va, &now);
	compare(judge, pe, &fresh, &now, used, &use, detour);
	if (judge->model && used != UNKNOWN) {
		struct used seen = { .context = context, .now = &now, .key = &fresh.extent, .va = va, .page = fresh.page,
				     .out = fresh.out, .used = used, .kind = kind, .user = user, .differs = departs };

		judge->used(judge, pe, &seen, &use);
	}
	check(judge, pe, context, &fresh, &now, va, &use);
}

void judge_use(struct judge *judge, unsigned pe, const struct context *context, uint64_t va, uint64_t used,
	       uint64_t pc, uint8_t el)
{
	judge_access(judge, pe, context, va, used, pc, el, 0, false);
}

/* ---- invalidation ---- */

struct sweep {
	struct judge *judge;
	const struct tlbi *tlbi;
	const struct context *context;
	unsigned pe;
	bool *gone;
};

/* Rule "break before make": at its invalidation by address the translation has to be invalid, or the same. */
static void check_break(struct sweep *sweep, struct entry *entry)
{
	struct judge *judge = sweep->judge;
	struct event use = { .seq = sweep->tlbi->seq, .pc = sweep->tlbi->pc,
			     .program = judge->counters.programs, .el = sweep->tlbi->state.el };
	struct walk now;

	if (judge->loose)
		return;
	switch (break_step(entry, sweep->tlbi, sweep->context, judge->read, &now)) {
	case BROKEN:
		judge->counters.broken[keeper_of(entry, sweep->context)]++;
		break;
	case REPLACED:
		judge_tell(judge, sweep->pe, NO_BREAK, entry, &now, sweep->context, entry->page, &use, sweep->tlbi);
		break;
	default:
		break;
	}
}

static void invalidate(struct tlb *tlb, struct entry *entry, void *data)
{
	struct sweep *sweep = data;
	const struct tlbi *tlbi = sweep->tlbi;
	struct doom *doom = &entry->doom[0];

	if (entry_dead(entry, &sweep->judge->progress)) {
		tlb_remove(tlb, entry);
		return;
	}
	if (!takes(tlbi, entry, sweep->pe == tlbi->pe))
		return;
	if (!doom->seq && sweep->judge->model)
		grave_dig(&sweep->judge->graves, sweep->pe, entry, tlbi);
	if (!doom->seq && !entry->beside)
		check_break(sweep, entry);
	else if (doom->seq)
		doom = &entry->doom[1];
	*doom = (struct doom){ .seq = tlbi->seq, .pe = (uint8_t)tlbi->pe,
			       .class = (uint8_t)class_of(tlbi->scope, tlbi->nxs) };
	sweep->judge->counters.invalidated++;
	*sweep->gone = true;
}

bool judge_tlbi(struct judge *judge, struct tlbi tlbi, const struct context *context, bool gone[MAX_PES])
{
	unsigned class = class_of(tlbi.scope, tlbi.nxs);
	struct pe *own = &judge->pe[tlbi.pe];
	bool any = false;

	memset(gone, 0, MAX_PES * sizeof(*gone));
	if (judge->leave_out && tlbi_regime(&tlbi) == EL10 && ++judge->leave_out_count % judge->leave_out == 0) {
		judge->counters.left_out++;
		return false;
	}
	tlbi.seq = ++judge->seq;
	judge->history[judge->counters.tlbis++ % HISTORY] = tlbi;
	own->issued[class] = tlbi.seq;
	if (tlbi.state.el == 2) {
		own->owed[class] = tlbi.seq;
		own->last = tlbi;
	}
	for (unsigned i = 0; i < judge->pes; i++) {
		struct sweep sweep = { judge, &tlbi, context, i, &gone[i] };

		if (tlbi.scope != LOCAL || i == tlbi.pe)
			tlb_candidates(&judge->pe[i].tlb, &tlbi, invalidate, &sweep);
		any |= gone[i];
	}
	return any;
}

void judge_dsb(struct judge *judge, unsigned number, enum scope scope, bool nxs)
{
	struct pe *pe = &judge->pe[number];

	for (unsigned class = 0; class < CLASSES; class++)
		if (dsb_completes(scope, nxs, (enum scope)(class / 2), class % 2)) {
			judge->progress.completed[number][class] = pe->issued[class];
			pe->owed[class] = 0;
		}
}

void judge_enter(struct judge *judge, unsigned number, uint64_t pc, uint8_t el)
{
	struct event use = { .seq = ++judge->seq, .pc = pc, .program = judge->counters.programs, .el = el };
	struct pe *pe = &judge->pe[number];

	judge_step(pe);
	pe->left = judge->seq;
	__atomic_store_n(&pe->below, true, __ATOMIC_RELAXED);
	judge->tasks |= !el;
	for (unsigned class = 0; class < CLASSES; class++)
		if (pe->owed[class]) {
			judge_tell(judge, number, NOT_COMPLETED, NULL, NULL, NULL, 0, &use, &pe->last);
			memset(pe->owed, 0, sizeof(pe->owed));
		}
	if (!el) /* L0's own EL0: whoever owes an invalidation may have been preempted for it */
		return;
	if (!pending_pace(judge)) /* whoever owes an invalidation may stand still */
		return;
	pe->epoch++;
	judge->epoch++;
	if (judge->epoch % 16 == 0)
		pending_review(judge);
}

/* Rule "marks": of the guest that breaks the rules on purpose. */
void judge_mark(struct judge *judge, unsigned number)
{
	judge->loose = number == MARK_LOOSE;
	judge->counters.programs += number == MARK_PROGRAM;
}
