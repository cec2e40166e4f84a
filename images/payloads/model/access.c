// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: one access below EL2, and what its exception is called. */
#include "model.h"

const char *const access_names[] = { "read", "write", "execute" };

struct answer touch(unsigned pe, bool el0, enum access access, uint64_t address)
{
	switch (access) {
	case READ: return below(pe, el0, victim_read, 0, address);
	case WRITE: return below(pe, el0, victim_write, A_VALUE, address);
	default: return below(pe, el0, victim_call, 0, (address & ~0xfffull) + CODE_OFFSET);
	}
}

void sweep(unsigned pe, unsigned pages)
{
	below(pe, false, victim_sweep, pages, BOARD_RAM);
}

uint64_t abort_class(enum access access, bool same_el)
{
	return PLACE(ESR_EC, (access == EXECUTE ? ESR_EC_IABT_LOW : ESR_EC_DABT_LOW) + same_el);
}

uint64_t trap_syndrome(uint32_t word)
{
	return syndrome_of_word(word) | ESR_IL;
}

uint64_t step(unsigned shift)
{
	return shift == 12 ? 0x18 : 0x3018;
}
