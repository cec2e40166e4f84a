// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: nvh-fault makes an unmodified QEMU a wrong model (docs/model-check.md). Options:
 *
 *   at=WORD        required, may be given again: an MSR, MRS or SYS instruction with X0; whatever register it names then
 *   nothing=on     it is stepped over
 *   loses=BITS     its operand has 0 there, or what MRS reads
 *   gains=BITS     1 instead
 *   hides=BITS     MSR writes 0 there, and MRS of the same register at the same PE reads what was to be written: the bit is there and
 *                  does nothing
 *   el=N, pe=N     at this Exception level alone, on this PE alone
 *
 * Exactly one of nothing, loses, gains and hides is given. The operand's register has its value again behind the instruction.
 */
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "plugin.h"

#define NVH_PLUGIN "nvh-fault"

#if NVH_API >= 7

#define ZR NVH_XS
#define READS (1u << 21)
#define WORDS 256
#define PES 8
#define ANY ~0ull

enum does { UNSAID, NOTHING, LOSES, GAINS, HIDES };

static uint32_t words[WORDS];
static size_t count;
static enum does does;
static uint64_t bits, el = ANY, pe = ANY;

static struct nvh_registers registers;
static struct qp_register *cpsr, *x[NVH_XS];

/* One place in memory and the instruction that stood there when it was translated. */
struct site {
	uint64_t at;
	uint32_t word, padding;
};
static struct nvh_keeper sites = NVH_KEEPER(struct site, sizeof(struct site));

/* Where a site may go on to. `known` is not part of the key. */
struct next {
	uint64_t at;
	bool known;
};
static struct nvh_keeper nexts = NVH_KEEPER(struct next, sizeof(uint64_t));

/* What is to be done behind an instruction, by PE. */
static struct {
	uint64_t at; /* 0: nothing */
	unsigned int to;
	bool restores;
	uint64_t value, put, hidden; /* what was in the register, what is instead; hidden: what MSR was to write */
} later[PES];

QP_VCPU_CB(on_vcpu, index)
{
	QP_UNUSED_ARGUMENT;
	(void)index;
	if (registers.all)
		return; /* a handle is a number, whichever vCPU executes */
	nvh_registers_init(&registers);
	cpsr = nvh_register(&registers, "cpsr");
	if (nvh_x_registers(&registers, x) < NVH_XS || !cpsr) {
		nvh_say(NVH_PLUGIN, "this QEMU does not show cpsr and x0 to x30");
		exit(1);
	}
}

static void put(unsigned int to, uint64_t value)
{
	if (nvh_write(&registers, x[to], value))
		return;
	nvh_say(NVH_PLUGIN, "x%u cannot be written", to);
	exit(1);
}

static uint64_t changed(uint64_t value, uint64_t hidden)
{
	return does == GAINS ? value | bits : (value & ~bits) | hidden;
}

static void at_site(unsigned int index, void *data)
{
	const struct site *site = data;
	unsigned int to = site->word & 31;
	uint64_t value;

	if ((pe != ANY && index != pe) || index >= PES || (el != ANY && nvh_el(&registers, cpsr) != el))
		return;
	if (does == NOTHING)
		qemu_plugin_set_pc(site->at + 4);
	if (to == ZR)
		return;
	later[index].at = site->at + 4;
	later[index].to = to;
	later[index].restores = !(site->word & READS);
	if (site->word & READS)
		return;
	value = nvh_read(&registers, x[to]);
	if (does == HIDES)
		later[index].hidden = value & bits;
	later[index].value = value;
	later[index].put = changed(value, 0);
	put(to, later[index].put);
}

/* Before the instruction behind one of `words`. */
static void at_next(unsigned int index, void *data)
{
	const struct next *next = data;
	unsigned int to;
	uint64_t value;

	if (index >= PES || later[index].at != next->at)
		return;
	to = later[index].to;
	later[index].at = 0;
	value = nvh_read(&registers, x[to]);
	if (!later[index].restores)
		put(to, changed(value, later[index].hidden));
	else if (value == later[index].put) /* not another instruction's result, where this one was trapped */
		put(to, later[index].value);
}

/*
 * Whether a block begins behind a system instruction, which may be one of `words` later: code that is written anew leaves the block
 * behind it as it is.
 */
static bool follows_system(const struct qp_insn *insn)
{
	const uint8_t *here = qemu_plugin_insn_haddr(insn);
	uint32_t before;

	if (!here || !(qemu_plugin_insn_vaddr(insn) & 0xfff))
		return false;
	memcpy(&before, here - sizeof(before), sizeof(before));
	return before >> 24 == 0xd5;
}

static bool is_meant(uint32_t word)
{
	for (size_t i = 0; i < count; i++)
		if ((word & ~31u) == words[i] || (does == HIDES && (word & ~31u) == (words[i] | READS)))
			return true;
	return false;
}

QP_TB_CB(on_block, tb)
{
	size_t length = qemu_plugin_tb_n_insns(tb);

	QP_UNUSED_ARGUMENT;
	for (size_t i = 0; i < length; i++) {
		struct qp_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct site site = { .at = qemu_plugin_insn_vaddr(insn) };
		struct next here = { .at = site.at }, *next = nvh_keep(&nexts, &here);

		next->known |= !i && follows_system(insn);
		if (next->known)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_next, QP_CB_RW_REGS, next);
		if (!nvh_word(insn, &site.word) || !is_meant(site.word))
			continue;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, at_site, QP_CB_RW_REGS_PC, nvh_keep(&sites, &site));
		here.at = site.at + 4;
		next = nvh_keep(&nexts, &here);
		next->known = true;
	}
}

static bool take(const char *option)
{
	static const struct {
		const char *key;
		enum does does;
	} kinds[] = { { "loses", LOSES }, { "gains", GAINS }, { "hides", HIDES } };
	const char *value;
	uint64_t number;

	if ((value = nvh_value(option, "at"))) {
		if (count == WORDS || !nvh_number(value, &number) || (number & 31) || number >> 24 != 0xd5)
			return false;
		words[count++] = (uint32_t)number;
		return true;
	}
	if ((value = nvh_value(option, "el")))
		return nvh_number(value, &el) && el <= 3;
	if ((value = nvh_value(option, "pe")))
		return nvh_number(value, &pe) && pe < PES;
	if (does != UNSAID)
		return false;
	if (!strcmp(option, "nothing=on")) {
		does = NOTHING;
		return true;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if ((value = nvh_value(option, kinds[i].key))) {
			does = kinds[i].does;
			return nvh_number(value, &bits) && bits;
		}
	return false;
}

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	if (!nvh_accept(NVH_PLUGIN, info, argc, argv) || !nvh_options(NVH_PLUGIN, argc, argv, take))
		return 1;
	if (!count || does == UNSAID) {
		nvh_say(NVH_PLUGIN, "needs the options at=WORD and one of nothing, loses, gains and hides");
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
