/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sanitizer's judgement: what PEs use, what TLBIs take, and which entries a most retentive TLB could still use
 * wrongly. Plain C that knows no QEMU. The caller serialises all calls. Rules: docs/sanitizer.md.
 */
#ifndef NVH_SANITIZER_JUDGE_H
#define NVH_SANITIZER_JUDGE_H

#include "break.h"
#include "grave.h"
#include "marks.h"

enum finding { NOTHING, REMAPPED, UNMAPPED, NARROWED, VMID_REUSED, ASID_REUSED, NO_BREAK, NOT_COMPLETED,
	       /* of the model itself: model.h */
	       MODEL_STALE, MODEL_OUTPUT, MODEL_PERMISSION, MODEL_FAULT, MODEL_UNDUE, MODEL_TRAP, MODEL_RETURN, MODEL_AT,
	       MODEL_LEVEL, MODEL_VNCR, MODEL_FLAGS, FINDINGS };
#define MODEL_FIRST MODEL_STALE
#define MODEL_KINDS (FINDINGS - MODEL_FIRST)
#define TOLD 64
extern const char *const finding_name[FINDINGS];

#define HISTORY 8192
#define CLOSE 8
/* Entries to a guest after which a pending disagreement is reported: of the PE, with the rule "at work"; or of all PEs. */
#define QUIET_OWN 64
#define QUIET_ALL 4096

struct pe {
	struct tlb tlb;
	uint64_t epoch; /* entries to a guest that counted: pending_pace() */
	bool moved, awake; /* made a step since then; neither halted nor never begun. Set without the lock. */
	bool below; /* at a lower level than EL2. Cleared without the lock. */
	uint64_t left; /* judge->seq when it last went there */
	uint64_t issued[CLASSES];  /* sequence number of the last operation of each class */
	uint64_t owed[CLASSES];	   /* of the last one from EL2 that has no DSB yet */
	struct tlbi last;	   /* from EL2 */
};

struct near {
	const struct tlbi *tlbi;
	uint32_t misses; /* bits of enum miss, or of NOT_COMPLETE */
};

struct report {
	enum finding finding;
	unsigned pe;
	const struct entry *entry;   /* NULL for NOT_COMPLETED */
	const struct walk *now;	     /* NULL for NOT_COMPLETED */
	const struct context *context; /* NULL when it is not known any more */
	struct event use;
	uint64_t va;
	struct near near[CLOSE];
	unsigned near_count;
	bool far; /* none came close: `near` has the one that lacks least */
	const struct tlbi *tlbi; /* NO_BREAK, NOT_COMPLETED, MODEL_STALE, MODEL_TRAP: the operation */
	/* Of a finding against the model: what it had to do and did, where the manual says so, and syndromes. */
	char must[160], did[160];
	const char *rule;
	uint64_t esr_must, esr_did;
	bool esr_known;
	uint32_t word;
};

struct counters {
	uint64_t uses, fills, tlbis, left_out, invalidated, pending, waiting, reports, overflowed, unknown;
	uint64_t stale, disagreed; /* uses where the PE used an entry that its tables do not give; where nothing did */
	uint64_t programs, excused; /* begun; disagreements that a guest took upon itself */
	uint64_t odd_va, odd_pc, odd_used, odd_walk; /* the last use in ``disagreed``; odd_walk UNKNOWN: not mapped */
	uint64_t broken[KEEPERS]; /* entries whose translation was invalid at their TLBI by address */
	uint64_t steps, oldest; /* uses, operations and entries; where the oldest of ``waiting`` was first seen, or 0 */
	uint64_t raced; /* uses that a change of the tables by another PE explains: rule "raced" */
	uint64_t model_uses, model_faults, model_traps, model_returns, model_ats, model_wrong; /* judged; wrong of them */
};

struct judge;

/* A use that succeeded, as the judge has looked it up: ``key`` and ``page`` of the combined entry, ``out`` by the tables. */
struct used {
	const struct context *context;
	const struct walk *now;
	const struct translation *key;
	uint64_t va, page, out, used;
	unsigned kind; /* P_R, P_W, P_X; 0: the kind is not judged */
	bool user;
	bool differs; /* an entry of stage 2 on the way may be held, and leads elsewhere */
};

struct judge {
	struct pe pe[MAX_PES];
	unsigned pes;
	struct progress progress;
	struct tlbi history[HISTORY];
	uint64_t seq, epoch;
	bool tasks; /* EL2 has an EL0 of its own, that is tasks: what a PE does at EL2 ends when it leaves for a lower level */
	bool loose; /* rule "marks": disagreements are the guest's own */
	bool parallel; /* PEs run in parallel, so tables may change between a PE's walk and ours */
	unsigned leave_out; /* self-test: every n-th operation for EL1&0 is taken as not executed */
	uint64_t leave_out_count;
	bool model; /* what the model itself does is judged, too */
	/* model.h's judgement of a use, with `model`. */
	void (*used)(struct judge *judge, unsigned pe, const struct used *used, const struct event *use);
	struct graves graves;
	uint8_t told[MODEL_KINDS][TOLD];
	unsigned told_of[MODEL_KINDS];
	struct counters counters;
	read_physical read;
	void (*report)(const struct report *report, void *data);
	void *data;
};

bool judge_init(struct judge *judge, uint64_t capacity);
void judge_free(struct judge *judge);
/* A PE uses ``va``, successfully or not. ``used``: the PA of the page that it really came to, or UNKNOWN. */
#define UNKNOWN (~0ull)
void judge_use(struct judge *judge, unsigned pe, const struct context *context, uint64_t va, uint64_t used,
	       uint64_t pc, uint8_t el);
/* The same for a use of ``kind`` (P_R, P_W, P_X; 0: any), as EL0 when ``user``; the model's own use is judged by that. */
void judge_access(struct judge *judge, unsigned pe, const struct context *context, uint64_t va, uint64_t used,
		  uint64_t pc, uint8_t el, unsigned kind, bool user);
/* Whether an entry that ``pe`` may hold says something else than the walk ``now``, or another thing of the permissions ``wanted``. */
bool judge_differs(struct judge *judge, unsigned pe, const struct context *context, uint64_t va, const struct walk *now,
		   unsigned wanted);
/* An operation was executed. ``context``: of the tables that it is about, or NULL. Whether entries go. */
bool judge_tlbi(struct judge *judge, struct tlbi tlbi, const struct context *context, bool gone[MAX_PES]);
void judge_dsb(struct judge *judge, unsigned pe, enum scope scope, bool nxs);
/* A PE begins to execute at EL1 or EL0; ``el`` 0: at EL0 of EL2's own regime, that is L0's user space. */
void judge_enter(struct judge *judge, unsigned pe, uint64_t pc, uint8_t el);
/* A guest executed MOVZ XZR, #number; the numbers are in arch/marks.h. */
void judge_mark(struct judge *judge, unsigned number);
/* A PE executes; from any thread, without the lock. */
static inline void judge_step(struct pe *pe)
{
	if (!__atomic_load_n(&pe->moved, __ATOMIC_RELAXED))
		__atomic_store_n(&pe->moved, true, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&pe->awake, __ATOMIC_RELAXED))
		__atomic_store_n(&pe->awake, true, __ATOMIC_RELAXED);
}
/* It begins to wait for an interrupt, or ends to. */
static inline void judge_idle(struct pe *pe, bool idle)
{
	__atomic_store_n(&pe->awake, !idle, __ATOMIC_RELAXED);
}
static inline bool pe_is_idle(const struct pe *pe)
{
	return !__atomic_load_n(&pe->awake, __ATOMIC_RELAXED);
}
/* It comes to EL2; from any thread, without the lock. */
static inline void judge_kernel(struct pe *pe)
{
	__atomic_store_n(&pe->below, false, __ATOMIC_RELAXED);
}
/*
 * Counts the disagreements that are open: not told, the entry neither invalidated nor right again. It walks what
 * pends, so callers that come by often look only every LOOK steps.
 */
#define LOOK 64
void judge_look(struct judge *judge);
/* For the judge's own files: a finding of the software, and a use that nothing explains. */
void judge_tell(struct judge *judge, unsigned pe, enum finding finding, const struct entry *entry, const struct walk *now,
		const struct context *context, uint64_t va, const struct event *use, const struct tlbi *tlbi);
void judge_disagreed(struct judge *judge, uint64_t page, uint64_t pc, uint64_t used, uint64_t by_tables);
/* The entry disagrees with the walk ``now`` of ``use``; told when no TLBI has come for a while. */
void pending_add(struct judge *judge, struct pe *pe, struct entry *entry, enum finding finding, const struct walk *now,
		 const struct event *use);
/* Tells what has waited long enough, of all PEs. */
void pending_review(struct judge *judge);
/* An entry that was told of: the software's judgement is done with it, but the PE may hold it still. */
void pending_retire(struct judge *judge, struct tlb *tlb, struct entry *entry);
/*
 * Whether each PE that is not idle has made a step since the last call that returned true; always where one PE runs at a
 * time. Only entries for which it does count as time in which a TLBI could have come.
 */
bool pending_pace(struct judge *judge);
void judge_near(const struct judge *judge, unsigned pe, const struct entry *entry, struct report *report);

#endif
