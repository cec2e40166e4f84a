// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: EL2's own regime with E2H = 0, by granule: its aborts by level and access, pages that move by
 * break-before-make with each operation of EL2 on either PE, address tags (TCR_EL2.TBI), AT S1E2R and S1E2W.
 */
#include "model.h"

#define WINDOW 0x923456780000ull
#define LOAD 0xf9400021u  /* LDR X1, [X1] */
#define STORE 0xf9000021u /* STR X1, [X1] */
#define WRITE_REGISTER(op1, crn, crm, op2) ACCESS(3, op1, crn, crm, op2, 0)
#define SYNDROME (ESR_EC | 0x3f | ESR_WNR | ESR_S1PTW)

static struct geometry regime;
static uint64_t *root;

/* Each bit of a page's number is 1 in one of the two. */
static uint64_t window(unsigned n)
{
	return n & 1 ? 0x6dcba987f000ull & ~(BIT(regime.shift) - 1) : WINDOW;
}

static uint64_t tcr(bool tbi)
{
	return PLACE(TCR_T0SZ, 64 - 48) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) |
	       PLACE(TCR_TG0, regime.shift == 12 ? TCR_TG0_4K : regime.shift == 14 ? TCR_TG0_16K : TCR_TG0_64K) | PLACE(TCR_E2H0_PS, 5) |
	       TCR_E2H0_RES1_LOW | TCR_E2H0_RES1_HIGH | (tbi ? TCR_E2H0_TBI : 0);
}

/* On one PE; the other one goes on with its own. */
static void mmu(unsigned pe, bool on, bool tbi)
{
	uint64_t sctlr = on ? SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I : SCTLR_E2H0_RES1;

	if (pe) {
		if (on) {
			at_el2(pe, WRITE_REGISTER(4u, 10, 2, 0), 0x00ff);
			at_el2(pe, WRITE_REGISTER(4u, 2, 0, 2), tcr(tbi));
			at_el2(pe, WRITE_REGISTER(4u, 2, 0, 0), (uint64_t)root);
		}
		at_el2(pe, WRITE_REGISTER(4u, 1, 0, 0), sctlr);
		at_el2(pe, 0xd5033fdf, 0); /* ISB */
	} else {
		if (on) {
			MSR(mair_el2, 0x00ff); /* attribute 1: device */
			MSR(tcr_el2, tcr(tbi));
			MSR(ttbr0_el2, (uint64_t)root);
			DSB(ish);
			ISB();
		}
		MSR(sctlr_el2, sctlr);
		ISB();
	}
	forget();
}

static void begin(unsigned shift)
{
	unsigned level = shift == 12 ? 1 : 2;

	space_new(shift, 1, 1, true, true, false);
	regime = geometry(shift, 48, false, false);
	root = table_new();
	*entry_of(&regime, root, BOARD_UART, level) =
		leaf(&regime, level, BOARD_UART, PTE_AF | PLACE(PTE_S1_ATTR, 1) | PTE_S1_EL0 | PTE_S1_UXN);
	map_ram(&regime, root, PTE_AF | PTE_S1_EL0, true);
	DSB(ish);
}

static void aborts(void)
{
	static const enum fault kinds[] = { TRANSLATION, ACCESS_FLAG, PERMISSION };
	static const char *const names[] = { "translation", "access flag", "permission" };
	uint64_t at = WINDOW + step(regime.shift);

	mmu(0, true, false);
	for (unsigned k = 0; k < LENGTH(kinds); k++)
		for (unsigned level = regime.start; level <= 3; level++)
			for (unsigned write = 0; write < 2; write++) {
				uint64_t *descriptor = entry_of(&regime, root, WINDOW, level), kept = *descriptor;
				struct answer a;

				if (kinds[k] != TRANSLATION && level != 3 && !block_allowed(&regime, level))
					continue;
				if (kinds[k] == PERMISSION && !write)
					continue; /* EL2 may always read */
				set(descriptor, kinds[k] == TRANSLATION ? 0 :
				    leaf(&regime, level, (uint64_t)page_a, kinds[k] == ACCESS_FLAG ? PTE_S1_EL0 : PTE_AF | PTE_S1_EL0 | PTE_S1_RO));
				forget();
				a = at_el2(0, write ? STORE : LOAD, at);
				CHECK_ESR(a, TO_EL2_AT_EL2, SYNDROME, PLACE(ESR_EC, ESR_EC_DABT_SAME) | kinds[k] | level | (write ? ESR_WNR : 0),
					  "ESR_EL2.ISS", "EL2's own %s fault of level %d, %s, %d KB granule", names[k], (uint64_t)level,
					  access_names[write], (uint64_t)1 << (regime.shift - 10));
				expect(at, a.far, "FAR_EL2", "FAR_EL2", "EL2's own %s fault of level %d, %s, %d KB granule", names[k], (uint64_t)level,
				       access_names[write], (uint64_t)1 << (regime.shift - 10));
				set(descriptor, kept);
			}
	mmu(0, false, false);
}

static void moves(unsigned by, unsigned pe)
{
	for (unsigned i = 0; i <= (by | pe); i++)
		mmu(i, true, false);
	for (unsigned n = 0; n < 2 * operation_count; n++) {
		unsigned i = n / 2;
		const struct operation *op = &operations[i];
		uint64_t operand, va = window(n), *descriptor = entry_of(&regime, root, va, 3);

		if (!is_implemented(op) || !is_of_el2(op) || (by != pe && op->scope == LOCAL))
			continue;
		set(descriptor, leaf(&regime, 3, (uint64_t)page_a, PTE_AF | PTE_S1_EL0));
		forget();
		CHECK_VALUE(at_el2(pe, LOAD, va), A_VALUE, "D8.2, the walk", "before %s: EL2 of PE %d", op->name,
			    (uint64_t)pe);
		set(descriptor, 0);
		operand = op->operand == VA_RANGE ? range_for(op, regime.shift, false, va, i % 2, i % 3, 0)
						  : operand_for(op, regime.shift, va, 0, i % 2 && features.ttl ? 3 : 0);
		if (by) {
			at_el2(by, word_of(op, 1), operand);
			DSB(ish);
		} else {
			execute(op, operand);
		}
		set(descriptor, leaf(&regime, 3, (uint64_t)page_b, PTE_AF | PTE_S1_EL0));
		CHECK_VALUE(at_el2(pe, LOAD, va), B_VALUE, "C5.5",
			    "%s of EL2's regime by PE %d, used by PE %d, %d KB granule", op->name, (uint64_t)by,
			    (uint64_t)pe, (uint64_t)1 << (regime.shift - 10));
	}
	for (unsigned i = by | pe; i; i--)
		mmu(i, false, false);
	mmu(0, false, false);
}

#define PRESSURE 6000 /* pages, so that a TLB that empties itself for any range has grown: see ranges.c */

static void ranges(void)
{
	static const unsigned nums[] = { 0, 1, 7, 31 };
	uint64_t value;

	mmu(0, true, false);
	for (unsigned i = 0; i < operation_count; i++) {
		const struct operation *op = &operations[i];

		if (!is_implemented(op) || !is_of_el2(op) || op->operand != VA_RANGE)
			continue;
		for (unsigned n = 0; n < LENGTH(nums); n++)
			for (unsigned last = 0; last < 2; last++) {
				uint64_t pages = (uint64_t)(nums[n] + 1) << 1, base = window(n ^ last);
				uint64_t va = base + (last ? pages - 1 : 0) * BIT(regime.shift);
				uint64_t *descriptor = entry_of(&regime, root, va, 3);

				set(descriptor, leaf(&regime, 3, (uint64_t)page_a, PTE_AF | PTE_S1_EL0));
				forget();
				for (unsigned page = 0; page < PRESSURE; page++)
					pe_load(&pes[0], BOARD_RAM + page * 4096ull, &value);
				CHECK_VALUE(at_el2(0, LOAD, va), A_VALUE, "D8.2, the walk", "before %s: EL2", op->name);
				set(descriptor, 0);
				execute(op, range_for(op, regime.shift, false, base, 0, nums[n], 0) |
						    (features.ttl && last ? PLACE(XT_RTTL, 3) : 0));
				set(descriptor, leaf(&regime, 3, (uint64_t)page_b, PTE_AF | PTE_S1_EL0));
				CHECK_VALUE(at_el2(0, LOAD, va), B_VALUE, "R_QKRKL, D8.17.5", "%s of EL2's regime with SCALE 0, NUM %d, %s page", op->name,
					    (uint64_t)nums[n], last ? "last" : "first");
			}
	}
	mmu(0, false, false);
}

/* The range begins or ends in a block, and another page of it is used: part_of_leaf() of ranges.c, for EL2's regime. */
static void parts(void)
{
	static const char *const lies[] = { "begins in", "ends in", "lies in" };
	uint64_t value, page = BIT(regime.shift);

	mmu(0, true, false);
	for (unsigned i = 0; i < operation_count; i++)
		for (unsigned n = 0; n < 2 * LENGTH(lies); n++) {
			const struct operation *op = &operations[i];
			unsigned level = n & 1 ? 1 : 2;
			uint64_t size = BIT(shift_of(&regime, level)), offset = (uint64_t)page_a & (size - 1);
			uint64_t base = (n & 1 ? 0x155540000000 : 0x2aaaaaa00000) & ~(size - 1), *descriptor;
			uint64_t from = base + (n / 2 == 0 ? size - page : n / 2 == 1 ? -page : size / 2);

			if (!is_implemented(op) || !is_of_el2(op) || op->operand != VA_RANGE ||
			    !block_allowed(&regime, level))
				continue;
			descriptor = entry_of(&regime, root, base, level);
			set(descriptor, leaf(&regime, level, (uint64_t)page_a - offset, PTE_AF | PTE_S1_EL0));
			for (unsigned at = 0; regime.shift == 12 && at < PRESSURE; at++)
				pe_load(&pes[0], BOARD_RAM + at * 4096ull, &value);
			forget();
			CHECK_VALUE(at_el2(0, LOAD, base + offset), A_VALUE, "D8.2, the walk",
				    "before %s: a block of EL2", op->name);
			set(descriptor, 0);
			execute(op, range_for(op, regime.shift, false, from, 0, 0, 0));
			CHECK_ESR(at_el2(0, LOAD, base + offset), TO_EL2_AT_EL2, SYNDROME,
				  PLACE(ESR_EC, ESR_EC_DABT_SAME) | TRANSLATION | level, "R_QKRKL, D8.17.5",
				  "%s of EL2's regime whose range %s a leaf of level %d, %d KB granule", op->name,
				  lies[n / 2], (uint64_t)level, (uint64_t)1 << (regime.shift - 10));
		}
	mmu(0, false, false);
}

static void tags(void)
{
	set(entry_of(&regime, root, WINDOW, 3), leaf(&regime, 3, (uint64_t)page_a, PTE_AF | PTE_S1_EL0));
	for (unsigned on = 0; on < 2; on++) {
		struct answer a;

		mmu(0, true, on);
		a = at_el2(0, LOAD, WINDOW | 0xa5 * BIT(56));
		mmu(0, false, false);
		if (on)
			CHECK_VALUE(a, A_VALUE, "TCR_EL2.TBI", "a tagged address of EL2, TBI 1");
		else
			CHECK_ESR(a, TO_EL2_AT_EL2, SYNDROME, PLACE(ESR_EC, ESR_EC_DABT_SAME) | TRANSLATION, "TCR_EL2.TBI", "a tagged address of EL2, TBI 0");
	}
}

/* The tag of an access is no part of the address that an operation matches. */
static void tagged_moves(void)
{
	uint64_t *descriptor = entry_of(&regime, root, WINDOW, 3), used = WINDOW | 0x5a * BIT(56);

	mmu(0, true, true);
	for (unsigned i = 0; i < operation_count; i++) {
		const struct operation *op = &operations[i];

		if (!is_implemented(op) || !is_of_el2(op) || (op->operand != VA && op->operand != VA_RANGE))
			continue;
		set(descriptor, leaf(&regime, 3, (uint64_t)page_a, PTE_AF | PTE_S1_EL0));
		forget();
		CHECK_VALUE(at_el2(0, LOAD, used), A_VALUE, "TCR_EL2.TBI", "before %s: EL2, a tagged address", op->name);
		set(descriptor, 0);
		execute(op, op->operand == VA_RANGE ? range_for(op, regime.shift, false, WINDOW, 0, 0, 0) : operand_for(op, regime.shift, WINDOW, 0, 0));
		set(descriptor, leaf(&regime, 3, (uint64_t)page_b, PTE_AF | PTE_S1_EL0));
		CHECK_VALUE(at_el2(0, LOAD, used), B_VALUE, "TCR_EL2.TBI, C5.5", "%s of EL2's regime for a page used with a tag, %d KB granule", op->name,
			    (uint64_t)1 << (regime.shift - 10));
	}
	mmu(0, false, false);
}

static uint64_t translate(bool write, uint64_t va)
{
	return translated(AT_S1E2(write), va);
}

static void translations(void)
{
	uint64_t *page = entry_of(&regime, root, WINDOW, 3), offset = step(regime.shift) & ~0xfffull;

	for (unsigned write = 0; write < 2; write++) {
		const char *name = write ? "S1E2W" : "S1E2R";
		uint64_t granule = (uint64_t)1 << (regime.shift - 10), par;

		set(page, leaf(&regime, 3, (uint64_t)page_a, PTE_AF | PTE_S1_EL0));
		mmu(0, true, false);
		par = translate(write, WINDOW + offset);
		mmu(0, false, false);
		expect((uint64_t)page_a + offset, par & (PAR_F | PAR_PA), "PAR_EL1", "C5.4", "AT %s of a valid address, %d KB granule", name, granule);
		for (unsigned level = regime.start; level <= 3; level++) {
			uint64_t *descriptor = entry_of(&regime, root, WINDOW, level), kept = *descriptor;

			set(descriptor, 0);
			mmu(0, true, false);
			par = translate(write, WINDOW);
			mmu(0, false, false);
			set(descriptor, kept);
			expect(PAR_F | (uint64_t)(TRANSLATION | level) << 1, par & (PAR_F | PAR_FST | PAR_PTW | PAR_S), "PAR_EL1", "PAR_EL1.FST",
			       "AT %s, translation fault of level %d, %d KB granule", name, (uint64_t)level, granule);
		}
		set(page, leaf(&regime, 3, (uint64_t)page_a, PTE_AF | PTE_S1_EL0 | PTE_S1_RO));
		mmu(0, true, false);
		par = translate(write, WINDOW);
		mmu(0, false, false);
		expect(write ? PAR_F | (uint64_t)(PERMISSION | 3) << 1 : 0, par & (write ? PAR_F | PAR_FST : PAR_F), "PAR_EL1", "PAR_EL1.FST",
		       "AT %s of a read-only page, %d KB granule", name, granule);
	}
}

void check_el2(void)
{
	group("el2");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		begin(shift);
		aborts();
		moves(0, 0);
		moves(0, 1);
		if (shift == 12) {
			moves(1, 1);
			moves(1, 0);
		}
		if (shift == 12)
			ranges();
		parts();
		tags();
		tagged_moves();
		translations();
	}
	group_end();
}
