/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The TLB of one PE: entries by page, by what an address operand may name, and by VMID. It forgets an entry only
 * when a TLBI that covers it is complete. Plain C; the caller holds the lock.
 */
#ifndef NVH_SANITIZER_STORE_H
#define NVH_SANITIZER_STORE_H

#include "walk.h"

#define MAX_PES 16
#define CLASSES 6 /* what completes an operation: scope (3) times nXS (2) */

/* Where and by what code an entry was filled or used. In the EL2 regime VMIDs are 0. */
struct event {
	uint64_t seq, pc;
	uint64_t program; /* how many have begun: judge_mark() */
	uint8_t el;
};

/* A TLBI that covers an entry, and takes it once a DSB of ``pe`` has completed ``seq``. */
struct doom {
	uint64_t seq;
	uint8_t pe, class;
};

struct link {
	struct entry *next, **back;
};

struct entry {
	struct translation extent;
	uint64_t page, ipa, out; /* 4 KB pages of the input, between the stages, and of the output */
	unsigned perms, least; /* all that it was ever found with, and what it always had */
	uint64_t roots[2];	 /* of stage 1 and stage 2 when it was filled */
	uint64_t where[2], value[2]; /* the leaf descriptor of each stage; where 0: stage off */
	uint8_t stages;		 /* bit 0: stage 1 took part, bit 1: stage 2 */
	uint8_t big;		 /* which stages had big-endian descriptors: context_big() */
	struct event filled, seen; /* seen: the first use that disagreed */
	struct doom doom[2];
	uint8_t raced;	 /* filled by what the PE used, since its tables were changed before they were walked here */
	uint8_t beside;	 /* not the one that the software is judged by, but a PE may hold it */
	uint8_t pending; /* enum finding of the disagreement that is not reported yet */
	uint64_t pending_epoch, pending_all;
	struct walk *disagreed; /* what the walk gave then; owned */
	struct link by_page, by_region, by_space, by_pending;
};

struct space {
	struct entry *entries;
	uint16_t vmid;
	enum regime regime;
	struct entry *large[2]; /* by kind: leaves of more than 2 MB */
};

struct tlb {
	struct entry **pages, **regions;
	struct space *spaces;
	unsigned space_count;
	struct entry *free, *pending;
	uint64_t live, capacity, overflowed;
};

/* Issued and completed operations of each PE, for the deadness of entries. */
struct progress {
	uint64_t completed[MAX_PES][CLASSES];
};

bool tlb_init(struct tlb *tlb, uint64_t capacity);
void tlb_free(struct tlb *tlb);
bool entry_dead(const struct entry *entry, const struct progress *progress);
/* Whether an operation takes it, complete or not. */
bool entry_doomed(const struct entry *entry);
struct entry *tlb_find(struct tlb *tlb, const struct progress *progress, const struct translation *key, uint64_t page);
/* Whether any live entry leads to ``out`` with ``perms``. */
bool tlb_holds(struct tlb *tlb, const struct progress *progress, const struct translation *key, uint64_t page, uint64_t out,
	       unsigned perms);
/* The same of those that no operation takes. */
bool tlb_keeps(struct tlb *tlb, const struct translation *key, uint64_t page, uint64_t out, unsigned perms);
/*
 * Whether any live entry leads elsewhere than to ``out``, or says another thing of the permissions ``wanted`` than ``perms``:
 * it was once without one of them that the tables give, or has one that they do not give.
 */
bool tlb_departs(struct tlb *tlb, const struct progress *progress, const struct translation *key, uint64_t page, uint64_t out,
		 unsigned wanted, unsigned perms);
/* A live entry of another VMID or ASID for this page, that leads to ``out``; NULL when there is none. */
const struct entry *tlb_other(const struct tlb *tlb, const struct progress *progress, const struct translation *key,
			      uint64_t page, uint64_t out);
/* NULL when there is no room; counted in ``overflowed``. */
struct entry *tlb_add(struct tlb *tlb, const struct translation *extent, uint64_t page);
void tlb_remove(struct tlb *tlb, struct entry *entry);
void tlb_pend(struct tlb *tlb, struct entry *entry);
void tlb_unpend(struct entry *entry);

/* Calls ``each`` for every entry that ``tlbi`` may cover; ``each`` may remove that entry. */
typedef void (*visit)(struct tlb *tlb, struct entry *entry, void *data);
void tlb_candidates(struct tlb *tlb, const struct tlbi *tlbi, visit each, void *data);

#endif
