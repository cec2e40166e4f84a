// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: what emulating a guest's TLBI costs at EL2.
 *
 * A TLBI below EL2 that is trapped (HCR_EL2.NV, TTLB*; Arm ARM D1.3.3: EC 0x18, ELR_EL2 is the instruction's own
 * address) is followed on the same CPU by EL2. Emulation ends with the ERET to the instruction behind it. What
 * L0 does in between for other reasons, an interrupt for example, is in the figure: hence the minimum. So is what
 * it does on other CPUs meanwhile; under icount they have no turn during most emulations.
 */
#include <pthread.h>

#include "coverage/coverage.h"
#include "keep.h"
#include "operation.h"
#include "which.h"

enum phase { IDLE, EXECUTED, TRAPPED };

struct site {
	uint64_t pc;
	uint64_t word;
	uint64_t form; /* enum operand */
};

/* One CPU of L0, with the guest's TLBI that it executed last, while that may be in emulation. */
struct cpu {
	enum phase phase;
	uint32_t word;
	uint32_t from_l1, operand;
	uint64_t pc, begun, exits, tlbis;
};

/* The first half by QEMU's index, while TPIDR_EL2 is 0; the second half by TPIDR_EL2, in the order of appearance. */
static struct cpu cpus[2 * NVH_VCPUS];
static uint64_t keys[NVH_VCPUS], known;
static unsigned int pending; /* CPUs that are EXECUTED */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the file's rows */

/* The CPU that executes, by TPIDR_EL2: QEMU's index does not tell (which.h). */
static struct cpu *this_cpu(const struct nvh_vcpu *vcpu, unsigned int index)
{
	uint64_t key = nvh_read(&vcpu->registers, vcpu->tpidr);
	unsigned int place = key ? nvh_which_by_key(keys, &known, NVH_VCPUS, key) : NVH_VCPUS;

	return place < NVH_VCPUS ? &cpus[NVH_VCPUS + place] : &cpus[index];
}

static uint64_t executed(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < NVH_VCPUS; i++)
		sum += __atomic_load_n(&nvh_file->executed[i], __ATOMIC_RELAXED);
	return sum;
}

static void become(struct cpu *cpu, enum phase phase)
{
	if ((cpu->phase == EXECUTED) != (phase == EXECUTED))
		__atomic_fetch_add(&pending, phase == EXECUTED ? 1 : -1u, __ATOMIC_RELAXED);
	cpu->phase = phase;
}

/* The class of an operand, format.h. */
static uint32_t class_of(enum operand form, uint64_t xt)
{
	unsigned num_bits = 0;

	switch (form) {
	case VA:
	case IPA:
		return (uint32_t)FIELD(xt, XT_TTL) << NVH_CLASS_TTL;
	case VA_RANGE:
	case IPA_RANGE:
		while (FIELD(xt, XT_NUM) >> num_bits)
			num_bits++;
		return (uint32_t)(FIELD(xt, XT_RTTL) << NVH_CLASS_TTL | FIELD(xt, XT_TG) << NVH_CLASS_TG |
				  FIELD(xt, XT_SCALE) << NVH_CLASS_SCALE | num_bits << NVH_CLASS_NUM_BITS);
	default:
		return 0;
	}
}

static struct nvh_cost *row_of(uint32_t word, uint32_t from_l1, uint32_t operand)
{
	struct nvh_cost *row = nvh_file->cost;

	for (uint32_t i = 0; i < nvh_file->ops; i++, row++)
		if (row->word == word && row->from_l1 == from_l1 && row->operand == operand)
			return row;
	if (nvh_file->ops == NVH_COVERAGE_OPS) {
		nvh_file->dropped++;
		return NULL;
	}
	row->word = word;
	row->from_l1 = from_l1;
	row->operand = operand;
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

	pthread_mutex_lock(&lock);
	row = row_of(cpu->word, cpu->from_l1, cpu->operand);
	if (row) {
		row->count++;
		row->tlbis += cpu->tlbis;
		add(executed() - cpu->begun, &row->insns, &row->insns_min, &row->insns_max);
		add(cpu->exits, &row->exits, &row->exits_min, &row->exits_max);
	}
	pthread_mutex_unlock(&lock);
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
	unsigned rt = site->word & 31;

	if (nvh_el(&vcpu->registers, vcpu->cpsr) >= 2) {
		cpu->tlbis++;
		return;
	}
	become(cpu, EXECUTED);
	cpu->pc = site->pc;
	cpu->word = (uint32_t)site->word & ~0x1fu;
	cpu->from_l1 = !!(nvh_read(&vcpu->registers, vcpu->hcr) & HCR_NV);
	cpu->operand = rt < 31 ? class_of((enum operand)site->form, nvh_read(&vcpu->registers, vcpu->x[rt])) : 0;
}

static void at_eret(unsigned int index, void *data)
{
	const struct nvh_vcpu *vcpu = &nvh_vcpus[index];
	struct cpu *cpu = this_cpu(vcpu, index);

	(void)data;
	if (cpu->phase != TRAPPED || nvh_el(&vcpu->registers, vcpu->cpsr) != 2)
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
		static struct nvh_keeper sites = NVH_KEEPER(struct site, sizeof(struct site));
		const struct operation *op = operation_of(word & 0x7ffe0);
		struct site site = { .pc = pc, .word = word, .form = op ? op->operand : NONE };

		qemu_plugin_register_vcpu_insn_exec_cb(insn, at_tlbi, QP_CB_R_REGS, nvh_keep(&sites, &site));
	}
}
