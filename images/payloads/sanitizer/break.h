/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Break-before-make (Arm ARM DDI 0487 M.a.a, D8.17.1: R_WHZWS, R_DDMVT): how far a change of a translation has come when its invalidation by address is
 * executed. Plain C, runs in the sanitizer plugin inside QEMU and in its test driver.
 */
#ifndef NVH_SANITIZER_BREAK_H
#define NVH_SANITIZER_BREAK_H

#include "store.h"

/*
 * Who keeps the tables that gave an entry: L0 stage 2, L1 stage 1 of virtual EL2 (HCR_EL2.NV is set while it runs), L2
 * stage 1 of everything else below EL2. harness/check/breaks.py has the same names.
 */
enum keeper { L0, L1, L2, KEEPERS };
enum keeper keeper_of(const struct entry *entry, const struct context *context);

/* Whether to go from the entry's page to the one at ``out`` needs no break: both read-only, with the same contents. */
bool break_is_copy(const struct entry *entry, uint64_t out, unsigned perms, read_physical read);

enum step_to_new {
	UNTOLD,	   /* the operation names no address, or the tables of the entry are not those of ``context`` */
	UNCHANGED, /* the output is the entry's, or a read-only copy of it: nothing has to be broken for that */
	BROKEN,	   /* invalid, as it has to be */
	REPLACED,  /* another valid translation is there already */
};
/* ``context``: of the tables that ``tlbi`` is about, or NULL. Fills ``now`` but for UNTOLD. */
enum step_to_new break_step(const struct entry *entry, const struct tlbi *tlbi, const struct context *context,
			    read_physical read, struct walk *now);

#endif
