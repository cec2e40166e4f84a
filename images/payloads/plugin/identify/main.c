// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: nvh-identify has L0 find a smaller PA size than QEMU's CPU has (docs/models.md). Options:
 *
 *   parange=N      required; what L0 reads in ID_AA64MMFR0_EL1.PARange instead of anything more (Arm ARM D24.2.80)
 *
 * It stands at each MRS of that register, does what the MRS would do, and goes on behind it. At EL2 only, where L0 is: whoever is
 * below reads what L0 has it read.
 */
#include <stdlib.h>

#include "bits.h"
#include "plugin.h"

#define NVH_PLUGIN "nvh-identify"

#if NVH_API >= 7

#define MRS_MMFR0 0xd5380700u /* MRS X0, ID_AA64MMFR0_EL1 */
#define ZR NVH_XS

static struct nvh_registers registers;
static struct qp_register *cpsr, *mmfr0, *x[NVH_XS];
#define NOT_SAID UINT64_MAX
static uint64_t most = NOT_SAID;

QP_VCPU_CB(on_vcpu, index)
{
	QP_UNUSED_ARGUMENT;
	(void)index;
	if (registers.all)
		return; /* a handle is a number, whichever vCPU executes */
	nvh_registers_init(&registers);
	cpsr = nvh_register(&registers, "cpsr");
	mmfr0 = nvh_register(&registers, "ID_AA64MMFR0_EL1");
	if (nvh_x_registers(&registers, x) < NVH_XS || !cpsr || !mmfr0) {
		nvh_say(NVH_PLUGIN, "this QEMU does not show cpsr, x0 to x30 and ID_AA64MMFR0_EL1");
		exit(1);
	}
}

/* `data`: the address of the instruction, which says where to. */
static void at_read(unsigned int index, void *data)
{
	uint64_t at = (uintptr_t)data, value;
	uint32_t word;
	unsigned int to;

	(void)index;
	if (nvh_el(&registers, cpsr) != 2 || !nvh_read_memory(&registers, at, &word, sizeof(word)))
		return;
	to = word & 31;
	value = nvh_read(&registers, mmfr0);
	if ((value & MMFR0_PARANGE) > most)
		value = (value & ~MMFR0_PARANGE) | most;
	if (!nvh_write(&registers, x[to], value)) {
		nvh_say(NVH_PLUGIN, "x%u cannot be written", to);
		exit(1);
	}
	qemu_plugin_set_pc(at + 4);
}

QP_TB_CB(on_block, tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	QP_UNUSED_ARGUMENT;
	for (size_t i = 0; i < count; i++) {
		struct qp_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word = 0;

		if (nvh_word(insn, &word) && (word & ~31u) == MRS_MMFR0 && (word & 31) != ZR)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_read, QP_CB_RW_REGS_PC,
							       (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
	}
}

static bool take(const char *option)
{
	const char *value = nvh_value(option, "parange");

	return value && nvh_number(value, &most) && most <= MMFR0_PARANGE;
}

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	if (!nvh_accept(NVH_PLUGIN, info, argc, argv) || !nvh_options(NVH_PLUGIN, argc, argv, take))
		return 1;
	if (most == NOT_SAID) {
		nvh_say(NVH_PLUGIN, "needs the option parange=N");
		return 1;
	}
	QP_ON_VCPU_INIT(id, on_vcpu);
	QP_ON_TRANSLATION(id, on_block);
	return 0;
}

#else

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	(void)id;
	return nvh_refuse(NVH_PLUGIN, info, argc, argv, "write a register");
}

#endif
