// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vEL2's registers make of its own accesses, with E2H and without: hierarchical permissions and TCR_EL2.HPD, code at a tagged
 * address, TCR_EL2.PS, SCTLR_EL2.A and EE, the trap of SIMD&FP in CPTR_EL2 (Arm ARM DDI 0487 M.a.a, D8.4.1, D24.2). Without E2H these
 * registers have another layout than those of EL1 that KVM gives it.
 */
#include "families/families.h"
#include "families/known.h"

enum {
	TABLE_WRITE,
	TABLE_EXECUTE,
	HPD_WRITE,
	HPD_EXECUTE,
	TAG_EXECUTE,
	OUTPUT_SIZE,
	UNALIGNED,
	BIG_ENDIAN,
	SIMD,
	CONTROLS
};
static const char *const control_words[CONTROLS] = { "table-write", "table-execute", "hpd-write",
						     "hpd-execute", "tag-execute",   "output-size",
						     "unaligned",   "big-endian",    "simd" };

/* With X1 as address, or value. */
#define LDR_X1_X1 0xf9400021u
#define STR_X1_X1 0xf9000021u
#define BR_X1 0xd61f0020u
#define FMOV_D0_X1 0x9e670020u
#define MSR_CPTR_EL2_X1 0xd51c1141u
#define CODE_X1 0xd65f03c0d2824681 /* mov x1, #CODE_RESULT; ret */
#define TAG (0x3cull << 56)

static uint64_t address_of(const struct litmus *l)
{
	return place_va(l, E2_TEST_VA, input_bits(l->shift));
}

static struct probe *executes(struct litmus *l, uint32_t word, uint64_t x1, enum role role, uint64_t now)
{
	return add_sys(l, SYS_AT_EL2, word, x1, STEP_WORD, role, now);
}

static void faults(struct litmus *l, uint32_t word, uint64_t at, enum fault fault, uint64_t esr)
{
	struct probe *p = executes(l, word, at, ROLE_GONE, 0);

	p->fault = (uint8_t)fault;
	p->esr = esr;
	p->far = at;
}

/* The control's bits, in the layout that this vEL2 has. --self-test: none. */
static void set_up(struct litmus *l)
{
	bool vhe = !l->config.e2h0;
	uint64_t tcr = 0;

	if (l->vm->shared->skip)
		return;
	switch (l->variant) {
	case HPD_WRITE:
	case HPD_EXECUTE: /* of this half alone */
		tcr = vhe ? (l->place == PLACE_HIGH ? TCR_HPD1 : TCR_HPD0) : TCR_E2H0_HPD;
		break;
	case TAG_EXECUTE:
		tcr = vhe ? TCR_TBI0 | TCR_TBI1 : TCR_E2H0_TBI;
		break;
	case OUTPUT_SIZE: /* of 32 bits, not 40 */
		tcr = vhe ? PLACE(TCR_IPS, 2) : PLACE(TCR_E2H0_PS, 2);
		break;
	default:
		break;
	}
	l->vm->shared->vel2_tcr = tcr;
	l->vm->shared->vel2_sctlr = l->variant == UNALIGNED ? SCTLR_A : 0;
}

static void build_simd(struct litmus *l)
{
	bool vhe = !l->config.e2h0;
	uint64_t usual = CPTR_RES1_LOW | CPTR_RES1_MIDDLE | CPTR_RES1_HIGH;
	uint64_t off = vhe ? 0 : usual | CPTR_TFP, on = vhe ? CPTR_E2H_FPEN : usual;

	for (unsigned again = 0; again < 2; again++) {
		executes(l, MSR_CPTR_EL2_X1, l->vm->shared->skip ? on : off, ROLE_DONE, 0);
		executes(l, FMOV_D0_X1, 0, ROLE_RAISES,
			 PLACE(ESR_EC, ESR_EC_FP) | ESR_CV | PLACE(ESR_COND, ESR_COND_ALWAYS));
		executes(l, MSR_CPTR_EL2_X1, on, ROLE_DONE, 0);
		executes(l, FMOV_D0_X1, 0, ROLE_DONE, 0);
		add_access(l, 0, ACCESS_READ, l->vm->shared->l2_page, false, ROLE_DONE, 0, 0); /* and after L2 has run */
	}
}

/* Both halves of a word differ. --self-test: SCTLR_EL2.EE is 0. */
static void build_big_endian(struct litmus *l)
{
	add_poke(l, DATA_PA, CODE_X1);
	for (unsigned again = 0; again < 2; again++) {
		executes(l, LDR_X1_X1, DATA_PA, ROLE_AFTER, __builtin_bswap64(CODE_X1));
		last_step(l)->flags |= l->vm->shared->skip ? 0 : STEP_BIG_ENDIAN;
		executes(l, LDR_X1_X1, DATA_PA, ROLE_AFTER, CODE_X1);
		add_access(l, 0, ACCESS_READ, l->vm->shared->l2_page, false, ROLE_DONE, 0, 0); /* and after L2 has run */
	}
}

static bool is_alone(const struct litmus *l)
{
	return l->variant == SIMD || l->variant == BIG_ENDIAN;
}

static void build_output_size(struct litmus *l)
{
	uint64_t at = address_of(l), usual = l->config.e2h0 ? PTE_S1_EL0 : PTE_S1_NG;

	add_write(l, STEP_E2, 0, at, leaf_s1(SHARED_PA & ~0xffffull, 3, usual), 3);
	executes(l, LDR_X1_X1, at, ROLE_DONE, 0);
	add_write(l, STEP_E2, 0, at, 0, 3);
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
	add_write(l, STEP_E2, 0, at, leaf_s1(DATA_PA, 3, usual), 3);
	for (unsigned again = 0; again < 2; again++) {
		faults(l, LDR_X1_X1, at, FAULT_ADDRESS_SIZE, PLACE(ESR_EC, ESR_EC_DABT_SAME) | 3);
		add_access(l, 0, ACCESS_READ, l->vm->shared->l2_page, false, ROLE_DONE, 0, 0);
	}
	add_write(l, STEP_E2, 0, at, 0, start_level(l->shift));
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

/* What a table's descriptor forbids, by the bits that are this regime's. --self-test: nothing, where that is the control. */
static uint64_t table_bits(const struct litmus *l)
{
	bool skip = l->vm->shared->skip;

	switch (l->variant) {
	case TABLE_WRITE:
		return skip ? 0 : PTE_TABLE_RO;
	case HPD_WRITE:
		return PTE_TABLE_RO;
	case TABLE_EXECUTE:
		if (skip)
			return 0;
		/* fall through */
	case HPD_EXECUTE: /* with one privilege level bit 60 is XNTable */
		return l->config.e2h0 ? PTE_TABLE_UXN : PTE_TABLE_PXN;
	default:
		return 0;
	}
}

static void looks(struct litmus *l, uint64_t at)
{
	uint64_t permission = PLACE(ESR_FSC_TYPE, ESR_FSC_TYPE_PERMISSION) | 3;

	switch (l->variant) {
	case TABLE_WRITE:
		executes(l, LDR_X1_X1, at, ROLE_AFTER, CODE_X1);
		faults(l, STR_X1_X1, at + 8, FAULT_PERMISSION, PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_WNR | permission);
		break;
	case TABLE_EXECUTE:
		executes(l, LDR_X1_X1, at, ROLE_AFTER, CODE_X1);
		faults(l, BR_X1, at, FAULT_PERMISSION, PLACE(ESR_EC, ESR_EC_IABT_SAME) | permission);
		break;
	case HPD_WRITE:
		executes(l, STR_X1_X1, at + 8, ROLE_DONE, 0);
		executes(l, LDR_X1_X1, at + 8, ROLE_AFTER, at + 8);
		break;
	case UNALIGNED:
		executes(l, LDR_X1_X1, at, ROLE_AFTER, CODE_X1);
		executes(l, LDR_X1_X1, at + 1 + (unsigned)l->place, ROLE_RAISES,
			 PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_FSC_ALIGNMENT);
		break;
	default:
		executes(l, BR_X1, l->variant == TAG_EXECUTE ? at ^ TAG : at, ROLE_AFTER, CODE_RESULT);
	}
}

static void build_controls(struct litmus *l)
{
	uint64_t at = address_of(l), usual = l->config.e2h0 ? PTE_S1_EL0 : PTE_S1_NG;

	set_up(l);
	add_context(l, 0, VMID, 0, false, true);
	if (l->variant == SIMD) {
		build_simd(l);
		return;
	}
	if (l->variant == BIG_ENDIAN) {
		build_big_endian(l);
		return;
	}
	if (l->variant == OUTPUT_SIZE) {
		build_output_size(l);
		return;
	}
	add_code(l, DATA_PA, CODE_X1);
	add_poke(l, DATA_PA + 8, 0);
	add_write(l, STEP_E2, 0, at, table_descriptor(TABLE_PA) | table_bits(l), 2);
	add_poke(l, TABLE_PA, leaf_s1(DATA_PA, 3, usual));
	for (unsigned again = 0; again < 2; again++) {
		looks(l, at);
		add_access(l, 0, ACCESS_READ, l->vm->shared->l2_page, false, ROLE_DONE, 0, 0); /* and after L2 has run */
	}
	add_poke(l, TABLE_PA, 0);
	add_write(l, STEP_E2, 0, at, 0, 2);
	add_write(l, STEP_E2, 0, at, 0, start_level(l->shift));
	add_tlbi(l, 0, op_named("alle2is"), 0, 0);
}

void cases_vel2_controls(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_controls,
			    .level = 3,
			    .vel2 = true,
			    .any_stage2 = true,
			    .own = true };

	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (l.variant = 0; l.variant < CONTROLS; l.variant++)
			for (l.shift = 12; l.shift <= (is_alone(&l) ? 12 : 16); l.shift += 2)
				for (l.place = PLACE_LOW; l.place < (nvhe || is_alone(&l) ? PLACE_HIGH : PLACE_LAST);
				     l.place++) {
					l.config.e2h0 = nvhe;
					l.regime = nvhe ? "el2" : "el2&0";
					list_add(list, &l, "%svel2-controls/%s/%s%s", nvhe ? "nvhe-" : "",
						 control_words[l.variant], granule_word(l.shift), place_words[l.place]);
				}
}
