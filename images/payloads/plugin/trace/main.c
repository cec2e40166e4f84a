// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: nvh-trace records what the model executes that concerns translations, in one
 * order over all vCPUs (docs/model-trace.md). Options, each KEY=VALUE:
 *
 *   out=PATH          the file; required
 *   limit=UNITS       of 32 bytes that it may have; required
 *   enabled=MASK      NVH_BIT()s that are recorded from the start; 0 by default
 *   call=ADDR:NAME    record calls of the function at ADDR; up to NVH_TRACE_FUNCTIONS times
 *   cpu=tpidr         tell CPUs apart by TPIDR_EL2, for a QEMU that runs them on one thread; see vcpu.c
 *   probe=on          say which version of the plugin interface this QEMU has, and end it
 */
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "number.h"
#include "trace/trace.h"

/* All of a site is its key. */
static struct nvh_keeper sites = NVH_KEEPER(struct nvh_site, sizeof(struct nvh_site));

static void watch(struct qp_insn *insn, qp_exec_cb callback, const struct nvh_site *site)
{
	qemu_plugin_register_vcpu_insn_exec_cb(insn, callback, QP_CB_R_REGS, nvh_keep(&sites, site));
}

QP_VCPU_CB(on_vcpu, index)
{
	QP_UNUSED_ARGUMENT;
	if (index >= NVH_VCPUS) {
		nvh_say(NVH_PLUGIN, "at most %d vCPUs", NVH_VCPUS);
		exit(1);
	}
	if (!nvh_vcpus[index].ready && !nvh_vcpu_init(&nvh_vcpus[index]))
		exit(1);
}

/* The function that begins at `pc`, or -1. The table is sorted. */
static int function_at(uint64_t pc)
{
	int low = 0, high = (int)nvh_header->functions - 1;

	while (low <= high) {
		int middle = (low + high) / 2;
		uint64_t address = nvh_header->function[middle].address;

		if (address == pc)
			return middle;
		if (address < pc)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

/*
 * The virt machine's RAM begins with QEMU's boot stub (hw/arm/boot.c): a machine whose first block is not there
 * was restored. In one that is followed from reset on, each VBAR is seen when it is written, and so before its
 * vectors are translated. The first CPU translates alone: the others wait for PSCI CPU_ON.
 */
#define RESET_PC 0x40000000ull
bool nvh_from_reset;
static bool started;

QP_TB_CB(on_block, block)
{
	size_t count = qemu_plugin_tb_n_insns(block);

	QP_UNUSED_ARGUMENT;
	if (!started) {
		started = true;
		nvh_from_reset = count && qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(block, 0)) == RESET_PC;
	}
	for (size_t i = 0; i < count; i++) {
		struct qp_insn *insn = qemu_plugin_tb_get_insn(block, i);
		struct nvh_site site;
		uint32_t word = 0;
		int function;

		memset(&site, 0, sizeof(site));
		site.pc = qemu_plugin_insn_vaddr(insn);
		if (i == 0 && !(site.pc & 0x7f) && (!nvh_from_reset || nvh_may_be_vectors(site.pc & ~0x7ffull)))
			watch(insn, nvh_at_vector, &site);
		function = function_at(site.pc);
		if (function >= 0) {
			site.info = (uint16_t)function;
			watch(insn, nvh_at_call, &site);
		}
		if (nvh_word(insn, &word) && nvh_decode(word, &site))
			watch(insn, nvh_before, &site);
	}
}

static bool add_function(const char *text)
{
	struct nvh_function *table = nvh_header->function;
	uint32_t at = nvh_header->functions;
	const char *name;
	uint64_t address;

	name = number_read(text, 0, &address);
	if (!name || *name++ != ':' || !*name || strlen(name) >= NVH_TRACE_NAME || at == NVH_TRACE_FUNCTIONS)
		return false;
	for (; at && table[at - 1].address >= address; at--) {
		if (table[at - 1].address == address)
			return false;
		table[at] = table[at - 1];
	}
	table[at].address = address;
	memset(table[at].name, 0, sizeof(table[at].name));
	strcpy(table[at].name, name);
	nvh_header->functions++;
	return true;
}

static const char *out;
static uint64_t limit, enabled;

/* The file has room for functions once all else is known. */
static bool take(const char *option)
{
	const char *value;

	if ((value = nvh_value(option, "out"))) {
		out = value;
		return true;
	}
	if ((value = nvh_value(option, "limit")))
		return nvh_number(value, &limit) && limit && limit <= UINT64_MAX / 64;
	if ((value = nvh_value(option, "enabled")))
		return nvh_number(value, &enabled);
	if ((value = nvh_value(option, "cpu"))) {
		nvh_by_key = true;
		return !strcmp(value, "tpidr");
	}
	return nvh_value(option, "call");
}

static bool take_function(const char *option)
{
	const char *value = nvh_value(option, "call");

	return !value || add_function(value);
}

static bool configure(int argc, char **argv)
{
	if (!nvh_options(NVH_PLUGIN, argc, argv, take))
		return false;
	if (!out || !limit) {
		nvh_say(NVH_PLUGIN, "needs the options out=PATH and limit=UNITS");
		return false;
	}
	if (!nvh_file_open(out, limit))
		return false;
	if (!nvh_options(NVH_PLUGIN, argc, argv, take_function))
		return false;
	nvh_header->enabled = enabled;
	return true;
}

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	if (!nvh_accept(NVH_PLUGIN, info, argc, argv) || !configure(argc, argv))
		return 1;
	nvh_header->vcpus = info->system.smp_vcpus;
	QP_ON_VCPU_INIT(id, on_vcpu);
	QP_ON_TRANSLATION(id, on_block);
	return 0;
}
