// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: the TLB sanitizer. What vCPUs execute becomes calls of the judge. docs/sanitizer.md
 *
 * Code at EL1 and EL0 has a callback on each block and on each access, which returns after two comparisons where the
 * page was checked since the vCPU's last synchronisation. At EL2 only TLBI, DSB, ERET and vectors are watched.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "keep.h"
#include "sanitizer.h"
#define NVH_BY_ENV
#include "which.h"

static struct judge judge;
static struct vcpu vcpus[MAX_PES];
static struct options options;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t trapped, up;
void *nvh_envs[NVH_ENVS];
unsigned nvh_vcpus;

/* A page of code as it was translated: its address then, and where it lay. */
struct code {
	uint64_t va, pa, el; /* the key */
	uint64_t gen[MAX_PES];
};

static void flush_counters(void)
{
	if (judge.seq - judge.counters.steps >= LOOK)
		judge_look(&judge);
	output_counters(&judge.counters, __atomic_load_n(&trapped, __ATOMIC_RELAXED), __atomic_load_n(&up, __ATOMIC_RELAXED));
}

static unsigned level_now(struct vcpu *vcpu)
{
	return (unsigned)FIELD(vcpu_read(vcpu, R_CPSR), SPSR_EL);
}

/* The level of the vCPU that translates; handles are the same for all of them, the buffer is this thread's. */
static unsigned level_of_translation(void)
{
	static __thread struct g_byte_array *buffer;
	struct nvh_registers registers = vcpus[0].registers;

	if (!buffer)
		buffer = g_byte_array_new();
	registers.buffer = buffer;
	return (unsigned)FIELD(nvh_read(&registers, vcpus[0].handle[R_CPSR]), SPSR_EL);
}

/* ---- invalidation ---- */

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

/* An operation at EL1 was executed unless the next thing is the exception that it caused. */
static void settle(struct vcpu *vcpu, enum became became, uint64_t esr)
{
	if (!vcpu->tentative)
		return;
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
	/* TCR_EL1 as the guest had it: QEMU 11.1 gives TCR_EL2 for it at EL2. */
	return vcpu->el10.tcr & TCR_DS;
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

/* ---- use ---- */

static void use(struct vcpu *vcpu, const struct context *context, uint64_t va, uint64_t used, uint64_t pc, uint8_t el,
		unsigned kind, bool user)
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

/* On blocks that are translated before every vCPU is known. */
static void on_unknown(unsigned index, void *data)
{
	(void)data;
	if (!nvh_env_of(index))
		nvh_which_learn(index, vcpu_read(&vcpus[index], R_PC));
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

/* ---- synchronisation and exceptions ---- */

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
 * A PE that waits for another one by polling. Where vCPUs have threads, QEMU lets YIELD and WFE do nothing, so that on a host
 * with fewer CPUs the PE that is waited for stands still for whole time slices of the host.
 */
static void on_wait(unsigned index, void *data)
{
	(void)data;
	judge_step(&judge.pe[vcpus[nvh_which_by_env(index)].index]);
	sched_yield();
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

static bool is_abort(unsigned ec)
{
	return ec == ESR_EC_IABT_LOW || ec == ESR_EC_IABT_SAME || ec == ESR_EC_DABT_LOW || ec == ESR_EC_DABT_SAME;
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

/* ---- translation ---- */

static struct code *code_page(uint64_t va, uint64_t pa, unsigned el)
{
	static struct nvh_keeper codes = NVH_KEEPER(struct code, offsetof(struct code, gen));
	struct code code = { .va = va, .pa = pa, .el = el };

	return nvh_keep(&codes, &code);
}

static void *place_of(const struct qp_insn *insn, uint32_t word)
{
	static struct nvh_keeper places = NVH_KEEPER(struct place, sizeof(struct place));
	struct place place = { qemu_plugin_insn_vaddr(insn), word };

	return nvh_keep(&places, &place);
}

static void watch(struct qp_insn *insn, uint32_t word, unsigned el)
{
	uintptr_t below = el < 2 ? 2 : 0;

	if (is_tlbi(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_tlbi, QP_CB_R_REGS, place_of(insn, word));
	else if (is_dsb(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_dsb, QP_CB_NO_REGS,
						       (void *)((uintptr_t)(word >> 8 & 15) << 2 | below));
	else if (is_dsb_nxs(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_dsb, QP_CB_NO_REGS,
						       (void *)((uintptr_t)(word >> 8 & 15) << 2 | below | 1));
	else if (is_eret(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_eret, QP_CB_NO_REGS, (void *)(uintptr_t)(el >= 2));
	else if ((el < 2 || options.el2) && is_isb(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_isb, QP_CB_NO_REGS, NULL);
	else if (options.parallel && is_wait(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_wait, QP_CB_NO_REGS, NULL);
	else if (el < 2 && is_mark(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QP_CB_NO_REGS, (void *)(uintptr_t)mark_number(word));
	else if (is_translation_msr(word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, el < 2 ? on_change : on_el2_change, QP_CB_NO_REGS, NULL);
}

static bool someone_unknown(void)
{
	for (unsigned i = 0; i < judge.pes; i++)
		if (!nvh_env_of(i))
			return true;
	return false;
}

static void watch_block(struct qp_tb *tb, struct qp_insn *first, unsigned el)
{
	uint64_t va = qemu_plugin_tb_vaddr(tb);
	struct code *code = code_page(va & PAGE_MASK, memory_physical(qemu_plugin_insn_haddr(first)) & PAGE_MASK,
				      options.model ? el : 1);

	nvh_which_translated(va);
	if (someone_unknown())
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_unknown, QP_CB_R_REGS, NULL);
	/* Before on_block(), which would take an operation that has just trapped as executed. */
	if ((va & 0x1ff) == 0 && (va & 0x600))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, el == 2 ? on_el2_vector : on_el1_vector, QP_CB_R_REGS, NULL);
	if (el < 2)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QP_CB_R_REGS, code);
	else if (options.el2 && el == 2)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_el2_block, QP_CB_R_REGS, code);
}

static void translate(struct qp_tb *tb)
{
	struct qp_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
	size_t count = qemu_plugin_tb_n_insns(tb);
	unsigned el = level_of_translation();
	uint32_t before = 0;

	memory_learn(qemu_plugin_insn_haddr(insn));
	watch_block(tb, insn, el);
	for (size_t i = 0; i < count; i++) {
		uint64_t at;
		uint32_t word;

		insn = qemu_plugin_tb_get_insn(tb, i);
		if (qemu_plugin_insn_data(insn, &word, sizeof(word)) != sizeof(word))
			continue;
		if (options.model) { /* first: plugin.c's callbacks act on what these look at */
			watch_model_level(insn, before, el);
			watch_model_insn(insn, word, el);
			before = word;
		}
		watch(insn, word, el);
		at = qemu_plugin_insn_vaddr(insn);
		if (el >= 2 && !options.el2)
			continue;
		/* Below EL2, MRS and MSR access memory only where FEAT_NV2 redirects them. */
		if (el >= 2 || (word & 0xffd00000) == 0xd5100000)
			qemu_plugin_register_vcpu_mem_cb(insn, on_el2_access, QP_CB_R_REGS, QP_MEM_RW, (void *)at);
		else if (options.model)
			qemu_plugin_register_vcpu_mem_cb(insn, on_judged_access, QP_CB_NO_REGS, QP_MEM_RW,
							 (void *)model_place(at, word, el));
		else
			qemu_plugin_register_vcpu_mem_cb(insn, on_access, QP_CB_NO_REGS, QP_MEM_RW, (void *)at);
	}
}

QP_TB_CB(on_translation, tb)
{
	QP_UNUSED_ARGUMENT;
	translate(tb);
}

QP_VCPU_CB(on_vcpu, index)
{
	QP_UNUSED_ARGUMENT;
	if (index >= judge.pes)
		abort();
	vcpu_init(&vcpus[index], index);
	__atomic_add_fetch(&up, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&lock);
	flush_counters();
	pthread_mutex_unlock(&lock);
}

QP_VCPU_CB(on_idle, index)
{
	QP_UNUSED_ARGUMENT;
	judge_idle(&judge.pe[index % MAX_PES], true);
}

QP_VCPU_CB(on_resume, index)
{
	QP_UNUSED_ARGUMENT;
	judge_idle(&judge.pe[index % MAX_PES], false);
}

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	if (!nvh_accept(NAME, info, argc, argv) || !options_parse(argc, argv, &options))
		return 1;
	judge.pes = (unsigned)info->system.max_vcpus;
	if (judge.pes > MAX_PES) {
		nvh_say(NAME, "knows %d vCPUs at most", MAX_PES);
		return 1;
	}
	nvh_vcpus = judge.pes;
	judge.read = memory_read;
	judge.report = output_report;
	judge.leave_out = (unsigned)options.leave_out;
	judge.model = options.model;
	judge.parallel = options.parallel;
	judge.used = model_used;
	watch_model_init(&judge, vcpus, &lock);
	memory_init(options.base, options.ram);
	if (!judge_init(&judge, options.entries) || !output_init(&options))
		return 1;
	QP_ON_VCPU_INIT(id, on_vcpu);
	QP_ON_TRANSLATION(id, on_translation);
	if (options.parallel) {
		QP_ON_VCPU_IDLE(id, on_idle);
		QP_ON_VCPU_RESUME(id, on_resume);
	}
	return 0;
}
