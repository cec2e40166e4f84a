// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: what emulating a guest's TLBI costs at EL2.
 *
 * A TLBI below EL2 that is trapped (HCR_EL2.NV, TTLB*; Arm ARM D1.3.3: EC 0x18, ELR_EL2 is the instruction's own
 * address) is followed on the same CPU by EL2. Emulation ends with the ERET to the instruction behind it. What
 * L0 does in between for other reasons, an interrupt for example, is in the figure: hence the minimum. So is what
 * it does on other CPUs meanwhile; under icount they have no turn during most emulations.
 */
#include <stdlib.h>

#include "bits.h"
#include "coverage/coverage.h"

enum phase { IDLE, EXECUTED, TRAPPED };

struct site {
	uint64_t pc;
	uint32_t word;
};

/* One CPU of L0, with the guest's TLBI that it executed last, while that may be in emulation. */
struct cpu {
	uint64_t key;
	enum phase phase;
	uint32_t word;
	uint32_t from_l1;
	uint64_t pc, begun, exits, tlbis;
};

/* The first half by QEMU's index, while TPIDR_EL2 is 0; the second half by TPIDR_EL2, in the order of appearance. */
static struct cpu cpus[2 * NVH_VCPUS];
static unsigned int keys;
static unsigned int pending; /* CPUs that are EXECUTED */
static bool busy;

static void enter(void)
{
	while (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
		;
}

static void leave(void)
{
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
}

/*
 * The CPU that executes. Its index is a constant in each block unless vCPUs run in parallel (gen_cpu_index() in
 * QEMU's accel/tcg/plugin-gen.c): under icount it is that of the vCPU which translated the block. TPIDR_EL2 tells
 * CPUs apart, where Linux at EL2 keeps a CPU's own offset (arch/arm64/include/asm/percpu.h); no guest changes it.
 */
static struct cpu *this_cpu(const struct nvh_vcpu *vcpu, unsigned int index)
{
	uint64_t key = nvh_read(&vcpu->registers, vcpu->tpidr);
	struct cpu *found = NULL;

	if (!key)
		return &cpus[index];
	for (unsigned int i = 0, known = __atomic_load_n(&keys, __ATOMIC_ACQUIRE); i < known && !found; i++)
		if (cpus[NVH_VCPUS + i].key == key)
			found = &cpus[NVH_VCPUS + i];
	if (found)
		return found;
	enter(); /* no other thread adds this key: it is this CPU's own */
	if (keys == NVH_VCPUS) {
		leave();
		return &cpus[index];
	}
	found = &cpus[NVH_VCPUS + keys];
	found->key = key;
	__atomic_store_n(&keys, keys + 1, __ATOMIC_RELEASE);
	leave();
	return found;
}

static uint64_t executed(void)
{
	return __atomic_load_n(&nvh_file->executed, __ATOMIC_RELAXED);
}

static void become(struct cpu *cpu, enum phase phase)
{
	if ((cpu->phase == EXECUTED) != (phase == EXECUTED))
		__atomic_fetch_add(&pending, phase == EXECUTED ? 1 : -1u, __ATOMIC_RELAXED);
	cpu->phase = phase;
}

static struct nvh_cost *row_of(uint32_t word, uint32_t from_l1)
{
	struct nvh_cost *row = nvh_file->cost;

	for (uint32_t i = 0; i < nvh_file->ops; i++, row++)
		if (row->word == word && row->from_l1 == from_l1)
			return row;
	if (nvh_file->ops == NVH_COVERAGE_OPS) {
		nvh_file->dropped++;
		return NULL;
	}
	row->word = word;
	row->from_l1 = from_l1;
	row->insns_min = row->exits_min = UINT64_MAX;
	nvh_file->ops++;
	return row;
}

static void add(uint64_t value, uint64_t *sum, uint64_t *least, uint64_t *most)
{
	*sum += value;
	if (value < *least)
		*least = value;
	if (value > *most)
		*most = value;
}

static void done(const struct cpu *cpu)
{
	struct nvh_cost *row;

	enter();
	row = row_of(cpu->word, cpu->from_l1);
	if (row) {
		row->count++;
		row->tlbis += cpu->tlbis;
		add(executed() - cpu->begun, &row->insns, &row->insns_min, &row->insns_max);
		add(cpu->exits, &row->exits, &row->exits_min, &row->exits_max);
	}
	leave();
}

void nvh_cost_at_block(const struct nvh_vcpu *vcpu, unsigned int index)
{
	struct cpu *cpu;

	/* Nearly always: reading registers at each block would cost more than all else. */
	if (!__atomic_load_n(&pending, __ATOMIC_RELAXED))
		return;
	cpu = this_cpu(vcpu, index);
	if (cpu->phase != EXECUTED)
		return;
	become(cpu, IDLE);
	if (nvh_read(&vcpu->registers, vcpu->elr) == cpu->pc &&
	    FIELD(nvh_read(&vcpu->registers, vcpu->esr), ESR_EC) == ESR_EC_SYS64) {
		become(cpu, TRAPPED);
		cpu->begun = executed();
		cpu->exits = cpu->tlbis = 0;
	}
}

static void at_tlbi(unsigned int index, void *data)
{
	const struct nvh_vcpu *vcpu = &nvh_vcpus[index];
	struct cpu *cpu = this_cpu(vcpu, index);
	const struct site *site = data;

	if (nvh_el(vcpu) >= 2) {
		cpu->tlbis++;
		return;
	}
	become(cpu, EXECUTED);
	cpu->pc = site->pc;
	cpu->word = site->word & ~0x1fu;
	cpu->from_l1 = !!(nvh_read(&vcpu->registers, vcpu->hcr) & HCR_NV);
}

static void at_eret(unsigned int index, void *data)
{
	const struct nvh_vcpu *vcpu = &nvh_vcpus[index];
	struct cpu *cpu = this_cpu(vcpu, index);

	(void)data;
	if (cpu->phase != TRAPPED || nvh_el(vcpu) != 2)
		return;
	cpu->exits++;
	if (nvh_read(&vcpu->registers, vcpu->elr) == cpu->pc + 4) {
		done(cpu);
		become(cpu, IDLE);
	}
}

void nvh_cost_watch(struct qp_insn *insn, uint32_t word, uint64_t pc)
{
	bool eret = word == 0xd69f03e0 || word == 0xd69f0bff || word == 0xd69f0fff; /* ERET, ERETAA, ERETAB */
	/* SYS with op0 = 1 and CRn = 8 or 9 (nXS): Arm ARM C5.5 */
	bool tlbi = (word & 0xfff80000) == 0xd5080000 && (word >> 12 & 0xe) == 8;

	if (eret) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, at_eret, QP_CB_R_REGS, NULL);
	} else if (tlbi) {
		/* Lives as long as QEMU may execute the block, which nothing tells; there are few such sites. */
		struct site *site = malloc(sizeof(*site));

		if (!site)
			abort();
		site->pc = pc;
		site->word = word;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, at_tlbi, QP_CB_R_REGS, site);
	}
}
