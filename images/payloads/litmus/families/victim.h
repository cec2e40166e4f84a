/* SPDX-License-Identifier: GPL-2.0-only */
/* A translation in use on some PEs, and one that takes it away: families/victim.c. */
#ifndef NVH_LITMUS_FAMILIES_VICTIM_H
#define NVH_LITMUS_FAMILIES_VICTIM_H

#include "host/list.h"
#include "host/program.h"

/* struct litmus.variant: what the operation is given, against the entry that the victims use. */
enum match { MATCHING, OTHER_ASID, OTHER_ASID_GLOBAL, OTHER_VMID, OTHER_VA, STAGE2_OFF, PERMISSION, MATCHES };
extern const char *const match_words[MATCHES];

#define ASID_VICTIM 0x15
#define ASID_OTHER 0x16

bool is_stage2(const struct operation *op);
uint64_t victim_operand(const struct litmus *l, uint64_t at);
/* Of the victim's entry: with struct litmus.position a single bit. */
unsigned victim_asid(const struct litmus *l);
bool victim_obliged(const struct litmus *l, int stage, uint64_t at, uint64_t operand);
/* DATA_PA and the leaf after it say where they are. */
void victim_values(struct litmus *l);
/*
 * Before, with the descriptor of `at` gone (PERMISSION: replaced by `less`), after the operation, with the new
 * descriptor. The victims are all other vCPUs, or with l->own this one.
 */
void victim_loses(struct litmus *l, enum step_kind stage, uint64_t at, uint64_t operand, bool obliged, uint64_t less,
		  uint64_t descriptor);
/* The PE that executes the operation is the victim. */
void victim_own(struct litmus *l);
/* Every level, hint and variant in `variants` (bits of enum match), named FAMILY/OP/GRANULE/SIZE-MATCH[PLACE]/HINT. */
void victim_cases(struct list *list, struct litmus l, const char *family, unsigned variants, const char *place);

/* The victim's page is the last of a range, of each SCALE; named FAMILY/OP/GRANULE/SIZE-MATCH-scaleN/HINT. */
void victim_ranges(struct list *list, struct litmus l, const char *family);

#endif
