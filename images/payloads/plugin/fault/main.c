// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: nvh-fault makes an unmodified QEMU a wrong model, in what only its newest version has
 * (docs/model-check.md). Options:
 *
 *   fault=NAME     required; one row of `faults` below
 *
 * It stands at each instruction of one encoding: that is stepped over, or its operand loses bits before it is executed. The operand's
 * register keeps the changed value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "plugin.h"

#define NVH_PLUGIN "nvh-fault"

#if NVH_API >= 7

#define SYS(op0, op1, crn, crm, op2)                                                                         \
	(0xd5000000u | (op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5) /* MSR, AT; Rt 0 */
#define NOTHING ~0ull /* instead of the bits that are lost: it is stepped over */
#define HIGH_BITS 0x8888888888888888ull
#define LOW_BITS 0x1111111111111111ull
#define ZR 31

/* Each is a row of images/model-mutants.yaml. */
static const struct fault {
	const char *name;
	uint32_t word;
	uint64_t lost;
} faults[] = {
	{ "pir-el1-nothing", SYS(3, 0, 10, 2, 3), NOTHING },
	{ "pir-el1-high-bit", SYS(3, 0, 10, 2, 3), HIGH_BITS },
	{ "pir-el1-low-bit", SYS(3, 0, 10, 2, 3), LOW_BITS },
	{ "pir-el1-upper-half", SYS(3, 0, 10, 2, 3), 0xffffffff00000000ull },
	{ "pire0-el1-nothing", SYS(3, 0, 10, 2, 2), NOTHING },
	{ "pire0-el1-high-bit", SYS(3, 0, 10, 2, 2), HIGH_BITS },
	{ "pir-el2-nothing", SYS(3, 4, 10, 2, 3), NOTHING },
	{ "pire0-el2-nothing", SYS(3, 4, 10, 2, 2), NOTHING },
	{ "s2pir-nothing", SYS(3, 4, 10, 2, 5), NOTHING },
	{ "s2pir-high-bit", SYS(3, 4, 10, 2, 5), HIGH_BITS },
	{ "s2pir-low-bit", SYS(3, 4, 10, 2, 5), LOW_BITS },
	{ "s2pie-lost", SYS(3, 4, 2, 1, 2), VTCR_S2PIE },
	{ "pie-el1-lost", SYS(3, 0, 2, 0, 3), TCR2_PIE },
	{ "pie-el2-lost", SYS(3, 4, 2, 0, 3), TCR2_PIE },
	{ "aie-lost", SYS(3, 0, 2, 0, 3), TCR2_AIE },
	{ "mair2-nothing", SYS(3, 0, 10, 2, 1), NOTHING },
	{ "a2-lost", SYS(3, 0, 2, 0, 3), TCR2_A2 },
	{ "fng-lost", SYS(3, 0, 2, 0, 3), TCR2_FNG0 | TCR2_FNG1 },
	{ "tcr2en-lost", SYS(3, 4, 1, 2, 2), HCRX_TCR2EN },
	{ "at-s1e1a-nothing", SYS(1, 0, 7, 9, 2), NOTHING },
	{ "at-s1e2a-nothing", SYS(1, 4, 7, 9, 2), NOTHING },
};

static const struct fault *fault;
static struct nvh_registers registers;
static struct qp_register *x[ZR];

QP_VCPU_CB(on_vcpu, index)
{
	char name[4];

	QP_UNUSED_ARGUMENT;
	(void)index;
	if (registers.all)
		return; /* a handle is a number, whichever vCPU executes */
	nvh_registers_init(&registers);
	for (unsigned int i = 0; i < ZR; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		x[i] = nvh_register(&registers, name);
		if (!x[i]) {
			nvh_say(NVH_PLUGIN, "this QEMU does not show x0 to x30");
			exit(1);
		}
	}
}

/* `data`: the address of the instruction. */
static void stepped_over(unsigned int index, void *data)
{
	(void)index;
	qemu_plugin_set_pc((uintptr_t)data + 4);
}

static void operand(unsigned int index, void *data)
{
	struct qp_register *to = data;

	(void)index;
	if (!nvh_write(&registers, to, nvh_read(&registers, to) & ~fault->lost)) {
		nvh_say(NVH_PLUGIN, "the operand cannot be written");
		exit(1);
	}
}

QP_TB_CB(on_block, tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	QP_UNUSED_ARGUMENT;
	for (size_t i = 0; i < count; i++) {
		struct qp_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word = 0;

		if (qemu_plugin_insn_data(insn, &word, sizeof(word)) != sizeof(word) || (word & ~31u) != fault->word)
			continue;
		if (fault->lost == NOTHING)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, stepped_over, QP_CB_RW_REGS_PC,
							       (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
		else if ((word & 31) != ZR)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, operand, QP_CB_RW_REGS_PC, x[word & 31]);
	}
}

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	const char *value;

	if (!nvh_accept(NVH_PLUGIN, info, argc, argv))
		return 1;
	for (int i = 0; i < argc; i++) {
		value = nvh_value(argv[i], "fault");
		for (size_t n = 0; value && n < sizeof(faults) / sizeof(*faults); n++)
			if (!strcmp(value, faults[n].name))
				fault = &faults[n];
		if (!fault) {
			nvh_say(NVH_PLUGIN, "option %s makes no sense", argv[i]);
			return 1;
		}
	}
	if (!fault) {
		nvh_say(NVH_PLUGIN, "needs the option fault=NAME");
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
