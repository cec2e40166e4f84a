// SPDX-License-Identifier: GPL-2.0
/*
 * Runs on the host, inside QEMU: what emulating a guest's TLBI costs at EL2.
 *
 * A TLBI below EL2 that is trapped (HCR_EL2.NV, TTLB*; Arm ARM D1.3.3: EC 0x18, ELR_EL2 is the instruction's own
 * address) is followed on the same vCPU by EL2. Emulation ends with the ERET to the instruction behind it. What
 * L0 does in between for other reasons, an interrupt for example, is in the figure: hence the minimum.
 */
#include <stdlib.h>

#include "coverage/coverage.h"

#define EC_SYSTEM 0x18
#define HCR_NV (1ull << 42)

struct site {
	uint64_t pc;
	uint32_t word;
};

static bool busy;

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

static void done(const struct nvh_vcpu *vcpu)
{
	struct nvh_cost *row;

	while (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
		;
	row = row_of(vcpu->word, vcpu->from_l1);
	if (row) {
		row->count++;
		row->tlbis += vcpu->tlbis;
		add(vcpu->executed - vcpu->begun, &row->insns, &row->insns_min, &row->insns_max);
		add(vcpu->exits, &row->exits, &row->exits_min, &row->exits_max);
	}
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
}

void nvh_cost_at_block(struct nvh_vcpu *vcpu)
{
	if (vcpu->phase != NVH_EXECUTED)
		return;
	vcpu->phase = NVH_IDLE;
	if (nvh_read(&vcpu->registers, vcpu->elr) == vcpu->pc &&
	    (nvh_read(&vcpu->registers, vcpu->esr) >> 26 & 0x3f) == EC_SYSTEM) {
		vcpu->phase = NVH_TRAPPED;
		vcpu->begun = vcpu->executed;
		vcpu->exits = vcpu->tlbis = 0;
	}
}

static void at_tlbi(unsigned int index, void *data)
{
	struct nvh_vcpu *vcpu = &nvh_vcpus[index];
	const struct site *site = data;

	if (nvh_el(vcpu) >= 2) {
		vcpu->tlbis++;
		return;
	}
	vcpu->phase = NVH_EXECUTED;
	vcpu->pc = site->pc;
	vcpu->word = site->word & ~0x1fu;
	vcpu->from_l1 = !!(nvh_read(&vcpu->registers, vcpu->hcr) & HCR_NV);
}

static void at_eret(unsigned int index, void *data)
{
	struct nvh_vcpu *vcpu = &nvh_vcpus[index];

	(void)data;
	if (vcpu->phase != NVH_TRAPPED || nvh_el(vcpu) != 2)
		return;
	vcpu->exits++;
	if (nvh_read(&vcpu->registers, vcpu->elr) == vcpu->pc + 4) {
		done(vcpu);
		vcpu->phase = NVH_IDLE;
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
