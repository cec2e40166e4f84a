// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: use of translations. Code at EL1 and EL0 has a callback on each block and on each access,
 * which returns after two comparisons where the page was checked since the vCPU's last synchronisation.
 */
#include "keep.h"
#include "watch.h"
#define NVH_BY_ENV
#include "which.h"

/* A page of code as it was translated: its address then, and where it lay. */
struct code {
	uint64_t va, pa, el; /* the key */
	uint64_t gen[MAX_PES];
};

void use(struct vcpu *vcpu, const struct context *context, uint64_t va, uint64_t used, uint64_t pc, uint8_t el, unsigned kind,
	 bool user)
{
	pthread_mutex_lock(&lock);
	judge_access(&judge, vcpu->index, context, va, used, pc, el, kind, user);
	flush_counters();
	pthread_mutex_unlock(&lock);
}

/* Whether the page was checked since the last synchronisation for this kind of use; notes it. */
static inline bool is_known(struct vcpu *vcpu, enum regime regime, uint64_t va, unsigned kind)
{
	uint64_t page = va >> 12 << 3 | kind, gen = __atomic_load_n(&vcpu->gen, __ATOMIC_ACQUIRE);
	unsigned slot = (unsigned)((va >> 12) + kind * (FAST / 8)) & (FAST - 1);

	if (vcpu->fast[regime][slot] == page && vcpu->fast_gen[regime][slot] == gen)
		return true;
	vcpu->fast[regime][slot] = page;
	vcpu->fast_gen[regime][slot] = gen;
	return false;
}

static uint64_t physical(uint32_t info, uint64_t va)
{
	struct qp_hwaddr *address = qemu_plugin_get_hwaddr(info, va);

	if (!address || qemu_plugin_hwaddr_is_io(address))
		return UNKNOWN;
	return qemu_plugin_hwaddr_phys_addr(address) & PAGE_MASK;
}

static void on_access(unsigned index, uint32_t info, uint64_t va, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];

	if (!vcpu->el10.valid || vcpu->dirty || is_known(vcpu, EL10, va, 0))
		return;
	use(vcpu, &vcpu->el10, va, physical(info, va), (uint64_t)data, 1, 0, false);
}

/* The same where permissions count, too. ``data``: model_place(). */
static void on_judged_access(unsigned index, uint32_t info, uint64_t va, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	bool user = (uint64_t)data & AS_EL0;
	unsigned kind = (uint64_t)data & ANY_KIND ? 0 : qemu_plugin_mem_is_store(info) ? P_W : P_R;

	if (!vcpu->el10.valid || vcpu->dirty || is_known(vcpu, EL10, va, kind << 1 | user))
		return;
	use(vcpu, &vcpu->el10, va, physical(info, va), (uint64_t)data & ~3ull, 1, kind, user);
}

/* A system register that FEAT_NV2 turns into memory, or any access at EL2: the EL2 or EL2&0 regime. */
static void on_el2_access(unsigned index, uint32_t info, uint64_t va, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];

	if (is_known(vcpu, EL2, va, 0))
		return;
	if (vcpu->dirty_el2)
		vcpu_refresh_el2(vcpu);
	use(vcpu, &vcpu->el2, va, physical(info, va), (uint64_t)data, 2, 0, false);
}

static void fetch(struct vcpu *vcpu, const struct context *context, struct code *code, uint8_t el)
{
	uint64_t pc, gen = __atomic_load_n(&vcpu->gen, __ATOMIC_ACQUIRE);

	if (code->gen[vcpu->index] == gen)
		return;
	code->gen[vcpu->index] = gen;
	/* The same block may run at another address than the one where it was translated (CF_PCREL). */
	pc = vcpu_read(vcpu, R_PC);
	use(vcpu, context, pc, code->pa, pc, el, options.model ? P_X : 0, code->el == 0);
}

static void on_block(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];
	struct code *code = data;

	judge_step(&judge.pe[vcpu->index]);
	settle(vcpu, EXECUTED, 0);
	if (vcpu->returning)
		model_block(vcpu, vcpu_read(vcpu, R_PC), (uint8_t)code->el);
	if (vcpu->dirty) {
		vcpu_refresh_el10(vcpu);
		vcpu->dirty_el2 = true;
		pthread_mutex_lock(&lock);
		judge_enter(&judge, vcpu->index, vcpu_read(vcpu, R_PC), vcpu->el10.valid ? 1 : 0);
		flush_counters();
		pthread_mutex_unlock(&lock);
	}
	if (vcpu->el10.valid)
		fetch(vcpu, &vcpu->el10, code, 1);
}

static void on_el2_block(unsigned index, void *data)
{
	struct vcpu *vcpu = &vcpus[nvh_which_by_env(index)];

	settle(vcpu, EXECUTED, 0);
	if (vcpu->dirty_el2) {
		vcpu_refresh_el2(vcpu);
		vcpu_synchronise(vcpu);
	}
	fetch(vcpu, &vcpu->el2, data, 2);
}

static struct code *code_page(uint64_t va, uint64_t pa, unsigned el)
{
	static struct nvh_keeper codes = NVH_KEEPER(struct code, offsetof(struct code, gen));
	struct code code = { .va = va, .pa = pa, .el = el };

	return nvh_keep(&codes, &code);
}

void watch_fetch(struct qp_tb *tb, struct qp_insn *first, unsigned el)
{
	uint64_t va = qemu_plugin_tb_vaddr(tb);
	struct code *code = code_page(va & PAGE_MASK, memory_physical(qemu_plugin_insn_haddr(first)) & PAGE_MASK,
				      options.model ? el : 1);

	if (el < 2)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QP_CB_R_REGS, code);
	else if (options.el2 && el == 2)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_el2_block, QP_CB_R_REGS, code);
}

void watch_access(struct qp_insn *insn, uint32_t word, unsigned el)
{
	uint64_t at = qemu_plugin_insn_vaddr(insn);

	if (el >= 2 && !options.el2)
		return;
	/* Below EL2, MRS and MSR access memory only where FEAT_NV2 redirects them. */
	if (el >= 2 || (word & 0xffd00000) == 0xd5100000)
		qemu_plugin_register_vcpu_mem_cb(insn, on_el2_access, QP_CB_R_REGS, QP_MEM_RW, (void *)at);
	else if (options.model)
		qemu_plugin_register_vcpu_mem_cb(insn, on_judged_access, QP_CB_NO_REGS, QP_MEM_RW,
						 (void *)model_place(at, word, el));
	else
		qemu_plugin_register_vcpu_mem_cb(insn, on_access, QP_CB_NO_REGS, QP_MEM_RW, (void *)at);
}
