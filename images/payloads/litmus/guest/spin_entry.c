// SPDX-License-Identifier: GPL-2.0-only
/* At vEL2, on a PE that spins: one entry into L2, and what it came to. */
#include "guest/spin_entry.h"

void spin_failed(volatile struct spin *spin, bool stage1, uint64_t esr, uint64_t hpfar)
{
	spin->stage1 = stage1;
	spin->esr = esr;
	spin->hpfar = hpfar;
	__atomic_store_n(&spin->faults, spin->faults + 1, __ATOMIC_RELEASE);
}

/* L2's page as EL0 sees it, for what L2 itself writes. */
static uint64_t el0_alias(const volatile void *at)
{
	return L2_DATA_VA + ((uint64_t)at & 0xffff);
}

void spin_in_l2(struct pe *cpu, volatile struct spin *spin, const struct step *s, char *code, uint64_t *stop)
{
	bool el0 = s->c == SPIN_L2_EL0, own, vncr;

	cpu->x[0] = 0; /* what one that writes is told to have read */
	cpu->x[1] = s->a;
	cpu->x[2] = el0 ? el0_alias(spin) : (uint64_t)spin;
	cpu->x[3] = el0 ? el0_alias(stop) : (uint64_t)stop;
	cpu->x[6] = el0;
	cpu->elr = (uint64_t)code;
	cpu->spsr = el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED;
	pe_enter(cpu);
	own = FIELD(cpu->esr, ESR_EC) == ESR_EC_HVC;
	vncr = FIELD(cpu->esr, ESR_EC) == ESR_EC_DABT_SAME && cpu->esr & ESR_VNCR; /* of vEL2's own stage 1, on L2's behalf */
	if (own && (cpu->esr & 0xffff) == 3)
		spin->spoilt++;
	else if (!own || ((cpu->esr & 0xffff) && FIELD(cpu->x[3], ESR_EC) != ESR_EC_SVC))
		spin_failed(spin, own || vncr, own ? cpu->x[3] : cpu->esr, cpu->hpfar);
}
