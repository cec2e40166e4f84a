// SPDX-License-Identifier: GPL-2.0-only
/*
 * s2-syndrome: what a stage-2 fault says of the instruction, for each kind of load and store: ISS.{ISV,SAS,SSE,SRT,SF,AR,WnR}
 * (Arm ARM DDI 0487 M.a.a, D24.2.46). A load or store of one register has a valid syndrome unless it writes its base back;
 * pairs and exclusives have none. L2 has stage 1 off, and uses the page at EL1 and EL0. -tag: TCR_EL1.TBI0 is 1, and FAR_EL2 has
 * the address as L2 gave it, with its tag.
 */
#include "families/families.h"
#include "host/program.h"

#define OFFSET 0x128 /* in the page */
#define TAG 0x5a00000000000000
#define VALID(sas, srt) (ESR_ISV | PLACE(ESR_SAS, sas) | PLACE(ESR_SRT, srt))

static const struct {
	const char *word;
	uint32_t instruction; /* its address is X1 */
	bool write;
	uint64_t iss;
} all[] = {
	{ "ldrb", 0x39400022, false, VALID(0, 2) },
	{ "ldrh", 0x79400023, false, VALID(1, 3) },
	{ "ldr-w", 0xb9400024, false, VALID(2, 4) },
	{ "ldr-x", 0xf9400025, false, VALID(3, 5) | ESR_SF },
	{ "ldrsb-w", 0x39c00027, false, VALID(0, 7) | ESR_SSE },
	{ "ldrsb-x", 0x39800028, false, VALID(0, 8) | ESR_SSE | ESR_SF },
	{ "ldrsh-w", 0x79c00029, false, VALID(1, 9) | ESR_SSE },
	{ "ldrsh-x", 0x7980002a, false, VALID(1, 10) | ESR_SSE | ESR_SF },
	{ "ldrsw", 0xb980002b, false, VALID(2, 11) | ESR_SSE | ESR_SF },
	{ "ldarb", 0x08dffc30, false, VALID(0, 16) | ESR_AR },
	{ "ldarh", 0x48dffc31, false, VALID(1, 17) | ESR_AR },
	{ "ldar-w", 0x88dffc32, false, VALID(2, 18) | ESR_AR },
	{ "ldar-x", 0xc8dffc33, false, VALID(3, 19) | ESR_AR | ESR_SF },
	{ "ldur-x", 0xf8400038, false, VALID(3, 24) | ESR_SF },
	{ "strb", 0x3900002c, true, VALID(0, 12) },
	{ "strh", 0x7900002d, true, VALID(1, 13) },
	{ "str-w", 0xb900002e, true, VALID(2, 14) },
	{ "str-x", 0xf900002f, true, VALID(3, 15) | ESR_SF },
	{ "str-wzr", 0xb900003f, true, VALID(2, 31) },
	{ "str-xzr", 0xf900003f, true, VALID(3, 31) | ESR_SF },
	{ "stlrb", 0x089ffc34, true, VALID(0, 20) | ESR_AR },
	{ "stlrh", 0x489ffc35, true, VALID(1, 21) | ESR_AR },
	{ "stlr-w", 0x889ffc36, true, VALID(2, 22) | ESR_AR },
	{ "stlr-x", 0xc89ffc37, true, VALID(3, 23) | ESR_AR | ESR_SF },
	{ "ldr-post", 0xf8408422, false, 0 },
	{ "ldp", 0xa9400c22, false, 0 },
	{ "ldxr", 0xc85f7c22, false, 0 },
	{ "stp", 0xa9000c22, true, 0 },
};
#define ALL ((int)(sizeof(all) / sizeof(*all)))

/*
 * struct litmus.hint: the leaf is there and does not permit the access, or there is none; num: the address is tagged. --self-test:
 * the leaf permits it.
 */
static void build_syndrome(struct litmus *l)
{
	bool write = all[l->variant].write, skip = l->vm->shared->skip;
	uint64_t ipa = fresh_ipa(l->shift, 3, 1), at = (ipa + OFFSET) | (l->num ? TAG : 0), all_of = PTE_S2_R | PTE_S2_W;
	uint64_t forbidden = leaf_s2(DATA_PA, 3, write ? PTE_S2_R : PTE_S2_W);
	struct step *s;
	struct probe *p;

	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].tcr |= l->num ? TCR_TBI0 : 0;
	add_write(l, STEP_S2, 0, ipa, skip ? leaf_s2(DATA_PA, 3, all_of) : l->hint ? forbidden : 0, 3);
	s = add(l, 0, STEP_SYS);
	s->a = at;
	s->b = all[l->variant].instruction;
	s->c = l->el0 ? SYS_AT_EL0 : SYS_AT_EL1;
	s->flags = STEP_WORD;
	p = add_probe(l, 0, l->steps[0] - 1, ROLE_GONE);
	p->at = ipa;
	p->far = at;
	p->old = at; /* X1, as it was */
	p->fault = l->hint ? FAULT_PERMISSION : FAULT_TRANSLATION;
	p->esr_mask = ESR_EC | ESR_S1PTW | ESR_WNR | ESR_FSC | ESR_ISV;
	p->esr = PLACE(ESR_EC, ESR_EC_DABT_LOW) | (write ? ESR_WNR : 0) | 3 | all[l->variant].iss |
		 PLACE(ESR_FSC_TYPE, l->hint ? ESR_FSC_TYPE_PERMISSION : ESR_FSC_TYPE_TRANSLATION);
	if (all[l->variant].iss)
		p->esr_mask |= ESR_SAS | ESR_SSE | ESR_SRT | ESR_SF | ESR_AR;
	add_cleanup(l, 0, ipa, 3, 1);
}

void cases_syndrome(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_syndrome,
			    .own = true,
			    .level = 3,
			    .regime = "el1&0-stage2" };

	for (l.variant = 0; l.variant < ALL; l.variant++)
		for (unsigned i = 0; i < 4; i++) {
			l.shift = 12 + 2 * ((unsigned)l.variant % 3);
			l.el0 = i & 1;
			l.hint = (int)i >> 1;
			l.num = 0;
			list_add(list, &l, "s2-syndrome/%s/%s/%s-el%u", granule_word(l.shift), all[l.variant].word,
				 l.hint ? "permission" : "translation", !l.el0);
			if (i != (unsigned)l.variant % 4)
				continue;
			l.num = 1;
			list_add(list, &l, "s2-syndrome/%s/%s/%s-el%u-tag", granule_word(l.shift), all[l.variant].word,
				 l.hint ? "permission" : "translation", !l.el0);
		}
}
