// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what the walks of EL2's own regimes look at beside the output address (DDI 0487 M.a.a, D8.2 to
 * D8.5): EL2, and EL2&0 with {E2H,TGE} = {1,1}, in which its EL0 takes part. Permissions, attributes of tables and HPD, PAN, EPD,
 * E0PD, access flag and dirty state, PS, SCTLR_EL2.EE, Indirect permissions. What is permitted says the reference in ../arch.
 */
#include "permission.h"
#include "regimes.h"

#define TARGET 0x923456780000ull
#define SYNDROME (ESR_EC | 0x3f | ESR_S1PTW)

static const char *regime_name(void)
{
	return own.e2h ? "EL2&0" : "EL2";
}

static uint64_t at_half(bool high)
{
	return high ? HIGH | TARGET : TARGET;
}

static void page(uint64_t va, uint64_t attributes)
{
	set(own_descriptor(va, 3), leaf(&own.g, 3, (uint64_t)page_a, PTE_AF | attributes));
}

static struct permissions allowed(uint64_t descriptor, uint64_t tables, bool pan)
{
	struct permission_controls controls = { .pir = own.pir,
						.pire0 = own.pire0,
						.two = own.e2h,
						.pie = own.pie,
						.pan = pan,
						.wxn = !!(own.sctlr & SCTLR_WXN),
						.epan = !!(own.sctlr & SCTLR_EPAN),
						.hd = !!(own.tcr & (own.e2h ? TCR_HD : TCR_E2H0_HD)) };

	return stage1_permissions(&controls, descriptor, tables);
}

/* A fault that EL2 takes, of itself or of EL0. */
static void faulted(struct answer a, bool el0, enum access access, uint64_t fault, const char *rule, const char *what,
		    uint64_t n, uint64_t m)
{
	CHECK_ESR(a, el0 ? TO_EL2 : TO_EL2_AT_EL2, SYNDROME | (access == EXECUTE ? 0 : ESR_WNR),
		  abort_class(access, !el0) | fault | (access == WRITE ? ESR_WNR : 0), rule,
		  "%s, %s %d, %d: %s at EL%d", regime_name(), what, n, m, access_names[access], (uint64_t)(el0 ? 0 : 2));
}

static void passed(struct answer a, bool el0, enum access access, const char *rule, const char *what, uint64_t n,
		   uint64_t m)
{
	expect(DONE, a.came, "exception taken", rule, "%s, %s %d, %d: %s at EL%d", regime_name(), what, n, m,
	       access_names[access], (uint64_t)(el0 ? 0 : 2));
}

/* Every access to ``va``, and AT but with PAN, against what is permitted. */
static void all(uint64_t va, uint64_t tables, bool pan, const char *rule, const char *what, uint64_t n, uint64_t m)
{
	static const unsigned wanted[] = { [READ] = PERM_R, [WRITE] = PERM_W, [EXECUTE] = PERM_X };
	struct permissions p = allowed(*own_descriptor(va, 3), tables, pan);

	if (p.pan_open || (p.gcs_alone && !features.gcs))
		return;
	for (unsigned el0 = 0; el0 <= (own.e2h && !pan); el0++)
		for (enum access access = READ; access <= EXECUTE; access++) {
			bool may = (el0 ? p.unprivileged : p.privileged) & wanted[access];
			struct answer a = own_touch(el0, pan, access, va);

			if (may)
				passed(a, el0, access, rule, what, n, m);
			else
				faulted(a, el0, access, PERMISSION | 3, rule, what, n, m);
			if (!pan && access != EXECUTE && !(own.sctlr & SCTLR_WXN)) /* AT's own code is written */
				expect(may ? 0 : PAR_F | (uint64_t)(PERMISSION | 3) << 1,
				       own_at(el0, access == WRITE, va) & (may ? PAR_F : PAR_F | PAR_FST | PAR_S),
				       "PAR_EL1", rule, "%s, %s %d, %d: AT for a %s at EL%d", regime_name(), what, n, m,
				       access_names[access], (uint64_t)(el0 ? 0 : 2));
		}
}

static void permissions(bool high)
{
	for (unsigned bits = 0; bits < 16; bits++) {
		page(at_half(high),
		     (uint64_t)(bits & 3) << 6 | (bits & 4 ? PTE_S1_UXN : 0) | (bits & 8 ? PTE_S1_PXN : 0));
		all(at_half(high), 0, false, "D8.4, direct permissions", "AP and execute-never", bits & 3, bits >> 2);
		if (own.e2h && features.pan)
			all(at_half(high), 0, true, "PSTATE.PAN", "PAN 1, AP and execute-never", bits & 3, bits >> 2);
		if (own.e2h && features.pan3) {
			own.sctlr = SCTLR_EPAN;
			own_program(PTE_S1_UXN); /* EL2 could not read its own data otherwise */
			all(at_half(high), 0, true, "SCTLR_EL2.EPAN", "PAN 1, EPAN 1, AP and execute-never", bits & 3,
			    bits >> 2);
			own.sctlr = 0;
			own_program(0);
		}
	}
}

/* What EL2 or EL0 may write they do not execute. */
static void writable(bool high)
{
	code_read_only(&own.g, own.roots[0]);
	own.sctlr = SCTLR_WXN;
	for (unsigned bits = 0; bits < 16; bits++) {
		page(at_half(high),
		     (uint64_t)(bits & 3) << 6 | (bits & 4 ? PTE_S1_UXN : 0) | (bits & 8 ? PTE_S1_PXN : 0));
		all(at_half(high), 0, false, "SCTLR_EL2.WXN", "WXN 1, AP and execute-never", bits & 3, bits >> 2);
	}
	own.sctlr = 0;
	own_program(0);
}

static void tables(unsigned level, bool high, bool off)
{
	static const uint64_t bits[] = { PTE_TABLE_PXN, PTE_TABLE_UXN, PTE_TABLE_NO_EL0, PTE_TABLE_RO };
	uint64_t hpd = own.e2h ? TCR_HPD0 | TCR_HPD1 : TCR_E2H0_HPD, va = at_half(high);

	own.tcr = (own.tcr & ~hpd) | (off ? hpd : 0);
	for (unsigned i = 0; i < LENGTH(bits); i++)
		for (unsigned user = 0; user < 2; user++) { /* what EL0 may write EL2 does not execute */
			page(va, user ? PTE_S1_EL0 : 0);
			*own_descriptor(va, level) |= bits[i];
			all(va, off ? 0 : bits[i], false, off ? "TCR_EL2.HPD" : "D8.4, hierarchical permissions",
			    off ? "attributes of tables switched off, bit and level"
				: "attributes of tables, bit and level",
			    59 + i, level);
			*own_descriptor(va, level) &= ~bits[i];
		}
	own.tcr &= ~hpd;
}

/* ---- access flag and dirty state ---- */
static void flags(bool high, bool dirty, bool el0)
{
	uint64_t va = at_half(high), ha = own.e2h ? TCR_HA : TCR_E2H0_HA, hd = own.e2h ? TCR_HD : TCR_E2H0_HD;
	volatile uint64_t *descriptor = own_descriptor(va, 3);

	set(own_descriptor(va, 3), leaf(&own.g, 3, (uint64_t)page_a, PTE_S1_EL0 | (dirty ? PTE_DBM | PTE_S1_RO : 0)));
	faulted(own_touch(el0, false, READ, va), el0, READ, ACCESS_FLAG | 3, "D8.5.1", "access flag clear, HA 0, DBM",
		dirty, high);
	own.tcr |= ha;
	passed(own_touch(el0, false, READ, va), el0, READ, "D8.5.1", "access flag clear, HA 1, DBM", dirty, high);
	expect(PTE_AF, *descriptor & PTE_AF, "descriptor", "D8.5.1",
	       "%s, access flag behind a read at EL%d, HA 1, DBM %d", regime_name(), (uint64_t)(el0 ? 0 : 2),
	       (uint64_t)dirty);
	if (dirty) {
		faulted(own_touch(el0, false, WRITE, va), el0, WRITE, PERMISSION | 3, "D8.5.2", "DBM 1, HD 0", 0, high);
		own.tcr |= hd;
		passed(own_touch(el0, false, READ, va), el0, READ, "D8.5.2", "DBM 1, HD 1", 1, high);
		expect(PTE_S1_RO, *descriptor & PTE_S1_RO, "descriptor", "D8.5.2",
		       "%s, AP[2] behind a read at EL%d, HD 1", regime_name(), (uint64_t)(el0 ? 0 : 2));
		passed(own_touch(el0, false, WRITE, va), el0, WRITE, "D8.5.2", "DBM 1, HD 1", 1, high);
		expect(0, *descriptor & PTE_S1_RO, "descriptor", "D8.5.2", "%s, AP[2] behind a write at EL%d, HD 1",
		       regime_name(), (uint64_t)(el0 ? 0 : 2));
	}
	own.tcr &= ~(ha | hd);
}

/* ---- faults by level, sizes, endianness ---- */
static void levels(bool high)
{
	static const enum fault kinds[] = { TRANSLATION, ACCESS_FLAG, ADDRESS_SIZE };
	static const char *const names[] = { "translation, level and half", "access flag, level and half",
					     "output beyond PS, level and half" };
	uint64_t va = at_half(high), ps = own.e2h ? PLACE(TCR_IPS, 7) : PLACE(TCR_E2H0_PS, 7);

	page(va, PTE_S1_EL0);
	for (unsigned k = 0; k < LENGTH(kinds); k++)
		for (unsigned level = own.g.start; level <= 3; level++) {
			uint64_t *descriptor = own_descriptor(va, level), kept = *descriptor;
			uint64_t tcr = own.tcr;

			if (kinds[k] != TRANSLATION && level < 3 && !block_allowed(&own.g, level))
				continue;
			*descriptor = kinds[k] == TRANSLATION
					      ? 0
					      : leaf(&own.g, level, kinds[k] == ADDRESS_SIZE ? BIT(36) : (uint64_t)page_a,
						     PTE_S1_EL0 | (kinds[k] == ACCESS_FLAG ? 0 : PTE_AF));
			if (kinds[k] == ADDRESS_SIZE)
				own.tcr = (own.tcr & ~ps) |
					  (own.e2h ? PLACE(TCR_IPS, 1) : PLACE(TCR_E2H0_PS, 1)); /* 36 bits */
			DSB(ish);
			for (unsigned el0 = 0; el0 <= own.e2h; el0++)
				for (enum access access = READ; access <= EXECUTE; access++)
					if (el0 || access != EXECUTE) /* what EL0 may write EL2 does not execute */
						faulted(own_touch(el0, false, access, va), el0, access,
							kinds[k] | level, "ESR_EL2.ISS", names[k], level, high);
			own.tcr = tcr;
			*descriptor = kept;
			DSB(ish);
		}
}

static void swap(uint64_t *table, unsigned level)
{
	for (unsigned i = 0; i < BIT(own.g.shift - 3); i++) {
		if (level < 3 && (table[i] & 3) == 3)
			swap((uint64_t *)(table[i] & PTE_ADDRESS), level + 1);
		table[i] = __builtin_bswap64(table[i]);
	}
}

static void endianness(void)
{
	page(TARGET, 0);
	swap(own.roots[0], own.g.start);
	DSB(ish);
	expect(__builtin_bswap64(A_VALUE), own_big_load(TARGET), "value", "SCTLR_EL2.EE",
	       "%s, tables and data with EE 1, %d KB granule", regime_name(), (uint64_t)1 << (own.g.shift - 10));
}

/* ---- EL2&0: halves that are switched off ---- */
static void halves(void)
{
	for (unsigned high = 0; high < 2; high++)
		page(at_half(high), PTE_S1_EL0);
	own.tcr |= TCR_EPD1;
	for (unsigned el0 = 0; el0 < 2; el0++) {
		faulted(own_touch(el0, false, READ, at_half(true)), el0, READ, TRANSLATION, "TCR_EL2.EPD1",
			"EPD1, half", 1, 1);
		passed(own_touch(el0, false, READ, at_half(false)), el0, READ, "TCR_EL2.EPD1", "EPD1, half", 1, 0);
	}
	own.tcr &= ~TCR_EPD1;
	if (!features.e0pd)
		return;
	own.tcr |= TCR_E0PD1;
	passed(own_touch(false, false, READ, at_half(true)), false, READ, "TCR_EL2.E0PD1", "E0PD1, half", 1, 1);
	faulted(own_touch(true, false, READ, at_half(true)), true, READ, TRANSLATION, "TCR_EL2.E0PD1", "E0PD1, half", 1,
		1);
	passed(own_touch(true, false, READ, at_half(false)), true, READ, "TCR_EL2.E0PD1", "E0PD1, half", 1, 0);
	expect(PAR_F | (uint64_t)TRANSLATION << 1, own_at(true, false, at_half(true)) & (PAR_F | PAR_FST), "PAR_EL1",
	       "TCR_EL2.E0PD1", "%s, AT for a read at EL0, E0PD1", regime_name());
	own.tcr &= ~TCR_E0PD1;
}

/* ---- Indirect permissions ---- */
static void pair(unsigned privileged, unsigned unprivileged)
{
	unsigned index = 1 + (16 * privileged + unprivileged) % 15;

	own.pie = true;
	own.pir = 14 | (uint64_t)privileged << 4 * index;
	own.pire0 = 10 | (uint64_t)unprivileged << 4 * index;
	page(at_half(own.e2h && unprivileged & 1), pi_bits(index));
	all(at_half(own.e2h && unprivileged & 1), 0, false, "D8.4.1, Indirect permissions", "PIR and PIRE0", privileged,
	    unprivileged);
	own.pie = false;
}

static void regime(bool e2h, unsigned shift)
{
	own_new(e2h, shift);
	for (unsigned high = 0; high <= e2h; high++) {
		permissions(high);
		if (shift == 12)
			writable(high);
		levels(high);
		for (unsigned level = own.g.start; level < 3; level++)
			for (unsigned off = 0; off <= features.hpds; off++)
				tables(level, high, off);
		for (unsigned dirty = 0; features.hafdbs_a && dirty <= features.hafdbs_d; dirty++)
			for (unsigned el0 = 0; el0 <= e2h; el0++)
				flags(high, dirty, el0);
	}
	if (e2h)
		halves();
	for (unsigned n = 0; features.s1pie && shift == 12 && n < (e2h ? 256u : 16u); n++)
		pair(e2h ? n / 16 : n, e2h ? n % 16 : 0);
	if (features.mixed_endian)
		endianness();
}

void check_own(void)
{
	group("own");
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned e2h = 0; features.granule[granule_number(shift)] && e2h <= features.vhe; e2h++)
			regime(e2h, shift);
	if (features.granule[0])
		own_corners();
	pages_fill();
	group_end();
}
