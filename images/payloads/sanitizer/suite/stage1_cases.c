// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage 1 of the victim, with stage 2 constant: the window's VA goes from page 0 of the window's IPAs (A) to page 1
 * (B). ASID 5. EL2 invalidates, but where a case says otherwise.
 */
#include "suite.h"

#define AT WINDOW_VA
#define OPERAND operand_address(true, AT, 5, 0)
#define RANGE(tg, num, base) (operand_asid(5) | PLACE(XT_TG, tg) | PLACE(XT_NUM, num) | PLACE(XT_BASE, base))

static void begin(unsigned cpu)
{
	world_stage1();
	set(s2_leaf(1), s2_page(page_b));
	world_load();
	run(cpu, LOAD, AT);
}

static uint64_t end(unsigned cpu)
{
	uint64_t value = run(cpu, LOAD, AT);

	settle(cpu);
	return value;
}

#define DONE()            \
	do {              \
		DSB(ish); \
		ISB();    \
	} while (0)

#define REMAP(name, cpu, ...)                                \
	static uint64_t name(void)                           \
	{                                                    \
		begin(cpu);                                  \
		set(s1_leaf(0), 0);                          \
		__VA_ARGS__;                                 \
		DONE();                                      \
		set(s1_leaf(0), s1_page(WINDOW_IPA + 4096)); \
		return end(cpu);                             \
	}

static void under_other_vmid(void)
{
	MSR(vttbr_el2, world.vttbr + PLACE(VTTBR_VMID, 1000));
	ISB();
	VMALLE1IS();
	DSB(ish);
	MSR(vttbr_el2, world.vttbr);
}

static void as_host(void)
{
	MSR(hcr_el2, world.hcr | HCR_E2H | HCR_TGE);
	ISB();
	VAE1IS(OPERAND);
	DSB(ish);
	MSR(hcr_el2, world.hcr);
}

static void by_victim(uint64_t fb)
{
	uint64_t hcr = world.hcr;

	world.hcr |= fb;
	run(0, TLBI_LOCAL, OPERAND);
	world.hcr = hcr;
}

REMAP(right, 1, VAE1IS(OPERAND))
REMAP(none, 0, (void)0)
REMAP(none_remote, 1, (void)0)
REMAP(wrong_va, 0, VAE1IS(OPERAND + 1))
REMAP(wrong_asid, 0, VAE1IS(AT >> 12 | operand_asid(6)))
REMAP(any_asid, 0, VAAE1IS(AT >> 12))
REMAP(last_level, 0, VALE1IS(OPERAND))
REMAP(outer, 1, VAE1OS(OPERAND); DSB(osh))
REMAP(nxs, 1, VAE1ISNXS(OPERAND))
REMAP(local, 1, VAE1(OPERAND))
REMAP(local_own, 0, VAE1(OPERAND))
REMAP(of_asid, 0, ASIDE1IS(operand_asid(5)))
REMAP(of_other_asid, 0, ASIDE1IS(operand_asid(6)))
REMAP(ttl, 0, VAE1IS(OPERAND | PLACE(XT_TTL, ttl_for(12, 3))))
REMAP(wrong_ttl, 0, VAE1IS(OPERAND | PLACE(XT_TTL, ttl_for(12, 2))))
REMAP(all, 1, VMALLE1IS())
REMAP(all_local, 1, VMALLE1())
REMAP(all_wrong_vmid, 1, under_other_vmid())
REMAP(host_regime, 0, as_host())
REMAP(range, 0, RVAE1IS(RANGE(1, 0, AT >> 12)))
REMAP(range_base, 0, RVAE1IS(RANGE(1, 0, (AT >> 12) + 2)))
REMAP(range_unit, 0, RVAE1IS(RANGE(1, 0, AT >> 16)))
REMAP(range_granule, 0, RVAE1IS(RANGE(3, 0, AT >> 16)))
REMAP(ipa_of_stage1, 0, IPAS2E1IS(WINDOW_IPA >> 12))
REMAP(victim_fb, 1, by_victim(HCR_FB))
REMAP(victim_local, 1, by_victim(0))

/* A barrier that waits for nXS operations alone. */
static uint64_t nxs_barrier(void)
{
	uint64_t value;

	begin(1);
	set(s1_leaf(0), 0);
	VAE1IS(OPERAND);
	__asm__ volatile(".inst 0xd5033a3f" ::: "memory"); /* DSB ISHNXS */
	value = run_unordered(1, LOAD, AT, s1_leaf(0), s1_page(WINDOW_IPA + 4096));
	settle(1);
	return value;
}

/* FEAT_LPA2: with TCR_EL1.DS the base of a range counts 64 KB, and descriptors hold no shareability. */
static uint64_t lpa2(uint64_t operand)
{
	world_stage1();
	world.tcr |= TCR_DS;
	for (unsigned page = 0; page < 16; page++)
		*s1_leaf(page) &= ~(3ul << 8);
	*(uint64_t *)((world.ttbr0 & TTBR_BADDR) + 8) &= ~(3ul << 8);
	set(s2_leaf(1), s2_page(page_b));
	world_load();
	run(0, LOAD, AT);
	set(s1_leaf(0), 0);
	RVAE1IS(operand);
	DONE();
	set(s1_leaf(0), s1_page(WINDOW_IPA + 4096) & ~(3ul << 8));
	return end(0);
}

/* The base's unit is that of TCR_EL1 where the operation is executed, whatever the victim runs with. */
static void with_ds(uint64_t operand)
{
	MSR(tcr_el1, world.tcr | TCR_DS);
	ISB();
	RVAE1IS(operand);
	DSB(ish);
	MSR(tcr_el1, world.tcr);
}

REMAP(range_other_ds, 0, with_ds(RANGE(1, 0, AT >> 16)))
REMAP(range_other_ds_unit, 0, with_ds(RANGE(1, 0, AT >> 12)))

static uint64_t range_lpa2(void)
{
	return lpa2(RANGE(1, 0, AT >> 16));
}

static uint64_t range_lpa2_unit(void)
{
	return lpa2(RANGE(1, 0, AT >> 12));
}

/* Global: non-global descriptors of the window are made global first. */
static uint64_t global(bool by_asid)
{
	world_stage1();
	set(s2_leaf(1), s2_page(page_b));
	set(s1_leaf(0), s1_page(WINDOW_IPA) & ~PTE_S1_NG);
	world_load();
	run(0, LOAD, AT);
	set(s1_leaf(0), 0);
	if (by_asid)
		ASIDE1IS(operand_asid(5));
	else
		VAE1IS(AT >> 12 | operand_asid(6));
	DONE();
	set(s1_leaf(0), s1_page(WINDOW_IPA + 4096) & ~PTE_S1_NG);
	return end(0);
}

static uint64_t global_by_va(void)
{
	return global(false);
}

static uint64_t global_by_asid(void)
{
	return global(true);
}

static uint64_t reuse(bool flush)
{
	begin(0);
	world.ttbr0 = other_ttbr0();
	if (flush) {
		ASIDE1IS(operand_asid(5));
		DONE();
	}
	return end(0);
}

static uint64_t asid_reused(void)
{
	return reuse(false);
}

static uint64_t asid_flushed(void)
{
	return reuse(true);
}

#define CHANGE(name, action, value, ...)   \
	static uint64_t name(void)         \
	{                                  \
		uint64_t seen;             \
                                           \
		begin(0);                  \
		run(0, action, AT);        \
		set(s1_leaf(0), value);    \
		__VA_ARGS__;               \
		seen = run(0, action, AT); \
		settle(0);                 \
		return seen;               \
	}

CHANGE(unmap_none, LOAD, 0, (void)0)
CHANGE(protect, STORE, s1_page(WINDOW_IPA) | PTE_S1_RO, VAE1IS(OPERAND); DONE())
CHANGE(protect_none, STORE, s1_page(WINDOW_IPA) | PTE_S1_RO, (void)0)
CHANGE(direct, LOAD, s1_page(WINDOW_IPA + 4096), VAE1IS(OPERAND); DONE())

/* The victim is a hypervisor at virtual EL2: HCR_EL2.NV. */
static uint64_t under_nv(uint64_t (*play)(void))
{
	world.hcr |= HCR_NV;
	return play();
}

static uint64_t nv_last_level(void)
{
	return under_nv(last_level);
}

static uint64_t nv_direct(void)
{
	return under_nv(direct);
}

/* The IPA of the page that holds the victim's level 3 table gets another page. */
static uint64_t table_page(bool ipa)
{
	static uint64_t copy[512] __attribute__((aligned(4096)));
	uint64_t *table, *level2;

	world_stage1();
	set(s2_leaf(1), s2_page(page_b));
	table = (uint64_t *)((uint64_t)s1_leaf(0) & ~0xffful);
	for (unsigned i = 0; i < 512; i++)
		copy[i] = i ? table[i] : s1_page(WINDOW_IPA + 4096);
	set(s2_leaf(2), s2_page(table));
	level2 = (uint64_t *)(*(uint64_t *)((world.ttbr0 & TTBR_BADDR) + 8 * 3) & 0xfffffffff000);
	set(level2, (WINDOW_IPA + 2 * 4096) | 3);
	world_load();
	run(0, LOAD, AT);
	set(s2_leaf(2), 0);
	if (ipa) {
		IPAS2E1IS((WINDOW_IPA >> 12) + 2);
		DSB(ish);
	}
	VMALLE1IS();
	DONE();
	set(s2_leaf(2), s2_page(copy));
	return end(0);
}

static uint64_t table_page_right(void)
{
	return table_page(true);
}

static uint64_t table_page_none(void)
{
	return table_page(false);
}

/* Any of the above with big-endian tables, of stage 1 alone or of both stages. */
#define BIG(name, also_stage2)            \
	static uint64_t big_##name(void)  \
	{                                 \
		if (also_stage2)          \
			world_big2();     \
		world.big1 = true;        \
		return name();            \
	}

BIG(right, true)
BIG(local_own, false)
BIG(none, false)
BIG(wrong_va, true)
BIG(unmap_none, false)
BIG(direct, true)

const struct test stage1_tests[] = {
	{ "s1-va", "", "", right },
	{ "s1-none", "nothing is invalidated", "remapped:combined", none },
	{ "s1-none-remote", "nothing is invalidated, victim on another PE", "remapped:combined", none_remote },
	{ "s1-wrong-va", "VAE1IS of another page", "remapped:combined", wrong_va },
	{ "s1-wrong-asid", "VAE1IS with another ASID", "remapped:combined", wrong_asid },
	{ "s1-any-asid", "", "", any_asid },
	{ "s1-last-level", "", "", last_level },
	{ "s1-outer", "", "", outer },
	{ "s1-nxs", "", "", nxs },
	{ "s1-local", "VAE1 (local) for a victim on another PE", "remapped:combined", local },
	{ "s1-local-own", "", "", local_own },
	{ "s1-of-asid", "", "", of_asid },
	{ "s1-of-other-asid", "ASIDE1IS with another ASID", "remapped:combined", of_other_asid },
	{ "s1-ttl", "", "", ttl },
	{ "s1-wrong-ttl", "TTL of level 2 for a page", "remapped:combined", wrong_ttl },
	{ "s1-all", "", "", all },
	{ "s1-all-local", "VMALLE1 (local) for a victim on another PE", "remapped:combined", all_local },
	{ "s1-all-wrong-vmid", "VMALLE1IS with another VMID loaded", "remapped:combined", all_wrong_vmid },
	{ "s1-host-regime", "VAE1IS with {E2H,TGE} = {1,1}", "remapped:combined", host_regime },
	{ "s1-range", "", "", range },
	{ "s1-range-base", "range that begins behind the page", "remapped:combined", range_base },
	{ "s1-range-unit", "range whose base counts 64 KB", "remapped:combined", range_unit },
	{ "s1-range-granule", "range with TG of 64 KB", "remapped:combined", range_granule },
	{ "s1-range-lpa2", "", "", range_lpa2 },
	{ "s1-range-other-ds", "", "", range_other_ds },
	{ "s1-range-other-ds-unit", "EL2 sets TCR_EL1.DS: range whose base counts 4 KB", "remapped:combined",
	  range_other_ds_unit },
	{ "s1-range-lpa2-unit", "TCR_EL1.DS: range whose base counts 4 KB", "remapped:combined", range_lpa2_unit },
	{ "s1-ipa", "IPAS2E1IS for a change of stage 1", "remapped:combined", ipa_of_stage1 },
	{ "s1-nxs-barrier", "DSB ISHNXS behind VAE1IS", "remapped:combined", nxs_barrier },
	{ "s1-victim-fb", "", "", victim_fb },
	{ "s1-victim-local", "EL1's local VAE1 without HCR_EL2.FB, another PE", "remapped:combined", victim_local },
	{ "s1-global-by-va", "", "", global_by_va },
	{ "s1-global-by-asid", "ASIDE1IS for a global translation", "remapped:combined", global_by_asid },
	{ "s1-asid-flushed", "", "", asid_flushed },
	{ "s1-asid-reused", "an ASID gets other tables, nothing is invalidated", "asid-reused:combined", asid_reused },
	{ "s1-unmap-none", "unmapped, nothing is invalidated", "unmapped:combined", unmap_none },
	{ "s1-protect", "", "", protect },
	{ "s1-protect-none", "write-protected, nothing is invalidated", "narrowed:combined", protect_none },
	{ "s1-direct", "from A to B without a break", "no-break:combined", direct },
	{ "s1-nv-last-level", "", "", nv_last_level },
	{ "s1-nv-direct", "of virtual EL2: from A to B without a break", "no-break:combined", nv_direct },
	{ "s1-big-endian", "", "", big_local_own },
	{ "s1-big-endian-both", "", "", big_right },
	{ "s1-big-endian-none", "big-endian tables, nothing is invalidated", "remapped:combined", big_none },
	{ "s1-big-endian-both-wrong-va", "both stages big-endian, VAE1IS of another page", "remapped:combined", big_wrong_va },
	{ "s1-big-endian-unmap-none", "big-endian tables, unmapped, nothing is invalidated", "unmapped:combined", big_unmap_none },
	{ "s1-big-endian-both-direct", "both stages big-endian, from A to B without a break", "no-break:combined", big_direct },
	{ "s1-table-page", "", "", table_page_right },
	{ "s1-table-page-vmalle1-alone", "the IPA of a table: VMALLE1IS without IPAS2E1IS", "remapped:stage2",
	  table_page_none },
	{ 0, 0, 0, 0 },
};
