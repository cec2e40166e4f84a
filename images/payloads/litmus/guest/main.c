// SPDX-License-Identifier: GPL-2.0-only
/* Brings up vEL2 on each vCPU and runs the VMM's programs. */
#include "guest/doorbell.h"
#include "guest/regime.h"
#include "guest/spin.h"
#include "guest/step.h"
#include "guest/stubs.h"
#include "guest/tables.h"
#include "guest/wait.h"
#include "psci.h"

static void read_ids(void)
{
	shared->id_mmfr0 = MRS(id_aa64mmfr0_el1);
	shared->id_mmfr1 = MRS(id_aa64mmfr1_el1);
	shared->id_mmfr2 = MRS(id_aa64mmfr2_el1);
	shared->id_mmfr3 = MRS(s3_0_c0_c7_3);
	shared->id_mmfr4 = MRS(s3_0_c0_c7_4);
	shared->id_isar0 = MRS(id_aa64isar0_el1);
	shared->id_isar1 = MRS(id_aa64isar1_el1);
	shared->id_pfr0 = MRS(id_aa64pfr0_el1);
	shared->id_pfr1 = MRS(id_aa64pfr1_el1);
	shared->id_dfr0 = MRS(id_aa64dfr0_el1);
	if (!shared->by_memory) /* our own VMM's VMs have a GICv3 */
		shared->ich_vtr = MRS(s3_4_c12_c11_1);
}

/* The CPU that the doorbell belongs to: it alone talks to the VMM. */
static void lead(struct pe *cpu)
{
	uint64_t number = 0;

	for (unsigned i = 1; shared->by_memory && i < shared->cpus; i++)
		psci_start(i);
	doorbell(DOORBELL_DONE);
	for (;;) {
		tables_reset();
		regime_follow(cpu);
		for (unsigned i = 0; i < CPUS_MAX; i++)
			spin_stop[i] = 0;
		mark(MARK_PROGRAM);
		if (shared->loose)
			mark(MARK_LOOSE);
		__atomic_store_n(&shared->number, ++number, __ATOMIC_RELEASE);
		run_program(cpu, &shared->program[0]);
		for (unsigned i = 1; i < shared->cpus; i++)
			for (unsigned n = 0; __atomic_load_n(&shared->finished[i], __ATOMIC_ACQUIRE) != number; n++)
				give_way(n);
		if (shared->loose)
			mark(MARK_STRICT);
		__asm__ volatile("dsb ish" ::: "memory");
		doorbell(DOORBELL_DONE);
	}
}

static void follow(struct pe *cpu)
{
	uint64_t number = 0, next;

	for (;;) {
		for (unsigned n = 0; (next = __atomic_load_n(&shared->number, __ATOMIC_ACQUIRE)) == number; n++)
			give_way(n);
		number = next;
		regime_follow(cpu);
		run_program(cpu, &shared->program[cpu->index]);
		__atomic_store_n(&shared->finished[cpu->index], number, __ATOMIC_RELEASE);
	}
}

void pe_main(uint64_t index)
{
	struct pe *cpu = &pes[index];

	/* RW; E2H as it is, which at vEL2 cannot be chosen */
	MSR(hcr_el2, HCR_RW | (shared->set_e2h ? HCR_E2H : MRS(hcr_el2) & HCR_E2H));
	__asm__ volatile("isb" ::: "memory");
	if (!index) {
		shared->e2h = FIELD(MRS(hcr_el2), HCR_E2H);
		shared->l2_page = (uint64_t)l2_vectors & ~0xffffull;
		tables_vel2(shared->e2h);
		read_ids();
	}
	if (FIELD(shared->id_mmfr1, MMFR1_HCX))
		MSR(s3_4_c1_c2_2, 0); /* HCRX_EL2: FGTnXS and the rest off */
	regime_follow(cpu);
	if (index)
		follow(cpu);
	lead(cpu);
}
