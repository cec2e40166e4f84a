// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: Indirect permissions of stage 2 (FEAT_S2PIE; DDI 0487 M.a.a, J1.1.4
 * AArch64.S2IndirectBasePermissions() and S2CheckPermissions()): each Base permission of S2PIR_EL2 by access, by AT and for the
 * walks of stage 1 and their updates, which "MRO" permits and nothing else; the dirty state; VTCR_EL2.S2PIE switched off.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define TABLE_IPA 0x3333330000ull
#define SYNDROME (ESR_EC | 0x3f | ESR_S1PTW)
#define RULE "J1.1.4, S2IndirectBasePermissions()"
#define PROGRAM 1 /* the index of the program's own leaves: S2AP[0] */
#define ALL 15ull
#define S2_DIRTY PTE_S2_W /* bit 7 */

/* What an access, EL1's and EL0's fetch, and the walker's update may. */
static const struct permission {
	bool r, w, px, ux, update;
} permissions[16] = {
	[2] = { .r = true, .update = true },
	[3] = { .r = true, .update = true },
	[4] = { .w = true },
	[6] = { .r = true, .update = true },
	[7] = { .r = true, .update = true },
	[8] = { .r = true },
	[9] = { .r = true, .ux = true },
	[10] = { .r = true, .px = true },
	[11] = { .r = true, .px = true, .ux = true },
	[12] = { .r = true, .w = true, .update = true },
	[13] = { .r = true, .w = true, .ux = true, .update = true },
	[14] = { .r = true, .w = true, .px = true, .update = true },
	[15] = { .r = true, .w = true, .px = true, .ux = true, .update = true },
};

static bool may(unsigned value, bool el0, enum access access)
{
	const struct permission *p = &permissions[value];

	return access == READ ? p->r : access == WRITE ? p->w : el0 ? p->ux : p->px;
}

/* Bits 54:53, 51 and 6. */
static uint64_t bits(unsigned index)
{
	return PLACE(PTE_S2_XN_BOTH, index >> 2) | (index & 2 ? PTE_DBM : 0) | (index & 1 ? PTE_S2_R : 0);
}

static void permit(unsigned index, unsigned value)
{
	MSR(s3_4_c10_c2_5, ALL << 4 * PROGRAM | (uint64_t)value << 4 * index); /* S2PIR_EL2 */
	ISB();
}

static unsigned other_index(unsigned n)
{
	return n % 15 == PROGRAM ? 15 : n % 15;
}

static void begin(void)
{
	space_new(12, 1, 1, true, true, false);
	space.vtcr |= VTCR_S2PIE;
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF | PTE_S1_EL0);
}

static void page(uint64_t ipa, const void *to, unsigned index, bool is_dirty)
{
	set(descriptor_s2(ipa, 3), leaf(&space.s2, 3, (uint64_t)to, PTE_AF | bits(index) | (is_dirty ? S2_DIRTY : 0)));
	forget();
}

static uint64_t at(bool el0, bool write)
{
	space_load();
	return translated(AT_S12E1(el0, write), TARGET);
}

static void accesses(unsigned value)
{
	for (unsigned turn = 0; turn < 2; turn++)
		for (unsigned el0 = 0; el0 < 2; el0++)
			for (enum access access = READ; access <= EXECUTE; access++) {
				unsigned index = other_index(value + 7 * turn + 3 * access + el0);
				bool ok = may(value, el0, access);
				struct answer a;

				permit(index, value);
				set(descriptor_s1(TARGET, 3),
				    leaf(&space.s1, 3, TARGET_IPA, PTE_AF | (access == EXECUTE ? 0 : PTE_S1_EL0)));
				page(TARGET_IPA, page_a, index, true);
				a = touch(0, el0, access, TARGET);
				if (ok)
					expect(DONE, a.came, "exception taken", RULE, "S2PIR %d, index %d: %s at EL%d",
					       (uint64_t)value, (uint64_t)index, access_names[access], (uint64_t)!el0);
				else
					CHECK_ESR(a, TO_EL2, SYNDROME | ISS2_DIRTY,
						  abort_class(access, false) | PERMISSION | 3, RULE,
						  "S2PIR %d, index %d: %s at EL%d", (uint64_t)value, (uint64_t)index,
						  access_names[access], (uint64_t)!el0);
				if (access == EXECUTE)
					continue;
				expect(ok ? 0 : PAR_F | PAR_S | (uint64_t)(PERMISSION | 3) << 1,
				       at(el0, access == WRITE) & (ok ? PAR_F : PAR_F | PAR_S | PAR_FST), "PAR_EL1",
				       RULE, "AT S12E%d%s, S2PIR %d, index %d", (uint64_t)!el0,
				       access == WRITE ? "W" : "R", (uint64_t)value, (uint64_t)index);
			}
}

/* The table of level 3 lies behind TABLE_IPA; EL1 reads, and with ``update`` the access flag has to be written. */
static void walk(unsigned value, bool update)
{
	bool ok = permissions[value].r && (!update || permissions[value].update);
	uint64_t *table;
	struct answer a;

	begin();
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	space.tcr |= update ? TCR_HA : 0;
	set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, TARGET_IPA, update ? 0 : PTE_AF));
	table = (uint64_t *)(*descriptor_s1(TARGET, 2) & PTE_ADDRESS);
	permit(6, value);
	page(TABLE_IPA, table, 6, true);
	set(descriptor_s1(TARGET, 2), table_descriptor(TABLE_IPA));
	forget();
	a = touch(0, false, READ, TARGET);
	if (ok)
		CHECK_VALUE(a, A_VALUE, RULE, "S2PIR %d, the walk of stage 1, %s", (uint64_t)value,
			    update ? "which sets an access flag" : "read alone");
	else
		CHECK_ESR(a, TO_EL2, SYNDROME, abort_class(READ, false) | PERMISSION | 3 | ESR_S1PTW, RULE,
			  "S2PIR %d, the walk of stage 1, %s", (uint64_t)value,
			  update ? "which sets an access flag" : "read alone");
	expect(!update || ok ? PTE_AF : 0, table[TARGET >> 12 & 511] & PTE_AF, "descriptor", RULE,
	       "S2PIR %d, access flag behind the walk of stage 1, %s", (uint64_t)value,
	       update ? "which sets an access flag" : "read alone");
}

/* Bit 7 is 0: with HD 0 a write faults and says why; with HD 1 it is done and bit 7 is 1 then. */
static void dirty(bool managed, unsigned how)
{
	static const char *const names[] = { "a write", "a write behind a read", "a read", "AT for a write",
					     "AT for a read" };
	bool write = how != 2 && how != 4, faults = write && !managed;
	struct answer a;

	begin();
	space.vtcr |= managed ? VTCR_HA | VTCR_HD : 0;
	permit(6, 12);
	page(TARGET_IPA, page_a, 6, false);
	if (how >= 3) {
		expect(faults ? PAR_F | PAR_S | (uint64_t)(PERMISSION | 3) << 1 : 0,
		       at(false, write) & (faults ? PAR_F | PAR_S | PAR_FST : PAR_F), "PAR_EL1",
		       "J1.1.4, S2CheckPermissions()", "Dirty 0 of stage 2, HD %d: %s", (uint64_t)managed, names[how]);
		return;
	}
	if (how == 1)
		touch(0, false, READ, TARGET);
	a = touch(0, false, write ? WRITE : READ, TARGET);
	if (faults)
		CHECK_ESR(a, TO_EL2, SYNDROME | ISS2_DIRTY, abort_class(WRITE, false) | PERMISSION | 3 | ISS2_DIRTY,
			  "J1.1.4, S2CheckPermissions()", "Dirty 0 of stage 2, HD %d: %s", (uint64_t)managed, names[how]);
	else
		expect(DONE, a.came, "exception taken", "J1.1.4, S2CheckPermissions()", "Dirty 0 of stage 2, HD %d: %s",
		       (uint64_t)managed, names[how]);
	expect(write && managed ? S2_DIRTY : 0, *(volatile uint64_t *)descriptor_s2(TARGET_IPA, 3) & S2_DIRTY,
	       "descriptor", "D8.5.2", "Dirty of stage 2 behind %s, HD %d", names[how], (uint64_t)managed);
}

/* S2PIE 0: S2AP and XN are what they say, whatever S2PIR_EL2 has. */
static void off(void)
{
	begin();
	space.vtcr &= ~VTCR_S2PIE;
	MSR(s3_4_c10_c2_5, 0);
	for (unsigned s2ap = 1; s2ap < 4; s2ap += 2)
		for (unsigned write = 0; write < 2; write++) {
			set(descriptor_s2(TARGET_IPA, 3),
			    leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF | (uint64_t)s2ap << 6));
			forget();
			if (write && s2ap == 1)
				CHECK_ESR(touch(0, false, WRITE, TARGET), TO_EL2, SYNDROME | ISS2_DIRTY,
					  abort_class(WRITE, false) | PERMISSION | 3, "VTCR_EL2.S2PIE",
					  "S2PIE 0, S2AP %d: write", (uint64_t)s2ap);
			else
				expect(DONE, touch(0, false, write, TARGET).came, "exception taken", "VTCR_EL2.S2PIE",
				       "S2PIE 0, S2AP %d: %s", (uint64_t)s2ap, access_names[write]);
		}
}

void indirect_stage2(void)
{
	begin();
	for (unsigned value = 0; value < 16; value++)
		accesses(value);
	for (unsigned value = 0; value < 16; value++)
		for (unsigned update = 0; update <= features.hafdbs_a; update++)
			walk(value, update);
	for (unsigned managed = 0; managed <= features.hafdbs_d; managed++)
		for (unsigned how = 0; how < 5; how++)
			dirty(managed, how);
	off();
	pages_fill();
}
