// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: TLBI, and DSB, which completes it. */
#include "decode.h"
#include "keep.h"
#include "watch.h"
#define NVH_BY_ENV
#include "which.h"

static uint64_t trapped;

uint64_t tlbi_trapped(void)
{
	return __atomic_load_n(&trapped, __ATOMIC_RELAXED);
}

static unsigned level_now(struct vcpu *vcpu)
{
	return (unsigned)FIELD(vcpu_read(vcpu, R_CPSR), SPSR_EL);
}

static void execute_tlbi(struct tlbi *tlbi, const struct context *context)
{
	bool gone[MAX_PES];

	pthread_mutex_lock(&lock);
	judge_tlbi(&judge, *tlbi, context, gone);
	for (unsigned i = 0; i < judge.pes; i++)
		if (gone[i]) /* what was checked before may be checked, and filled, again */
			vcpu_synchronise(&vcpus[i]);
	flush_counters();
	pthread_mutex_unlock(&lock);
}

void tlbi_settled(struct vcpu *vcpu, enum became became, uint64_t esr)
{
	vcpu->tentative = false;
	if (options.model)
		model_settled(vcpu, became, esr);
	if (became != EXECUTED)
		__atomic_add_fetch(&trapped, 1, __ATOMIC_RELAXED);
	else
		execute_tlbi(&vcpu->waiting, vcpu->el10.valid && !vcpu->dirty ? &vcpu->el10 : NULL);
}

/* DS of the regime's TCR_ELx, for the unit of a range's base. */
static bool range_is_ds(struct vcpu *vcpu, const struct tlbi *tlbi)
{
	if (tlbi->op->operand != VA_RANGE)
		return false;
	if (tlbi_regime(tlbi) == EL2)
		return vcpu_read(vcpu, R_TCR_2) & (tlbi->state.hcr & HCR_E2H ? TCR_DS : TCR_E2H0_DS);
	return vcpu->tcr_el1 & TCR_DS;
}

/* One TLBI instruction where it was translated; inside a block the register pc is stale. */
struct place {
	uint64_t pc;
	uint64_t word;
};

static void on_tlbi(unsigned index, void *data)
{
	const struct place *place = data;
	uint32_t word = (uint32_t)place->word;
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	unsigned rt = word & 31;
	struct tlbi tlbi = { .op = operation_of(word & 0x7ffe0), .pe = vcpu->index };
	struct state *state = &tlbi.state;
	struct context second;
	uint64_t vtcr;

	judge_step(&judge.pe[vcpu->index]);
	settle(vcpu, EXECUTED, 0);
	if (!tlbi.op)
		return;
	if (!vcpu->features)
		vcpu->features = vcpu_features(vcpu);
	tlbi.pc = place->pc;
	tlbi.xt = rt == 31 ? 0 : nvh_read(&vcpu->registers, vcpu->x[rt]);
	vtcr = vcpu_read(vcpu, R_VTCR);
	*state = (struct state){ .el = (uint8_t)level_now(vcpu), .hcr = vcpu_read(vcpu, R_HCR),
				 .hcrx = vcpu_read(vcpu, R_HCRX), .hfgitr = vcpu_read(vcpu, R_HFGITR), .features = vcpu->features,
				 .vmid = vmid_of(vcpu_read(vcpu, R_VTTBR), vtcr), .ds2 = !!(vtcr & VTCR_DS) };
	state->ds1 = range_is_ds(vcpu, &tlbi);
	tlbi_aim(&tlbi);
	if (state->el < 2) {
		vcpu->waiting = tlbi;
		vcpu->waiting_rt = rt;
		vcpu->tentative = true;
		return;
	}
	second = vcpu_stage2(vcpu);
	if (op_is_ipa(tlbi.op))
		execute_tlbi(&tlbi, &second);
	else if (vcpu->el10.valid && vcpu->el10.vmid == state->vmid && tlbi_regime(&tlbi) == EL10)
		execute_tlbi(&tlbi, &vcpu->el10); /* for the context that this vCPU ran last */
	else
		execute_tlbi(&tlbi, NULL);
}

static void on_dsb(unsigned index, void *data)
{
	uintptr_t what = (uintptr_t)data; /* bit 0: nXS, bit 1: below EL2, then CRm */
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	const struct context *context = &vcpu->el10;

	judge_step(&judge.pe[vcpu->index]);
	settle(vcpu, EXECUTED, 0);
	pthread_mutex_lock(&lock);
	judge_dsb(&judge, vcpu->index, dsb_scope((unsigned)(what >> 2), what & 2, context->hcr),
		  dsb_is_nxs(what & 1, what & 2, context->hcrx));
	pthread_mutex_unlock(&lock);
}

static void *place_of(const struct qp_insn *insn, uint32_t word)
{
	static struct nvh_keeper places = NVH_KEEPER(struct place, sizeof(struct place));
	struct place place = { qemu_plugin_insn_vaddr(insn), word };

	return nvh_keep(&places, &place);
}

bool watch_tlbi(struct qp_insn *insn, uint32_t word, unsigned el)
{
	uintptr_t dsb = (uintptr_t)(word >> 8 & 15) << 2 | (el < 2 ? 2 : 0);

	if (is_tlbi(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_tlbi, QP_CB_R_REGS, place_of(insn, word));
	else if (is_dsb(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_dsb, QP_CB_NO_REGS, (void *)dsb);
	else if (is_dsb_nxs(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_dsb, QP_CB_NO_REGS, (void *)(dsb | 1));
	else
		return false;
	return true;
}
