// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU under -icount with several vCPUs: nvh-turns has WFE end the turn of its vCPU. It has no options.
 *
 * WFE does so in QEMU 10.0. QEMU 11.1 halts the vCPU instead, but where the exclusive monitor is set WFE does nothing: nobody would
 * tell when it is cleared. Linux waits for locks like that (load exclusive, WFE), so a vCPU that waits spins to the end of its turn
 * while the holder stands still, and the holder's turn ends at each TLBI that is broadcast.
 *
 * QEMU exports its functions for its modules, cpu_exit() and the current vCPU among them (include/hw/core/cpu.h). One that does not
 * goes on as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

#include "plugin.h"

#define NVH_PLUGIN "nvh-turns"
#define WFE 0xd503205fu

typedef void exit_function(void *cpu);

static exit_function *cpu_exit;

static void on_wfe(unsigned int index, void *data)
{
	void **current = (void **)dlsym(RTLD_DEFAULT, "current_cpu"); /* of this thread */

	(void)index;
	(void)data;
	if (current && *current)
		cpu_exit(*current);
}

QP_TB_CB(on_block, tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	QP_UNUSED_ARGUMENT;
	for (size_t i = 0; i < count; i++) {
		struct qp_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word = 0;

		if (nvh_word(insn, &word) && word == WFE)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_wfe, QP_CB_NO_REGS, NULL);
	}
}

static bool none(const char *option)
{
	(void)option;
	return false;
}

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	if (!nvh_accept(NVH_PLUGIN, info, argc, argv) || !nvh_options(NVH_PLUGIN, argc, argv, none))
		return 1;
	cpu_exit = (exit_function *)dlsym(RTLD_DEFAULT, "cpu_exit");
	if (cpu_exit)
		QP_ON_TRANSLATION(id, on_block);
	else
		nvh_say(NVH_PLUGIN,
			"this QEMU does not export cpu_exit(): a vCPU that spins does so to the end of its turn");
	return 0;
}
