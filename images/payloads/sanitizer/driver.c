// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs natively, for tests: the sanitizer without QEMU. Commands on standard input, one line each, numbers in C
 * notation; answers and reports on standard output. tests/check/sanitizer drives it.
 *
 *   cover SYS XT PE EL VMID E2H TGE DS FB  KIND REGIME START SIZE SHIFT LEVEL VMID ASID GLOBAL TABLE  PE
 *   put PA VALUE                                    a descriptor
 *   context PE REGIME S1 S2 E2H VMID ASID TCR TTBR0 TTBR1 VTCR VTTBR HCR [MAIR]
 *   walk PE VA | use PE VA PC | enter PE | dsb PE SCOPE NXS
 *   tlbi SYS XT PE EL VMID E2H TGE DS FB
 *   mark NUMBER | left-out N | counters
 *   parallel                                        PEs run in parallel from here on
 *   step PE | idle PE ON | kernel PE                a PE executes, halts, wakes up; comes to EL2
 *   sctlr PE VALUE | ee2 PE ON                      SCTLR_ELx of the context, and SCTLR_EL2.EE for its stage 2
 *   tcr2 PE VALUE | asid-high PE ASID               TCR2_ELx, and the ASID of the upper half if it has one of its own
 *   model                                           the model itself is judged from here on
 *   used PE VA USED KIND USER PC                    KIND: P_R, P_W, P_X of walk.h
 *   abort PE ESR FAR HPFAR ELR SPSR TO_EL2 WORD BASE    BASE: the value of the instruction's base register
 *   trap SYS XT PE EL VMID E2H TGE DS FB  RT BECAME ESR HCR HFGITR
 *   return PE EL PC TO TO_EL CAME CAME_EL TRAP TRAPPED ESR
 *   at PE VA WORD EL PAR | level PE EL HCR VALUE | vncr PE VNCR VA
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "number.h"
#include "report.h"

#define CELLS (1 << 16)
#define ARGUMENTS 20

static struct {
	uint64_t pa, value;
	bool used;
} memory[CELLS];
static struct judge judge;
static struct context contexts[MAX_PES];
static uint64_t argument[ARGUMENTS];

static unsigned slot(uint64_t pa)
{
	unsigned at = (unsigned)((pa >> 3) * 0x9e3779b97f4a7c15ull >> 48);

	while (memory[at].used && memory[at].pa != pa)
		at = (at + 1) % CELLS;
	return at;
}

/* All of memory that was not written is zero. */
static bool read_memory(uint64_t pa, uint64_t *value)
{
	unsigned at = slot(pa);

	*value = memory[at].used ? memory[at].value : 0;
	return true;
}

static void put(uint64_t pa, uint64_t value)
{
	unsigned at = slot(pa);

	memory[at].used = true;
	memory[at].pa = pa;
	memory[at].value = value;
}

static void print_report(const struct report *report, void *data)
{
	static char line[REPORT_SIZE];

	(void)data;
	if (!report_json(report, line))
		abort();
	fputs(line, stdout);
}

static bool parse_tlbi(const uint64_t *from, struct tlbi *tlbi)
{
	*tlbi = (struct tlbi){ .op = operation_of((unsigned)from[0]), .xt = from[1], .pe = (unsigned)from[2],
			       .state = { .el = (uint8_t)from[3], .vmid = (uint16_t)from[4], .features = HAS_ALL,
					  .hcr = hcr_of(from[5], from[6]) | (from[8] ? HCR_FB : 0), .ds1 = from[7],
					  .ds2 = from[7] } };
	if (!tlbi->op)
		return false;
	tlbi_aim(tlbi);
	return true;
}

static void cover(void)
{
	const uint64_t *from = argument + 9;
	struct translation entry = { .stage = (enum stage)from[0], .regime = (enum regime)from[1], .start = from[2],
				.size = from[3], .shift = (unsigned)from[4], .level = (int)from[5],
				.vmid = (uint16_t)from[6], .asid = (uint16_t)from[7], .global = from[8],
				.table = from[9] };
	struct tlbi tlbi;

	if (!parse_tlbi(argument, &tlbi))
		printf("no such operation\n");
	else
		printf("%s\n", miss_text[tlbi_covers(&tlbi, &entry, from[10] == tlbi.pe)]);
}

static void set_context(void)
{
	const uint64_t *from = argument + 1;

	contexts[argument[0] % MAX_PES] = (struct context){
		.regime = (enum regime)from[0], .s1 = from[1], .s2 = from[2], .e2h = from[3], .valid = true,
		.vmid = (uint16_t)from[4], .asid = (uint16_t)from[5], .asid_high = (uint16_t)from[5], .tcr = from[6], .ttbr = { from[7], from[8] },
		.vtcr = from[9], .vttbr = from[10], .hcr = from[11], .mair = from[12] ? from[12] : 0xff, /* Normal WB */
	};
}

static void print_walk(void)
{
	struct walk found;

	walk(&contexts[argument[0] % MAX_PES], read_memory, argument[1], &found);
	printf("%s stage %u pa %#" PRIx64 " ipa %#" PRIx64 " level %d size %#" PRIx64 " perms %#x steps %u\n",
	       outcome_text(found.outcome), found.stage, found.pa, found.ipa, found.leaf.level, found.leaf.size,
	       found.perms, found.steps);
}

static void execute(void)
{
	bool gone[MAX_PES];
	struct tlbi tlbi;

	if (!parse_tlbi(argument, &tlbi))
		printf("no such operation\n");
	else
		printf("%s\n", judge_tlbi(&judge, tlbi, &contexts[tlbi.pe % MAX_PES], gone) ? "gone" : "nothing");
}

static void model_aborted(void)
{
	struct abort abort = { .esr = argument[1], .far = argument[2], .hpfar = argument[3], .elr = argument[4],
			       .spsr = argument[5], .to_el2 = argument[6], .word = (uint32_t)argument[7] };

	abort.vncr = abort.esr & ESR_VNCR;
	abort.access = access_of(abort.word);
	abort.address = argument[8] + (uint64_t)(int64_t)abort.access.offset;
	model_abort(&judge, argument[0] % MAX_PES, &contexts[argument[0] % MAX_PES], &abort);
}

static void model_trapped(void)
{
	struct tlbi tlbi;

	if (!parse_tlbi(argument, &tlbi)) {
		printf("no such operation\n");
		return;
	}
	tlbi.state.hcr |= argument[12];
	tlbi.state.hfgitr = argument[13];
	model_tlbi(&judge, &tlbi, (unsigned)argument[9], (enum became)argument[10], argument[11]);
}

static void model_returned(void)
{
	const uint64_t *from = argument + 1;
	struct eret eret = { .el = (uint8_t)from[0], .pc = from[1], .to = from[2], .to_el = (uint8_t)from[3], .came = from[4],
			     .came_el = (uint8_t)from[5], .trap = from[6], .trapped = from[7], .esr = from[8] };

	model_eret(&judge, argument[0] % MAX_PES, &eret);
}

static void model_translated(void)
{
	struct at at = { .va = argument[1], .el = (uint8_t)argument[3] };

	if (model_is_at((uint32_t)argument[2], &at))
		model_at(&judge, argument[0] % MAX_PES, &contexts[argument[0] % MAX_PES], &at, argument[4]);
	else
		printf("no such instruction\n");
}

static bool model_command(const char *name)
{
	unsigned pe = (unsigned)argument[0] % MAX_PES;

	if (!strcmp(name, "model"))
		judge.model = true;
	else if (!strcmp(name, "sctlr"))
		contexts[pe].sctlr = argument[1];
	else if (!strcmp(name, "ee2"))
		contexts[pe].ee2 = argument[1];
	else if (!strcmp(name, "tcr2"))
		contexts[pe].tcr2 = argument[1];
	else if (!strcmp(name, "asid-high"))
		contexts[pe].asid_high = (uint16_t)argument[1];
	else if (!strcmp(name, "used"))
		judge_access(&judge, pe, &contexts[pe], argument[1], argument[2], argument[5], 1, (unsigned)argument[3], argument[4]);
	else if (!strcmp(name, "abort"))
		model_aborted();
	else if (!strcmp(name, "trap"))
		model_trapped();
	else if (!strcmp(name, "return"))
		model_returned();
	else if (!strcmp(name, "at"))
		model_translated();
	else if (!strcmp(name, "level"))
		model_level(&judge, pe, 0, (uint8_t)argument[1], argument[2], argument[3]);
	else if (!strcmp(name, "vncr"))
		model_vncr(&judge, pe, 0, argument[1], argument[2]);
	else
		return false;
	return true;
}

static void print_counters(void)
{
	const struct counters *counters = &judge.counters;

	judge_look(&judge);
	printf("uses %" PRIu64 " fills %" PRIu64 " tlbis %" PRIu64 " left_out %" PRIu64 " invalidated %" PRIu64
	       " pending %" PRIu64 " waiting %" PRIu64 " reports %" PRIu64 " overflowed %" PRIu64
	       " programs %" PRIu64 " excused %" PRIu64 " broken_l0 %" PRIu64 " broken_l1 %" PRIu64
	       " broken_l2 %" PRIu64 " steps %" PRIu64 " oldest %" PRIu64 " disagreed %" PRIu64 " raced %" PRIu64 "\n",
	       counters->uses, counters->fills, counters->tlbis, counters->left_out, counters->invalidated,
	       counters->pending, counters->waiting, counters->reports, counters->overflowed,
	       counters->programs, counters->excused, counters->broken[L0], counters->broken[L1],
	       counters->broken[L2], counters->steps, counters->oldest, counters->disagreed, counters->raced);
}

static bool command(const char *name)
{
	unsigned pe = (unsigned)argument[0] % MAX_PES;

	if (!strcmp(name, "cover"))
		cover();
	else if (!strcmp(name, "put"))
		put(argument[0], argument[1]);
	else if (!strcmp(name, "context"))
		set_context();
	else if (!strcmp(name, "walk"))
		print_walk();
	else if (!strcmp(name, "use"))
		judge_use(&judge, pe, &contexts[pe], argument[1], UNKNOWN, argument[2], 1);
	else if (!strcmp(name, "enter"))
		judge_enter(&judge, pe, 0, 1);
	else if (!strcmp(name, "host"))
		judge_enter(&judge, pe, 0, 0);
	else if (!strcmp(name, "dsb"))
		judge_dsb(&judge, pe, (enum scope)argument[1], argument[2]);
	else if (!strcmp(name, "tlbi"))
		execute();
	else if (!strcmp(name, "mark"))
		judge_mark(&judge, (unsigned)argument[0]);
	else if (!strcmp(name, "parallel"))
		judge.parallel = true;
	else if (!strcmp(name, "step"))
		judge_step(&judge.pe[pe]);
	else if (!strcmp(name, "idle"))
		judge_idle(&judge.pe[pe], argument[1]);
	else if (!strcmp(name, "kernel"))
		judge_kernel(&judge.pe[pe]);
	else if (!strcmp(name, "left-out"))
		judge.leave_out = (unsigned)argument[0];
	else if (!strcmp(name, "counters"))
		print_counters();
	else
		return model_command(name);
	return true;
}

int main(int argc, char **argv)
{
	uint64_t entries = 100000;
	char line[1024];

	setvbuf(stdout, NULL, _IOLBF, 0);
	judge.pes = 4;
	judge.read = read_memory;
	judge.report = print_report;
	judge.used = model_used;
	if (argc > 1 && !number_parse(argv[1], 0, 1, UINT64_MAX, &entries)) {
		fprintf(stderr, "%s is no number of entries\n", argv[1]);
		return 1;
	}
	if (!judge_init(&judge, entries))
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		char *at = strtok(line, " \n"), *name = at;

		memset(argument, 0, sizeof(argument));
		for (unsigned i = 0; i < ARGUMENTS && (at = strtok(NULL, " \n")); i++)
			if (!number_parse(at, 0, 0, UINT64_MAX, &argument[i])) {
				fprintf(stderr, "%s: %s is not a number\n", name, at);
				return 1;
			}
		if (name && !command(name)) {
			fprintf(stderr, "no command %s\n", name);
			return 1;
		}
		printf(".\n"); /* the answer is complete */
	}
	judge_free(&judge);
	return 0;
}
