// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which access brings a translation. s2-first: a stage-2 leaf with each set of permissions (S2AP, XN), which L2's first access
 * brings, by any access that it permits; what it forbids is a Permission fault of its level all the same (Arm ARM DDI 0487
 * M.a.a, D8.4.3, D24.2.46), and what else it permits succeeds. l0-first: the same while L0 keeps a dirty log, so that the leaf
 * that a read brought is not writable at L0 and the first write is a fault of L0's own. No TLBI is involved.
 */
#include "families/families.h"
#include "host/events.h"
#include "host/program.h"

enum { MAY_READ = 1, MAY_WRITE = 2, MAY_EXECUTE = 4, SETS = 8 };
static const enum access accesses[] = { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };
static const char *const access_words[] = { "read", "write", "execute" };
#define ACCESSES 3u

static uint64_t bits_of(unsigned set)
{
	return (set & MAY_READ ? PTE_S2_R : 0) | (set & MAY_WRITE ? PTE_S2_W : 0) | (set & MAY_EXECUTE ? 0 : PTE_S2_XN);
}

/* The page has code, and what L2 writes there is the same code. */
static void look(struct litmus *l, unsigned access, uint64_t at, bool permitted)
{
	static const uint64_t classes[] = { ESR_EC_DABT_LOW, ESR_EC_DABT_LOW, ESR_EC_IABT_LOW };
	uint64_t seen = access == 2 ? CODE_RESULT : CODE;
	struct probe *p;

	if (permitted && access != 1)
		add_access(l, 0, accesses[access], at, false, ROLE_AFTER, 0, seen);
	else
		add_access(l, 0, accesses[access], at, false, permitted ? ROLE_DONE : ROLE_GONE, access == 1 ? 0 : seen,
			   0);
	last_step(l)->b = CODE;
	if (permitted)
		return;
	p = last_probe(l);
	p->fault = FAULT_PERMISSION;
	p->esr_mask = ESR_EC | ESR_S1PTW | ESR_WNR | ESR_FSC;
	p->esr = PLACE(ESR_EC, classes[access]) | (access == 1 ? ESR_WNR : 0) |
		 PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_PERMISSION) | l->level;
	p->far = at;
}

/*
 * struct litmus.variant: the set; position: the first access. The others are made twice, for the first of them may change
 * what L0 has. --self-test: L1's leaf has the opposite set.
 */
static void build_first(struct litmus *l)
{
	unsigned set = (unsigned)l->variant, first = (unsigned)l->position;
	unsigned written = l->vm->shared->skip ? set ^ (SETS - 1) : set;
	uint64_t page = 1ull << l->shift, offset = l->level == 3 ? 0 : leaf_size(l) - page;
	uint64_t base = l->slow ? EVENT_PA : DATA_PA, ipa = fresh_ipa(l->shift, l->level, 1), at = ipa + offset;

	if (l->slow)
		add_host(l, EVENT_SET_UP, offset);
	add_context(l, 0, VMID, 0, false, true);
	add_code(l, base + offset, CODE);
	if (l->slow)
		add_host(l, EVENT_DIRTY_ON, offset);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(base, l->level, bits_of(written)), l->level);
	look(l, first, at, true);
	for (unsigned i = 0; i < 2 * (ACCESSES - 1); i++) {
		unsigned next = (first + 1 + i % (ACCESSES - 1)) % ACCESSES;

		look(l, next, at, set & 1u << next);
	}
	add_cleanup(l, 0, ipa, l->level, 1);
}

/* What may be executed may be read (D8.4.3). */
static bool may(unsigned set)
{
	return !(set & MAY_EXECUTE) || set & MAY_READ;
}

void cases_first(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION, .build = build_first, .own = true, .regime = "el1&0-stage2" };

	for (unsigned logged = 0; logged < 2; logged++) {
		l.slow = logged;
		l.config = (struct config){ .cpus = 1, .spare = logged ? 0 : 2 };
		for (l.shift = 12; l.shift <= 16; l.shift += 2)
			for (l.level = l.shift == 16 ? 3 : 2; l.level <= 3; l.level++)
				for (l.variant = 1; l.variant < SETS; l.variant++)
					for (l.position = 0; l.position < (int)ACCESSES; l.position++)
						if (l.variant & 1 << l.position && may((unsigned)l.variant))
							list_add(list, &l, "%s-first/%s/%s/%s%s%s-by-%s",
								 logged ? "l0" : "s2", granule_word(l.shift),
								 size_word(leaf_size(&l)),
								 l.variant & MAY_READ ? "r" : "",
								 l.variant & MAY_WRITE ? "w" : "",
								 l.variant & MAY_EXECUTE ? "x" : "",
								 access_words[l.position]);
	}
}
