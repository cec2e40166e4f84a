// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: every combination of permission bits at each stage (DDI 0487 M.a.a, D8.4). */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x5000000000ull

/* Direct permissions of stage 1: AP[2:1] and UXN, PXN; EL1 does not execute what EL0 may write. */
static bool stage1_allows(unsigned ap, bool uxn, bool pxn, bool el0, enum access access)
{
	bool user = ap & 1, read_only = ap & 2;

	if (access == EXECUTE)
		return el0 ? !uxn : !pxn && !(user && !read_only);
	if (access == WRITE)
		return !read_only && (user || !el0);
	return user || !el0;
}

/* S2AP; XN[1:0] with FEAT_XNX: 00 all, 01 EL0 alone, 10 none, 11 EL1 alone */
static bool stage2_allows(unsigned s2ap, unsigned xn, bool el0, enum access access)
{
	if (access == EXECUTE)
		return xn == 0 || (xn == 1 && el0) || (xn == 3 && !el0);
	return s2ap & (access == WRITE ? 2 : 1);
}

/* A leaf of one level and the address in it that is used. */
struct place {
	unsigned level;
	uint64_t va, ipa;
};

static void ask(const struct place *at, bool allowed, enum came to, bool el0, enum access access, const char *which,
		unsigned a, unsigned b)
{
	struct answer got = touch(0, el0, access, at->va);

	if (allowed)
		CHECK_VALUE(got, A_VALUE, "D8.4, direct permissions",
			    "%s %d, execute-never %d: %s at EL%d, leaf of level %d, address %x", which, (uint64_t)a,
			    (uint64_t)b, access_names[access], (uint64_t)!el0, (uint64_t)at->level, at->va);
	else
		CHECK_ESR(got, to, ESR_EC | 0x3f, abort_class(access, to == TO_EL1 && !el0) | PERMISSION | at->level,
			  "D8.4, direct permissions",
			  "%s %d, execute-never %d: %s at EL%d, leaf of level %d, address %x", which, (uint64_t)a,
			  (uint64_t)b, access_names[access], (uint64_t)!el0, (uint64_t)at->level, at->va);
}

static void stage1(const struct place *at)
{
	map_s2(at->ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned bits = 0; bits < 16; bits++)
		for (unsigned what = 0; what < 6; what++) {
			unsigned ap = bits & 3, uxn = bits >> 2 & 1, pxn = bits >> 3;
			bool el0 = what & 1;

			map_s1(at->va, at->level, at->ipa,
			       PTE_AF | (uint64_t)ap << 6 | (pxn ? PTE_S1_PXN : 0) | (uxn ? PTE_S1_UXN : 0));
			forget();
			ask(at, stage1_allows(ap, uxn, pxn, el0, what / 2), TO_EL1, el0, what / 2, "AP", ap,
			    uxn | pxn << 1);
		}
}

static void stage2(const struct place *at)
{
	for (unsigned bits = 0; bits < 16; bits++)
		for (unsigned what = 0; what < 6; what++) {
			unsigned s2ap = bits & 3, xn = bits >> 2;
			bool el0 = what & 1;
			enum access access = what / 2;

			if (access == EXECUTE && !(s2ap & 1))
				continue; /* execute-only is a matter of its own */
			map_s1(at->va, 3, at->ipa, PTE_AF | (access == EXECUTE ? 0 : PTE_S1_EL0));
			map_s2(at->ipa, at->level, (uint64_t)page_a,
			       PTE_AF | (uint64_t)s2ap << 6 | PLACE(PTE_S2_XN_BOTH, xn));
			forget();
			ask(at, stage2_allows(s2ap, xn, el0, access), TO_EL2, el0, access, "S2AP", s2ap, xn);
		}
}

void check_permissions(void)
{
	group("permissions");
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned level = 1; features.granule[granule_number(shift)] && level <= 3; level++)
			for (unsigned high = 0; high < 2; high++) {
				struct geometry g = geometry(shift, 48, false, false);
				uint64_t size = BIT(shift_of(&g, level)), offset = (uint64_t)page_a & (size - 1);
				struct place at = { .level = level,
						    .va = (high ? HIGH : 0) | ((TARGET & ~(size - 1)) + offset),
						    .ipa = TARGET_IPA + offset };

				if (level < 3 && !block_allowed(&g, level))
					continue;
				space_new(shift, 1, 1, true, true, false);
				stage1(&at);
				if (high)
					stage2(&at);
			}
	group_end();
}
