// SPDX-License-Identifier: GPL-2.0-only
/* EL2's own regime: its loads, and the page at VNCR_EL2, which EL1 reaches by reading HCR_EL2 (FEAT_NV2). */
#include "suite.h"

#define OPERAND(page) ((EL2_VA >> 12) + (page))
#define VNCR_PAGES 8
static unsigned page; /* each case has one of its own */

#define DONE()                                                                                               \
	do {                                                                                                 \
		DSB(ish);                                                                                    \
		ISB();                                                                                       \
	} while (0)

static uint64_t use(unsigned cpu, bool vncr)
{
	uint64_t value;

	if (!vncr)
		return run_el2(cpu, EL2_VA + 4096 * page);
	world.hcr |= HCR_NV | HCR_NV2;
	MSR(s3_4_c2_c2_0, EL2_VA + 4096 * page);
	value = run(cpu, LOAD_HCR, 0);
	world.hcr &= ~(HCR_NV | HCR_NV2);
	return value;
}

#define REMAP(name, cpu, vncr, ...)                                                                          \
	static uint64_t name(void)                                                                           \
	{                                                                                                    \
		uint64_t value, *leaf;                                                                       \
                                                                                                             \
		switch_el2_mmu(true);                                                                        \
		page++;                                                                                      \
		leaf = el2_leaf(page, false);                                                                \
		use(cpu, vncr);                                                                              \
		set(leaf, 0);                                                                                \
		__VA_ARGS__;                                                                                 \
		DONE();                                                                                      \
		set(leaf, el2_page(page_b, false));                                                          \
		value = use(cpu, vncr);                                                                      \
		settle(cpu);                                                                                 \
		switch_el2_mmu(false);                                                                       \
		return value;                                                                                \
	}

REMAP(right, 1, false, VAE2IS(OPERAND(page)))
REMAP(none, 0, false, (void)0)
REMAP(wrong_va, 0, false, VAE2IS(OPERAND(page) + 1))
REMAP(local, 1, false, VAE2(OPERAND(page)))
REMAP(all, 1, false, ALLE2IS())
REMAP(other_regime, 0, false, VMALLS12E1IS())
REMAP(vncr, 0, true, VAE2IS(OPERAND(page)))
REMAP(vncr_none, 0, true, (void)0)
REMAP(vncr_other_regime, 0, true, VAE1IS(OPERAND(page)))

/* The tables are big-endian, and EL2's MMU is on for the two reads alone. */
static uint64_t big_endian(bool invalidate)
{
	uint64_t value, *leaf;

	page++;
	run_el2_big(0, EL2_VA + 4096 * page);
	leaf = el2_leaf(page, true);
	set(leaf, 0);
	if (invalidate)
		VAE2IS(OPERAND(page));
	DONE();
	set(leaf, el2_page(page_b, true));
	value = run_el2_big(0, EL2_VA + 4096 * page);
	settle(0);
	return value;
}

static uint64_t big_endian_right(void)
{
	return big_endian(true);
}

static uint64_t big_endian_none(void)
{
	return big_endian(false);
}

const struct test el2_tests[] = {
	{ "el2-va", "", "", right },
	{ "el2-none", "nothing is invalidated", "remapped:combined", none },
	{ "el2-wrong-va", "VAE2IS of another page", "remapped:combined", wrong_va },
	{ "el2-local", "VAE2 (local) for another PE", "remapped:combined", local },
	{ "el2-all", "", "", all },
	{ "el2-other-regime", "VMALLS12E1IS: the wrong regime", "remapped:combined", other_regime },
	{ "el2-big-endian", "", "", big_endian_right },
	{ "el2-big-endian-none", "EL2's tables are big-endian, nothing is invalidated", "remapped:combined", big_endian_none },
	{ "vncr", "", "", vncr },
	{ "vncr-none", "nothing is invalidated", "remapped:combined", vncr_none },
	{ "vncr-other-regime", "VAE1IS: the wrong regime", "remapped:combined", vncr_other_regime },
	{ 0, 0, 0, 0 },
};
