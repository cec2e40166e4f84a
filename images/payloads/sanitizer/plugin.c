// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: the TLB sanitizer. What vCPUs execute becomes calls of the judge. docs/sanitizer.md
 *
 * Here is what all that watch share, and which of them looks at a block: watch_tlbi.c, watch_use.c, watch_sync.c and, for the
 * model itself, watch_model.c. At EL2 only TLBI, DSB, ERET and vectors are watched.
 */
#include <stdlib.h>

#include "watch.h"
#define NVH_BY_ENV
#include "which.h"

struct judge judge;
struct vcpu vcpus[MAX_PES];
struct options options;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
void *nvh_envs[NVH_ENVS];
unsigned nvh_vcpus;
static uint64_t up;

void flush_counters(void)
{
	if (judge.seq - judge.counters.steps >= LOOK)
		judge_look(&judge);
	output_counters(&judge.counters, tlbi_trapped(), __atomic_load_n(&up, __ATOMIC_RELAXED));
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

/* On blocks that are translated before every vCPU is known. */
static void on_unknown(unsigned index, void *data)
{
	(void)data;
	if (!nvh_env_of(index))
		nvh_which_learn(index, vcpu_read(&vcpus[index], R_PC));
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
	nvh_which_translated(qemu_plugin_tb_vaddr(tb));
	if (someone_unknown())
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_unknown, QP_CB_R_REGS, NULL);
	watch_vector(tb, el); /* before the block, which would take an operation that has just trapped as executed */
	watch_fetch(tb, first, el);
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
		uint32_t word;

		insn = qemu_plugin_tb_get_insn(tb, i);
		if (!nvh_word(insn, &word))
			continue;
		if (options.model) { /* first: the others' callbacks act on what these look at */
			watch_model_level(insn, before, el);
			watch_model_insn(insn, word, el);
			before = word;
		}
		if (!watch_tlbi(insn, word, el))
			watch_sync(insn, word, el);
		watch_access(insn, word, el);
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
