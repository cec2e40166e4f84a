// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: the operations that it has, as instructions; operands come from the reference. */
#include "model.h"
#include "operand.h"

static unsigned implemented(void)
{
	return (features.tlbios ? HAS_OS : 0) | (features.range ? HAS_RANGE : 0) | (features.xs ? HAS_XS : 0);
}

bool is_implemented(const struct operation *op)
{
	return !is_hidden(op, implemented());
}

bool is_of_stage2(const struct operation *op)
{
	return op_is_ipa(op) || op->family == vmalls12e1 || op->family == alle1;
}

bool is_of_el2(const struct operation *op)
{
	return op->regime == EL2;
}

/* SYS #op1, Cn, Cm, #op2, Xt */
uint32_t word_of(const struct operation *op, unsigned rt)
{
	return 0xd5080000u | op->sys | (op->has_operand ? rt : 31);
}

/* What is of EL1&0 is the same with HCR_EL2.{E2H,TGE} = {1,0}, as a host with VHE executes it for its guests. */
void execute(const struct operation *op, uint64_t operand)
{
	static unsigned turn;
	uint64_t hcr = MRS(hcr_el2);
	bool e2h = features.vhe && op->regime != EL2 && !(hcr & HCR_TGE) && turn++ % 5 < 2;

	if (e2h) {
		MSR(hcr_el2, hcr | HCR_E2H);
		ISB();
	}
	at_el2(0, word_of(op, 1), operand);
	DSB(ish);
	if (e2h)
		MSR(hcr_el2, hcr);
	ISB();
}

void execute_on(unsigned number, const struct operation *op, uint64_t operand)
{
	if (!number) {
		execute(op, operand);
		return;
	}
	below_instruction(number, false, 0xd503201fu, 0); /* NOP */
	at_el2(number, word_of(op, 1), operand);
	DSB(ish);
	ISB();
}

uint64_t operand_for(const struct operation *op, unsigned shift, uint64_t address, unsigned asid, unsigned level)
{
	if (op->operand == ASID)
		return operand_asid(asid);
	return op->has_operand ? operand_address(op_is_va(op), address, op_is_va(op) ? asid : 0, ttl_for(shift, level)) : 0;
}

uint64_t range_for(const struct operation *op, unsigned shift, bool ds, uint64_t base, unsigned scale, unsigned num,
		   unsigned asid)
{
	uint64_t granules = base >> base_shift(shift, ds) << shift; /* operand_range() counts granules */

	return operand_range(granules, shift, scale, num, 0, op_is_va(op) ? asid : 0);
}
