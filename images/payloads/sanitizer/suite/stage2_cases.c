// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage 2: page A of the window becomes page B by break-before-make, and each case has its own idea of how to
 * invalidate. The victim's stage 1 is off, so that its address is the IPA, but where a case says otherwise.
 */
#include "suite.h"

#define IPA WINDOW_IPA
#define OPERAND (IPA >> 12)
#define TTL(level) PLACE(XT_TTL, ttl_for(12, level))
#define RANGE(tg, num, ttl, base) (PLACE(XT_TG, tg) | PLACE(XT_NUM, num) | PLACE(XT_RTTL, ttl) | PLACE(XT_BASE, base))
#define BOTH "remapped:combined remapped:stage2"

/* Break, invalidate by the statement, make; the victim on CPU ``cpu`` reads before and after. */
#define REMAP(name, cpu, ...)                                                                                \
	static uint64_t name(void)                                                                           \
	{                                                                                                    \
		uint64_t value;                                                                              \
                                                                                                             \
		run(cpu, LOAD, IPA);                                                                         \
		set(s2_leaf(0), 0);                                                                          \
		__VA_ARGS__;                                                                                 \
		set(s2_leaf(0), s2_page(page_b));                                                            \
		value = run(cpu, LOAD, IPA);                                                                 \
		settle(cpu);                                                                                 \
		return value;                                                                                \
	}

#define DONE()                                                                                               \
	do {                                                                                                 \
		DSB(ish);                                                                                    \
		ISB();                                                                                       \
	} while (0)

static void other_vmid(bool on)
{
	MSR(vttbr_el2, on ? other_vttbr() + PLACE(VTTBR_VMID, 1000) : world.vttbr);
	ISB();
}

REMAP(none, 0, (void)0)
REMAP(none_remote, 1, (void)0)
REMAP(exit_entry, 0, MSR(hcr_el2, world.hcr & ~HCR_VM); ISB(); MSR(hcr_el2, world.hcr); ISB())
REMAP(other_and_back, 0, other_vmid(true); other_vmid(false))
REMAP(full, 1, IPAS2E1IS(OPERAND); DSB(ish); VMALLE1IS(); DONE())
REMAP(ipa_alone, 0, IPAS2E1IS(OPERAND); DONE())
REMAP(vmalle1_alone, 0, VMALLE1IS(); DONE())
REMAP(wrong_ipa, 0, IPAS2E1IS(OPERAND + 5); DSB(ish); VMALLE1IS(); DONE())
REMAP(ipa_local, 1, IPAS2E1(OPERAND); DSB(ish); VMALLE1IS(); DONE())
REMAP(ipa_local_own, 0, IPAS2E1(OPERAND); DSB(ish); VMALLE1IS(); DONE())
REMAP(ttl_right, 0, IPAS2E1IS(OPERAND | TTL(3)); DSB(ish); VMALLE1IS(); DONE())
REMAP(ttl_level, 0, IPAS2E1IS(OPERAND | TTL(2)); DSB(ish); VMALLE1IS(); DONE())
REMAP(ttl_granule, 0, IPAS2E1IS(OPERAND | PLACE(XT_TTL, ttl_for(14, 3))); DSB(ish); VMALLE1IS(); DONE())
REMAP(range, 0, RIPAS2E1IS(RANGE(1, 0, 0, OPERAND)); DSB(ish); VMALLE1IS(); DONE())
REMAP(range_base, 0, RIPAS2E1IS(RANGE(1, 0, 0, OPERAND + 2)); DSB(ish); VMALLE1IS(); DONE())
REMAP(range_short, 0, RIPAS2E1IS(RANGE(1, 3, 0, OPERAND - 8)); DSB(ish); VMALLE1IS(); DONE())
REMAP(range_granule, 0, RIPAS2E1IS(RANGE(2, 0, 0, OPERAND >> 2)); DSB(ish); VMALLE1IS(); DONE())
REMAP(range_ttl, 0, RIPAS2E1IS(RANGE(1, 0, 2, OPERAND)); DSB(ish); VMALLE1IS(); DONE())
REMAP(whole, 1, VMALLS12E1IS(); DONE())
REMAP(whole_os, 1, VMALLS12E1OS(); DSB(osh); ISB())
REMAP(whole_local, 1, VMALLS12E1(); DONE())
REMAP(whole_own, 0, VMALLS12E1(); DSB(nsh); ISB())
REMAP(whole_vmid, 0, other_vmid(true); VMALLS12E1IS(); DSB(ish); other_vmid(false))
REMAP(everything, 1, ALLE1IS(); DONE())
REMAP(wrong_regime, 0, ALLE2IS(); DONE())

/* The barrier is missing, or not enough. */
#define UNORDERED(name, ...)                                                                                 \
	static uint64_t name(void)                                                                           \
	{                                                                                                    \
		uint64_t value;                                                                              \
                                                                                                             \
		run(1, LOAD, IPA);                                                                           \
		set(s2_leaf(0), 0);                                                                          \
		VMALLS12E1IS();                                                                              \
		__VA_ARGS__;                                                                                 \
		value = run_unordered(1, LOAD, IPA, s2_leaf(0), s2_page(page_b));                            \
		settle(1);                                                                                   \
		return value;                                                                                \
	}

UNORDERED(no_dsb, (void)0)
UNORDERED(small_dsb, DSB(nsh))
UNORDERED(dsb_of_stores, DSB(ishst))
UNORDERED(enough_dsb, DSB(ish))

/* The victim is entered, and touches nothing, before the operation is complete. */
static uint64_t entered_early(void)
{
	uint64_t value;

	run(0, LOAD, IPA);
	set(s2_leaf(0), 0);
	VMALLS12E1IS();
	run(0, IDLE, 0);
	DONE();
	set(s2_leaf(0), s2_page(page_b));
	value = run(0, LOAD, IPA);
	settle(0);
	return value;
}

/* A to nothing, or to less; the victim tries again. */
#define CHANGE(name, action, first, second, ...)                                                             \
	static uint64_t name(void)                                                                           \
	{                                                                                                    \
		uint64_t value;                                                                              \
                                                                                                             \
		set(s2_leaf(0), first);                                                                      \
		run(0, action, IPA);                                                                         \
		set(s2_leaf(0), second);                                                                     \
		__VA_ARGS__;                                                                                 \
		value = run(0, action, IPA);                                                                 \
		settle(0);                                                                                   \
		return value;                                                                                \
	}

#define PAGE s2_page(page_a)
CHANGE(unmap, LOAD, PAGE, 0, IPAS2E1IS(OPERAND); DSB(ish); VMALLE1IS(); DONE())
CHANGE(unmap_none, LOAD, PAGE, 0, (void)0)
CHANGE(protect, STORE, PAGE, PAGE & ~PTE_S2_W, IPAS2E1IS(OPERAND); DSB(ish); VMALLE1IS(); DONE())
CHANGE(protect_none, STORE, PAGE, PAGE & ~PTE_S2_W, (void)0)
CHANGE(no_execute_none, CALL, PAGE, PAGE | PTE_S2_XN, (void)0)
CHANGE(widen_none, LOAD, PAGE & ~PTE_S2_W, PAGE, (void)0)
CHANGE(access_flag_none, LOAD, PAGE, PAGE & ~PTE_AF, (void)0)
CHANGE(direct, LOAD, PAGE, s2_page(page_b), IPAS2E1IS(OPERAND); DSB(ish); VMALLE1IS(); DONE())
CHANGE(code, CALL, PAGE, s2_page(page_b), VMALLS12E1IS(); DONE())
CHANGE(code_none, CALL, PAGE, s2_page(page_b), VMALLE1IS(); DONE())

/* The same VMID with other tables: what a hypervisor does that runs out of VMIDs. */
static uint64_t reuse(bool flush)
{
	uint64_t value;

	run(0, LOAD, IPA);
	world.vttbr = other_vttbr();
	world_load();
	if (flush) {
		VMALLS12E1IS();
		DONE();
	}
	value = run(0, LOAD, IPA);
	settle(0);
	return value;
}

static uint64_t vmid_reused(void)
{
	return reuse(false);
}

static uint64_t vmid_flushed(void)
{
	return reuse(true);
}

/* A block: the victim uses its first page, the operation names another one. */
#define BLOCK_CASE(name, operand)                                                                            \
	static uint64_t name(void)                                                                           \
	{                                                                                                    \
		uint64_t value, attributes = s2_page(0) & ~2ul;                                              \
                                                                                                             \
		set(s2_block(), (uint64_t)block_a | attributes);                                             \
		run(0, LOAD, IPA + BLOCK);                                                                   \
		set(s2_block(), 0);                                                                          \
		IPAS2E1IS(operand);                                                                          \
		DSB(ish);                                                                                    \
		VMALLE1IS();                                                                                 \
		DONE();                                                                                      \
		set(s2_block(), (uint64_t)block_b | attributes);                                             \
		value = run(0, LOAD, IPA + BLOCK);                                                           \
		settle(0);                                                                                   \
		return value;                                                                                \
	}

#define IN_BLOCK ((IPA + BLOCK) >> 12)
BLOCK_CASE(block_last_page, IN_BLOCK + 511)
BLOCK_CASE(block_beyond, IN_BLOCK + 512)
BLOCK_CASE(block_ttl, IN_BLOCK | TTL(2))
BLOCK_CASE(block_page_ttl, IN_BLOCK | TTL(3))

/* Any of the above with big-endian descriptors. */
#define BIG(name)                                                                                            \
	static uint64_t big_##name(void)                                                                     \
	{                                                                                                    \
		world_big2();                                                                                \
		return name();                                                                               \
	}

BIG(full)
BIG(none_remote)
BIG(unmap)
BIG(unmap_none)
BIG(ipa_alone)
BIG(wrong_ipa)
BIG(direct)

const struct test stage2_tests[] = {
	{ "s2-full", "", "", full },
	{ "s2-none", "nothing is invalidated", BOTH, none },
	{ "s2-none-remote", "nothing is invalidated, victim on another PE", BOTH, none_remote },
	{ "s2-exit-entry", "nothing is invalidated, HCR_EL2.VM off and on", BOTH, exit_entry },
	{ "s2-other-vmid-and-back", "nothing is invalidated, another VMID and back", BOTH, other_and_back },
	{ "s2-ipa-alone", "IPAS2E1IS without VMALLE1IS", "remapped:combined", ipa_alone },
	{ "s2-vmalle1-alone", "VMALLE1IS without IPAS2E1IS", "remapped:stage2", vmalle1_alone },
	{ "s2-wrong-ipa", "IPAS2E1IS of another page", "remapped:stage2", wrong_ipa },
	{ "s2-ipa-local", "IPAS2E1 (local) for a victim on another PE", "remapped:stage2", ipa_local },
	{ "s2-ipa-local-own", "", "", ipa_local_own },
	{ "s2-ttl", "", "", ttl_right },
	{ "s2-ttl-level", "TTL of level 2 for a page", "remapped:stage2", ttl_level },
	{ "s2-ttl-granule", "TTL of the 16 KB granule", "remapped:stage2", ttl_granule },
	{ "s2-range", "", "", range },
	{ "s2-range-base", "range that begins behind the page", "remapped:stage2", range_base },
	{ "s2-range-short", "range that ends before the page", "remapped:stage2", range_short },
	{ "s2-range-granule", "range with TG of 16 KB", "remapped:stage2", range_granule },
	{ "s2-range-ttl", "range with TTL 2 for a page", "remapped:stage2", range_ttl },
	{ "s2-whole", "", "", whole },
	{ "s2-whole-os", "", "", whole_os },
	{ "s2-whole-own", "", "", whole_own },
	{ "s2-whole-local", "VMALLS12E1 (local) for a victim on another PE", BOTH, whole_local },
	{ "s2-whole-vmid", "VMALLS12E1IS with another VMID loaded", BOTH, whole_vmid },
	{ "s2-alle1", "", "", everything },
	{ "s2-alle2", "ALLE2IS: the wrong regime", BOTH, wrong_regime },
	{ "s2-no-dsb", "no DSB behind VMALLS12E1IS", BOTH, no_dsb },
	{ "s2-dsb-nsh", "DSB NSH behind VMALLS12E1IS", BOTH, small_dsb },
	{ "s2-dsb-ishst", "DSB ISHST behind VMALLS12E1IS", BOTH, dsb_of_stores },
	{ "s2-dsb", "", "", enough_dsb },
	{ "s2-entered-early", "the victim is entered before the DSB", "not-completed", entered_early },
	{ "s2-unmap", "", "", unmap },
	{ "s2-unmap-none", "unmapped, nothing is invalidated", "unmapped:combined unmapped:stage2", unmap_none },
	{ "s2-protect", "", "", protect },
	{ "s2-protect-none", "write-protected, nothing is invalidated", "narrowed:combined narrowed:stage2",
	  protect_none },
	{ "s2-no-execute-none", "execution forbidden, nothing is invalidated", "narrowed:combined narrowed:stage2",
	  no_execute_none },
	{ "s2-widen-none", "", "", widen_none },
	{ "s2-access-flag-none", "", "", access_flag_none },
	{ "s2-direct", "from A to B without a break", "no-break:stage2", direct },
	{ "s2-code", "", "", code },
	{ "s2-code-vmalle1-alone", "instructions; VMALLE1IS without IPAS2E1IS", "remapped:stage2", code_none },
	{ "s2-vmid-flushed", "", "", vmid_flushed },
	{ "s2-vmid-reused", "a VMID gets other tables, nothing is invalidated",
	  "vmid-reused:combined vmid-reused:stage2", vmid_reused },
	{ "s2-big-endian", "", "", big_full },
	{ "s2-big-endian-none", "big-endian tables, nothing is invalidated", BOTH, big_none_remote },
	{ "s2-big-endian-ipa-alone", "big-endian tables, IPAS2E1IS without VMALLE1IS", "remapped:combined", big_ipa_alone },
	{ "s2-big-endian-wrong-ipa", "big-endian tables, IPAS2E1IS of another page", "remapped:stage2", big_wrong_ipa },
	{ "s2-big-endian-unmap", "", "", big_unmap },
	{ "s2-big-endian-unmap-none", "big-endian tables, unmapped, nothing is invalidated",
	  "unmapped:combined unmapped:stage2", big_unmap_none },
	{ "s2-big-endian-direct", "big-endian tables, from A to B without a break", "no-break:stage2", big_direct },
	{ "s2-block-last-page", "", "", block_last_page },
	{ "s2-block-beyond", "IPAS2E1IS of the page behind the block", "remapped:stage2", block_beyond },
	{ "s2-block-ttl", "", "", block_ttl },
	{ "s2-block-page-ttl", "TTL of level 3 for a block", "remapped:stage2", block_page_ttl },
	{ 0, 0, 0, 0 },
};
