// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: what the judgement of the model itself needs to see, beside what the others see. */
#include <string.h>

#include "decode.h"
#include "keep.h"
#include "watch.h"
#define NVH_BY_ENV
#include "which.h"

/* ---- the way back ---- */

/* From ELR and SPSR; false for what is not judged: AArch32, an illegal return, and one to EL2, where nothing is watched. */
static bool target(struct eret *eret, uint64_t elr, uint64_t spsr, uint64_t hcr)
{
	eret->to = elr;
	eret->to_el = (uint8_t)FIELD(spsr, SPSR_EL);
	if (spsr & SPSR_AARCH32 || eret->to_el >= 2 || eret->to_el > eret->el)
		return false;
	if (spsr & 2 || (spsr & 1 && !eret->to_el)) /* M[3:0]: no such mode */
		return false;
	return !(hcr & HCR_TGE && eret->to_el == 1) && !(elr & 3);
}

static void on_eret_el2(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	struct eret *eret = &vcpu->eret;

	*eret = (struct eret){ .pc = (uint64_t)data, .el = 2 };
	vcpu->returning = target(eret, vcpu_read(vcpu, R_ELR_2), vcpu_read(vcpu, R_SPSR_2), vcpu_read(vcpu, R_HCR));
	if (vcpu->translating && vcpu->at.el < 2)
		vcpu->translating = false; /* it was emulated */
}

static void on_eret_el1(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	struct eret *eret = &vcpu->eret;
	uint64_t hcr = vcpu_read(vcpu, R_HCR);

	*eret = (struct eret){ .pc = (uint64_t)data, .el = 1 };
	eret->trap = hcr & HCR_NV || vcpu_read(vcpu, R_HFGITR) & HFGITR_ERET;
	vcpu->returning = target(eret, vcpu_read(vcpu, R_ELR_1), vcpu_read(vcpu, R_SPSR_1), 0) || eret->trap;
}

void model_block(struct vcpu *vcpu, uint64_t pc, uint8_t el)
{
	struct eret *eret = &vcpu->eret;
	uint64_t vbar;

	if (!vcpu->returning)
		return;
	vcpu->returning = false;
	eret->came = pc;
	eret->came_el = el;
	if ((pc != eret->to || el != eret->to_el) && el == 1 && !eret->trap) {
		/* An exception to EL1 before the first instruction there: an interrupt, or the fetch's own fault. */
		vbar = vcpu_read(vcpu, R_VBAR_1);
		if (pc - vbar < 0x800 && vcpu_read(vcpu, R_ELR_1) == eret->to)
			return;
	}
	pthread_mutex_lock(&lock);
	model_eret(&judge, vcpu->index, eret);
	pthread_mutex_unlock(&lock);
}

/* ---- operations ---- */

void model_settled(struct vcpu *vcpu, enum became became, uint64_t esr)
{
	pthread_mutex_lock(&lock);
	model_tlbi(&judge, &vcpu->waiting, vcpu->waiting_rt, became, esr);
	pthread_mutex_unlock(&lock);
}

static void on_at(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	const struct at *what = data;
	unsigned rt = what->word & 31;

	vcpu->translating = false;
	if (what->el == 2 && !(vcpu_read(vcpu, R_HCR) & HCR_E2H))
		vcpu_context_el10(vcpu, &vcpu->at_context);
	else if (vcpu->dirty || (what->el == 2 && (!vcpu->kept || vcpu_read(vcpu, R_HCR) != vcpu->el10.hcr)))
		return;
	else
		vcpu->at_context = vcpu->el10;
	if (!vcpu->at_context.valid)
		return;
	vcpu->at = *what;
	vcpu->at.va = rt == 31 ? 0 : nvh_read(&vcpu->registers, vcpu->x[rt]);
	vcpu->translating = true;
}

/* MRS Xt, PAR_EL1 */
static void on_par(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];

	if (!vcpu->translating)
		return;
	vcpu->translating = false;
	if (vcpu->at.el != (uint8_t)(uintptr_t)data)
		return; /* EL2 saves the register before it emulates what EL1 executed */
	pthread_mutex_lock(&lock);
	model_at(&judge, vcpu->index, &vcpu->at_context, &vcpu->at, vcpu_read(vcpu, R_PAR));
	pthread_mutex_unlock(&lock);
}

/* The instruction behind the MRS: its own address is 4 higher. */
struct level {
	uint64_t pc;
	uint8_t el, rt;
};

static void on_level(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	const struct level *level = data;

	pthread_mutex_lock(&lock);
	model_level(&judge, vcpu->index, level->pc, level->el, vcpu_read(vcpu, R_HCR),
		    nvh_read(&vcpu->registers, vcpu->x[level->rt]));
	pthread_mutex_unlock(&lock);
}

static void on_vncr(unsigned index, uint32_t info, uint64_t va, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];

	(void)info;
	pthread_mutex_lock(&lock);
	model_vncr(&judge, vcpu->index, (uint64_t)data, vcpu_read(vcpu, R_VNCR), va);
	pthread_mutex_unlock(&lock);
}

/* ---- aborts ---- */

/* The instruction at ELR, read by a walk of our own; 0 when there is none. */
static uint32_t word_at(const struct context *context, uint64_t pc)
{
	struct walk now;
	uint64_t value;

	walk(context, judge.read, canonical(context, pc), &now);
	if (now.outcome != MAPPED || !judge.read((now.pa & PAGE_MASK) | (pc & 0xff8), &value))
		return 0;
	return (uint32_t)(pc & 4 ? value >> 32 : value);
}

static void decode(struct vcpu *vcpu, struct abort *abort)
{
	if ((abort->word & 0xffd00000) == 0xd5100000) { /* MSR or MRS at VNCR_EL2 */
		abort->access.kind = abort->word >> 21 & 1 ? P_R : P_W;
		return;
	}
	abort->access = access_of(abort->word);
	if (abort->access.base == 31)
		abort->access.size = 0; /* which SP it was is not asked */
	if (abort->access.size)
		abort->address = nvh_read(&vcpu->registers, vcpu->x[abort->access.base]) + (uint64_t)(int64_t)abort->access.offset;
}

void model_vector(struct vcpu *vcpu, bool el2, uint64_t pc, uint64_t esr)
{
	unsigned ec = (unsigned)FIELD(esr, ESR_EC);
	bool from_el2 = el2 && (pc & 0x7ff) == 0x200, vncr = el2 && is_abort(ec) && esr & ESR_VNCR;
	struct abort abort = { .esr = esr, .to_el2 = el2, .vncr = vncr };

	abort.elr = vcpu_read(vcpu, el2 ? R_ELR_2 : R_ELR_1);
	if (vcpu->returning && vcpu->eret.el == 1 && el2 && ec == ESR_EC_ERET && abort.elr == vcpu->eret.pc) {
		vcpu->returning = false;
		vcpu->eret.trapped = true;
		vcpu->eret.esr = esr;
		pthread_mutex_lock(&lock);
		model_eret(&judge, vcpu->index, &vcpu->eret);
		pthread_mutex_unlock(&lock);
	}
	if (el2 && !from_el2)
		vcpu->returning = false; /* an exception before the first instruction */
	/* EL2's software brought an exception to EL1 by its ERET: what the syndrome says is its own. */
	if (!is_abort(ec) || from_el2 || (!el2 && vcpu->returning && vcpu->eret.el == 2 && vcpu->eret.to == pc))
		return;
	/* The first fetch behind an ERET: at EL2 with E2H the names of EL1's registers are those of EL2. */
	if (vcpu->dirty && (!el2 || !(vcpu_read(vcpu, R_HCR) & HCR_E2H)))
		vcpu_refresh_el10(vcpu);
	if (!vcpu->el10.valid || vcpu->dirty)
		return;
	abort.far = vcpu_read(vcpu, el2 ? R_FAR_2 : R_FAR_1);
	abort.hpfar = el2 ? vcpu_read(vcpu, R_HPFAR) : 0;
	abort.spsr = vcpu_read(vcpu, el2 ? R_SPSR_2 : R_SPSR_1);
	abort.word = ec == ESR_EC_IABT_LOW || ec == ESR_EC_IABT_SAME ? 0 : word_at(&vcpu->el10, abort.elr);
	decode(vcpu, &abort);
	if (vncr)
		vcpu_refresh_el2(vcpu);
	pthread_mutex_lock(&lock);
	model_abort(&judge, vcpu->index, vncr ? &vcpu->el2 : &vcpu->el10, &abort);
	pthread_mutex_unlock(&lock);
}

/* ---- translation ---- */

uint64_t model_place(uint64_t pc, uint32_t word, unsigned el)
{
	bool unprivileged = (word & 0x3b200c00) == 0x38000800;
	/* Only what the decoder knows to be a plain load or store: others may access as somebody else. */
	bool plain = access_of(word).kind && !unprivileged;

	return pc | (el == 0 ? AS_EL0 : 0) | (plain ? 0 : ANY_KIND);
}

/* All of them is their key, from zeroed memory: padding is the same in all. */
static struct nvh_keeper ats = NVH_KEEPER(struct at, sizeof(struct at));
static struct nvh_keeper levels = NVH_KEEPER(struct level, sizeof(struct level));

void watch_model_insn(struct qp_insn *insn, uint32_t word, unsigned el)
{
	uint64_t pc = qemu_plugin_insn_vaddr(insn);
	struct at at;

	memset(&at, 0, sizeof(at));
	at.pc = pc;
	at.el = (uint8_t)el;
	if (word == 0xd69f03e0) /* ERET; ERETAA authenticates its target */
		qemu_plugin_register_vcpu_insn_exec_cb(insn, el >= 2 ? on_eret_el2 : on_eret_el1, QP_CB_R_REGS, (void *)pc);
	else if (el > 0 && model_is_at(word, &at))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_at, QP_CB_R_REGS, nvh_keep(&ats, &at));
	else if (el > 0 && (word & ~31u) == 0xd5387400)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_par, QP_CB_R_REGS, (void *)(uintptr_t)el);
	if (el == 1 && (word & 0xffd00000) == 0xd5100000)
		qemu_plugin_register_vcpu_mem_cb(insn, on_vncr, QP_CB_R_REGS, QP_MEM_RW, (void *)pc);
}

void watch_model_level(struct qp_insn *next, uint32_t word, unsigned el)
{
	struct level level;

	memset(&level, 0, sizeof(level));
	level.pc = qemu_plugin_insn_vaddr(next) - 4;
	level.el = (uint8_t)el;
	level.rt = word & 31;
	if ((word & ~31u) == 0xd5384240 && level.rt != 31 && el > 0)
		qemu_plugin_register_vcpu_insn_exec_cb(next, on_level, QP_CB_R_REGS, nvh_keep(&levels, &level));
}
