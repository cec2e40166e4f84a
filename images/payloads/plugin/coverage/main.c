// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: nvh-coverage records which instructions the model executed at EL2 within a
 * range of addresses, the text of L0's kernel, and what the emulation of TLBIs cost there (docs/accept.md).
 * No kernel needs to be built for it. Options, each KEY=VALUE, all required:
 *
 *   out=PATH     the file, see coverage/format.h
 *   start=ADDR   first address watched
 *   end=ADDR     first address behind it
 *
 * L1 and L2 may run the same kernel at the same addresses, so each block asks for its exception level. QEMU
 * translates blocks per translation regime: it is asked once. A block's instructions count as executed when the
 * block is entered; one that takes a synchronous exception in its middle is counted whole.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coverage/coverage.h"
#include "keep.h"

enum level { UNKNOWN, BELOW, EL2 };

/* Where the code lies in QEMU tells L0's kernel from the same one at the same address in a guest. */
struct block {
	uint64_t pc;
	const void *host;
	uint64_t count;	       /* instructions */
	uint8_t level, marked; /* not of the key: set once, by whichever thread is first */
};

struct nvh_vcpu nvh_vcpus[NVH_VCPUS];
struct nvh_coverage *nvh_file;
static uint8_t *bitmap;
static const char *out; /* the options */
static uint64_t start, end;

QP_VCPU_CB(on_vcpu, index)
{
	struct nvh_vcpu *vcpu = &nvh_vcpus[index];

	QP_UNUSED_ARGUMENT;
	if (index >= NVH_VCPUS) {
		nvh_say(NVH_PLUGIN, "at most %d vCPUs", NVH_VCPUS);
		exit(1);
	}
	if (vcpu->ready)
		return;
	nvh_registers_init(&vcpu->registers);
	vcpu->cpsr = nvh_register(&vcpu->registers, "cpsr");
	vcpu->elr = nvh_register(&vcpu->registers, "ELR_EL2");
	vcpu->esr = nvh_register(&vcpu->registers, "ESR_EL2");
	vcpu->hcr = nvh_register(&vcpu->registers, "HCR_EL2");
	vcpu->tpidr = nvh_register(&vcpu->registers, "TPIDR_EL2");
	if (!vcpu->cpsr || !vcpu->elr || !vcpu->esr || !vcpu->hcr || !vcpu->tpidr) {
		nvh_say(NVH_PLUGIN, "this QEMU does not show cpsr, ELR_EL2, ESR_EL2, HCR_EL2 and TPIDR_EL2");
		exit(1);
	}
	nvh_x_registers(&vcpu->registers, vcpu->x);
	vcpu->ready = true;
}

static void mark(struct block *block)
{
	uint64_t first = (block->pc - nvh_file->start) / 4, end = (nvh_file->end - nvh_file->start) / 4;

	for (uint64_t each = first; each < first + block->count && each < end; each++)
		__atomic_fetch_or(&bitmap[each / 8], (uint8_t)(1u << each % 8), __ATOMIC_RELAXED);
	__atomic_store_n(&block->marked, true, __ATOMIC_RELAXED);
}

static void at_block(unsigned int index, void *data)
{
	struct nvh_vcpu *vcpu = &nvh_vcpus[index];
	struct block *block = data;
	uint8_t level = __atomic_load_n(&block->level, __ATOMIC_RELAXED);
	uint64_t *executed;

	if (level == UNKNOWN) {
		level = nvh_el(&vcpu->registers, vcpu->cpsr) == 2 ? EL2 : BELOW;
		__atomic_store_n(&block->level, level, __ATOMIC_RELAXED);
	}
	if (level != EL2)
		return;
	if (!__atomic_load_n(&block->marked, __ATOMIC_RELAXED))
		mark(block);
	nvh_cost_at_block(vcpu, index);
	/* No locked addition: at each block it was a third of the model's time. */
	executed = &nvh_file->executed[index];
	__atomic_store_n(executed, *executed + block->count, __ATOMIC_RELAXED);
}

QP_TB_CB(on_block, tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	uint64_t pc = qemu_plugin_tb_vaddr(tb);

	QP_UNUSED_ARGUMENT;
	if (pc >= nvh_file->start && pc < nvh_file->end) {
		static struct nvh_keeper blocks = NVH_KEEPER(struct block, offsetof(struct block, level));
		struct block block = { .pc = pc, .host = qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0)),
				       .count = count };

		qemu_plugin_register_vcpu_tb_exec_cb(tb, at_block, QP_CB_R_REGS, nvh_keep(&blocks, &block));
	}
	for (size_t i = 0; i < count; i++) {
		struct qp_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word = 0;

		if (nvh_word(insn, &word))
			nvh_cost_watch(insn, word, qemu_plugin_insn_vaddr(insn));
	}
}

static bool open_file(void)
{
	size_t size = NVH_COVERAGE_BITMAP + ((end - start) / 4 + 7) / 8;
	int file = open(out, O_RDWR | O_CREAT | O_TRUNC, 0644);
	void *memory = MAP_FAILED;

	if (file >= 0 && !ftruncate(file, size))
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (file >= 0)
		close(file);
	if (memory == MAP_FAILED) {
		nvh_say(NVH_PLUGIN, "%s: %m", out);
		return false;
	}
	nvh_file = memory;
	bitmap = (uint8_t *)memory + NVH_COVERAGE_BITMAP;
	nvh_file->magic = NVH_COVERAGE_MAGIC;
	nvh_file->start = start;
	nvh_file->end = end;
	return true;
}

static bool take(const char *option)
{
	const char *value;

	if ((value = nvh_value(option, "out"))) {
		out = value;
		return true;
	}
	if ((value = nvh_value(option, "start")))
		return nvh_number(value, &start);
	value = nvh_value(option, "end");
	return value && nvh_number(value, &end);
}

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	if (!nvh_accept(NVH_PLUGIN, info, argc, argv) || !nvh_options(NVH_PLUGIN, argc, argv, take))
		return 1;
	if (!out || start >= end || (start | end) & 3) {
		nvh_say(NVH_PLUGIN, "needs the options out=PATH, start=ADDR and end=ADDR");
		return 1;
	}
	if (!open_file())
		return 1;
	QP_ON_VCPU_INIT(id, on_vcpu);
	QP_ON_TRANSLATION(id, on_block);
	return 0;
}
