// SPDX-License-Identifier: GPL-2.0-only
/* Brings up vEL2 on each vCPU and runs the VMM's programs. */
#include "guest/doorbell.h"
#include "guest/regime.h"
#include "guest/spin.h"
#include "guest/step.h"
#include "guest/stubs.h"
#include "guest/tables.h"

static struct cpu cpus[CPUS_MAX];

void guest_main(uint64_t index);

static void read_ids(void)
{
	shared->id_mmfr0 = read_sysreg(id_aa64mmfr0_el1);
	shared->id_mmfr1 = read_sysreg(id_aa64mmfr1_el1);
	shared->id_mmfr2 = read_sysreg(id_aa64mmfr2_el1);
	shared->id_mmfr4 = read_sysreg(s3_0_c0_c7_4);
	shared->id_isar0 = read_sysreg(id_aa64isar0_el1);
	shared->id_isar1 = read_sysreg(id_aa64isar1_el1);
}

/* PSCI 1.1 CPU_ON; SMC is the conduit of a machine with EL2. KVM numbers the first 16 vCPUs in MPIDR_EL1.Aff0. */
static void power_on(uint64_t index)
{
	register uint64_t x0 __asm__("x0") = 0xc4000003;
	register uint64_t x1 __asm__("x1") = index;
	register uint64_t x2 __asm__("x2") = IMAGE_PA;
	register uint64_t x3 __asm__("x3") = index;

	__asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
}

/* The CPU that the doorbell belongs to: it alone talks to the VMM. */
static void lead(struct cpu *cpu)
{
	uint64_t number = 0;

	for (unsigned i = 1; shared->by_memory && i < shared->cpus; i++)
		power_on(i);
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

static void follow(struct cpu *cpu)
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

void guest_main(uint64_t index)
{
	struct cpu *cpu = &cpus[index];

	cpu->index = index;
	write_sysreg(tpidr_el2, cpu);
	/* RW; E2H as it is, which at vEL2 cannot be chosen */
	write_sysreg(hcr_el2, HCR_RW | (shared->set_e2h ? HCR_E2H : read_sysreg(hcr_el2) & HCR_E2H));
	__asm__ volatile("isb" ::: "memory");
	if (!index) {
		shared->e2h = FIELD(read_sysreg(hcr_el2), HCR_E2H);
		shared->l2_page = (uint64_t)l2_vectors & ~0xffffull;
		tables_vel2(shared->e2h);
		read_ids();
	}
	if (shared->id_mmfr1 >> 40 & 0xf)
		write_sysreg(s3_4_c1_c2_2, 0); /* HCRX_EL2: FGTnXS and the rest off */
	regime_follow(cpu);
	if (index)
		follow(cpu);
	lead(cpu);
}
