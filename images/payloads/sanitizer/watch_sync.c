// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: synchronisation, changes of a translation's registers, marks, and exceptions. */
#include <sched.h>

#include "decode.h"
#include "watch.h"
#define NVH_BY_ENV
#include "which.h"

static void on_eret(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];

	judge_step(&judge.pe[vcpu->index]);
	if (data)
		vcpu->dirty = vcpu->dirty_el2 = true;
	else
		vcpu_synchronise(vcpu);
}

/*
 * A PE that waits for another one by polling. Where vCPUs have threads, QEMU lets YIELD and most WFEs do nothing, so that on a
 * host with fewer CPUs the PE that is waited for stands still for whole time slices of the host.
 */
static void on_wait(unsigned index, void *data)
{
	(void)data;
	judge_step(&judge.pe[vcpus[nvh_which_by_env(index)].index]);
	sched_yield();
}

/* Without threads QEMU calls no plugin when a vCPU halts. */
static void on_wfi(unsigned index, void *data)
{
	(void)data;
	judge_idle(&judge.pe[vcpus[nvh_which_by_env(index)].index], true);
}

static void on_change(unsigned index, void *data)
{
	(void)data;
	vcpus[nvh_which_by_env(index)].dirty = true;
}

static void on_el2_change(unsigned index, void *data)
{
	(void)data;
	vcpus[nvh_which_by_env(index)].dirty_el2 = true;
	vcpus[nvh_which_by_env(index)].kept = false;
}

/* EL2 writes a register by ``data``, "MSR register, Xt", which may be EL1's TCR. */
static void on_el2_tcr(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	uint32_t word = (uint32_t)(uintptr_t)data;
	unsigned rt = word & 31;

	on_el2_change(index, NULL);
	if (is_tcr_el1_msr(word, vcpu_read(vcpu, R_HCR) & HCR_E2H))
		vcpu->tcr_el1 = rt == 31 ? 0 : nvh_read(&vcpu->registers, vcpu->x[rt]);
}

static void on_isb(unsigned index, void *data)
{
	(void)data;
	vcpu_synchronise(&vcpus[nvh_which_by_env(index)]);
}

static void on_mark(unsigned index, void *data)
{
	(void)index;
	pthread_mutex_lock(&lock);
	judge_mark(&judge, (unsigned)(uintptr_t)data);
	flush_counters();
	pthread_mutex_unlock(&lock);
}

/* First instruction of what may be a synchronous vector of EL2: 0x400 from a lower EL, 0x200 from EL2 itself. */
static void on_el2_vector(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	uint64_t pc = vcpu_read(vcpu, R_PC), esr, far;
	unsigned ec;

	(void)data;
	if ((vcpu_read(vcpu, R_VBAR_2) | (pc & 0x600)) != pc)
		return;
	esr = vcpu_read(vcpu, R_ESR_2);
	ec = (unsigned)FIELD(esr, ESR_EC);
	settle(vcpu, ec == ESR_EC_SYS64 && vcpu_read(vcpu, R_ELR_2) == vcpu->waiting.pc ? TRAPPED : EXECUTED, esr);
	if (options.model)
		model_vector(vcpu, true, pc, esr);
	if (!is_abort(ec) || esr & ESR_FNV)
		return;
	far = vcpu_read(vcpu, R_FAR_2);
	if ((pc & 0x7ff) == 0x200 || esr & ESR_VNCR) { /* of EL2 itself, or of a VNCR access */
		if (!options.el2 && (pc & 0x7ff) == 0x200)
			return;
		vcpu_refresh_el2(vcpu);
		use(vcpu, &vcpu->el2, far, UNKNOWN, vcpu_read(vcpu, R_ELR_2), 2, 0, false);
	} else if (vcpu->el10.valid && !vcpu->dirty) {
		use(vcpu, &vcpu->el10, far, UNKNOWN, vcpu_read(vcpu, R_ELR_2), 1, 0, false);
	}
}

/* The same of EL1: 0x000 from EL1 with SP_EL0, 0x200 with SP_EL1, 0x400 from EL0. */
static void on_el1_vector(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	uint64_t pc = vcpu_read(vcpu, R_PC), esr;
	unsigned ec;

	(void)data;
	if ((vcpu_read(vcpu, R_VBAR_1) | (pc & 0x600)) != pc)
		return;
	esr = vcpu_read(vcpu, R_ESR_1);
	ec = (unsigned)FIELD(esr, ESR_EC);
	settle(vcpu, ec == ESR_EC_UNKNOWN && vcpu_read(vcpu, R_ELR_1) == vcpu->waiting.pc ? UNDEFINED_AT_EL1 : EXECUTED, esr);
	if (options.model)
		model_vector(vcpu, false, pc, esr);
	vcpu_synchronise(vcpu);
	if (is_abort(ec) && !(esr & ESR_FNV) && vcpu->el10.valid && !vcpu->dirty)
		use(vcpu, &vcpu->el10, vcpu_read(vcpu, R_FAR_1), UNKNOWN, vcpu_read(vcpu, R_ELR_1), 1, 0, false);
}

static void on_kernel(unsigned index, void *data)
{
	(void)data;
	judge_kernel(&judge.pe[vcpus[nvh_which_by_env(index)].index]);
}

bool watch_sync(struct qp_insn *insn, uint32_t word, unsigned el)
{
	if (is_eret(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_eret, QP_CB_NO_REGS, (void *)(uintptr_t)(el >= 2));
	else if ((el < 2 || options.el2) && is_isb(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_isb, QP_CB_NO_REGS, NULL);
	else if (options.parallel && is_wait(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_wait, QP_CB_NO_REGS, NULL);
	else if (!options.parallel && is_wfi(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_wfi, QP_CB_NO_REGS, NULL);
	else if (el < 2 && is_mark(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QP_CB_NO_REGS, (void *)(uintptr_t)mark_number(word));
	else if (el >= 2 && (is_tcr_el1_msr(word, false) || is_tcr_el1_msr(word, true)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_el2_tcr, QP_CB_R_REGS, (void *)(uintptr_t)word);
	else if (is_translation_msr(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, el < 2 ? on_change : on_el2_change, QP_CB_NO_REGS, NULL);
	else
		return false;
	return true;
}

void watch_vector(struct qp_tb *tb, unsigned el)
{
	uint64_t va = qemu_plugin_tb_vaddr(tb);

	/* At EL1 the first one, too: a guest may use SP_EL0 there (Arm ARM D1.3.1.2). */
	if ((va & 0x1ff) == 0 && (va & 0x600 || el < 2))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, el == 2 ? on_el2_vector : on_el1_vector, QP_CB_R_REGS, NULL);
	/* Where any exception from AArch64 below EL2 comes to; whether it is one does not matter, since this is EL2. */
	if (el == 2 && (va & 0x67f) == 0x400)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_kernel, QP_CB_NO_REGS, NULL);
}
