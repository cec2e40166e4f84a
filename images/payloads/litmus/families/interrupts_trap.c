// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L1 traps of L2's CPU interface: ICH_HCR_EL2.TC the registers of both groups, TALL0 and TALL1 those of one, TDIR ICC_DIR_EL1;
 * with HCR_EL2.{IMO,FMO} the SGIs of L2, whatever they are (Arm IHI 0069H.b, 12.2 and 12.4). What does not trap executes.
 */
#include "families/families.h"
#include "families/registers.h"

#define ICH_HCR_WRITE REGISTER_WORD(4, 12, 11, 0, 0) /* ICH_HCR_EL2 */
enum { EN = 1, TC = 1 << 10, TALL0 = 1 << 11, TALL1 = 1 << 12, TDIR = 1 << 14 };
#define ALWAYS (~0u)

static const struct {
	uint8_t crn, crm, op2;
	bool r, w;
	unsigned traps;
	bool only; /* without a trap nobody may say what it does here */
} all[] = {
	{ 4, 6, 0, true, true, TC, false }, /* PMR, CTLR, RPR, DIR */
	{ 12, 12, 4, true, true, TC, false },
	{ 12, 11, 3, true, false, TC, false },
	{ 12, 11, 1, false, true, TC | TDIR, true },
	{ 12, 11, 5, false, true, ALWAYS, false }, /* SGI1R, ASGI1R, SGI0R */
	{ 12, 11, 6, false, true, ALWAYS, false },
	{ 12, 11, 7, false, true, ALWAYS, false },
	{ 12, 8, 0, true, false, TALL0, false }, /* IAR0, EOIR0, HPPIR0, BPR0, AP0R0, IGRPEN0 */
	{ 12, 8, 1, false, true, TALL0, false },
	{ 12, 8, 2, true, false, TALL0, false },
	{ 12, 8, 3, true, true, TALL0, false },
	{ 12, 8, 4, true, true, TALL0, false },
	{ 12, 12, 6, true, true, TALL0, false },
	{ 12, 12, 0, true, false, TALL1, false }, /* the same of group 1 */
	{ 12, 12, 1, false, true, TALL1, false },
	{ 12, 12, 2, true, false, TALL1, false },
	{ 12, 12, 3, true, true, TALL1, false },
	{ 12, 9, 0, true, true, TALL1, false },
	{ 12, 12, 7, true, true, TALL1, false },
};
#define ALL (sizeof(all) / sizeof(*all))

static const struct {
	const char *word;
	unsigned bit;
} controls[] = { { "none", 0 }, { "tc", TC }, { "tall0", TALL0 }, { "tall1", TALL1 }, { "tdir", TDIR } };

/* --self-test: none of the instructions is executed. */
static void build(struct litmus *l)
{
	unsigned bit = controls[l->variant].bit;

	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].hcr |= HCR_IMO | HCR_FMO;
	register_set(l, SYS_AT_EL2, ICH_HCR_WRITE, EN | bit);
	for (unsigned i = 0; i < ALL; i++)
		for (unsigned read = 0; read < 2; read++) {
			uint32_t word = REGISTER_WORD(0, all[i].crn, all[i].crm, all[i].op2, read);
			bool trapped = all[i].traps == ALWAYS || all[i].traps & bit;

			if (!(read ? all[i].r : all[i].w) || (all[i].only && !trapped))
				continue;
			masked_next(l, MASK_I | MASK_F, 0);
			register_set(l, SYS_AT_EL1, word, 0);
			if (trapped) {
				last_probe(l)->role = ROLE_TRAP;
				last_probe(l)->now = syndrome_of_word(word);
			}
		}
	register_set(l, SYS_AT_EL2, ICH_HCR_WRITE, 0);
}

void cases_interrupts_trap(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build,
			    .level = 3,
			    .any_stage2 = true,
			    .own = true,
			    .shift = 12,
			    .regime = "el1&0" };

	for (unsigned nvhe = 0; nvhe < 2; nvhe++)
		for (l.variant = 0; l.variant < (int)(sizeof(controls) / sizeof(*controls)); l.variant++) {
			l.config.e2h0 = nvhe;
			list_add(list, &l, "%sinterrupts-trap/%s", nvhe ? "nvhe-" : "", controls[l.variant].word);
		}
}
