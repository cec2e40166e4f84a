// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what does not come back from below EL2 is ended by EL2's own timer, CNTHP, after so much of the
 * model's time as nvh says, which is a multiple of what a right model needs at most. Then the program names the question and
 * ends: of a PE that has lost its way no further answer is worth anything. A model without the system registers of
 * a GIC is not watched, nor one to which nvh has told no limit.
 */
#include "watch.h"
#include "model.h"

/* nvh puts the limit there, in microseconds below the word "watc" (harness/nightly/model/questions.py). */
#define LIMIT (*(volatile uint64_t *)(BOARD_RAM + 0x1f00000))
#define MAGIC 0x77617463u
#define GICD 0x08000000ull
#define PPI_CNTHP 26
#define REGISTER(address) (*(volatile uint32_t *)(address))

struct watch {
	uint64_t late, pc, spsr;
};
_Static_assert(offsetof(struct watch, late) == WATCH_LATE && offsetof(struct watch, pc) == WATCH_PC &&
		       offsetof(struct watch, spsr) == WATCH_SPSR && sizeof(struct watch) == WATCH_SIZE,
	       "struct watch and the offsets of watch.h");
struct watch watches[PES];
extern const uint8_t watch_late[];

static uint64_t ticks; /* of the counter; 0: nobody is watched */
static uint64_t longest[PES];

static uint64_t now(void)
{
	ISB();
	return MRS(cntpct_el0);
}

/* IRQs and FIQs of lower Exception levels come to EL2: words 0x480 and 0x500 of its vectors, which the program's own start has set. */
static void take_interrupts(void)
{
	for (unsigned offset = 0x480; offset <= 0x500; offset += 0x80) {
		uint64_t vector = MRS(vbar_el2) + offset;

		*(volatile uint32_t *)vector = 0x14000000u | (((uint64_t)watch_late - vector) >> 2 & 0x3ffffff);
		SYNC_CODE(vector);
	}
}

void watch_begin(unsigned number)
{
	uint64_t frame = BOARD_GICR + BOARD_GICR_STRIDE * number;

	if (!number) {
		if (BOARD_GICR && BITS(MRS(id_aa64pfr0_el1), 27, 24) && LIMIT >> 32 == MAGIC)
			ticks = (LIMIT & 0xffffffff) * (MRS(cntfrq_el0) / 1000000);
		take_interrupts();
	}
	if (!ticks)
		return;
	if (!number)
		REGISTER(GICD) = 1u << 4 | 1u << 1 | 1u; /* ARE, both groups as far as they are there */
	REGISTER(frame + 0x14) = 0; /* GICR_WAKER */
	REGISTER(frame + 0x10080) |= 1u << PPI_CNTHP; /* GICR_IGROUPR0: group 1 */
	REGISTER(frame + 0x10100) = 1u << PPI_CNTHP; /* GICR_ISENABLER0 */
	MSR(s3_4_c12_c9_5, 0xf); /* ICC_SRE_EL2 */
	ISB();
	MSR(s3_0_c4_c6_0, 0xff); /* ICC_PMR_EL1 */
	MSR(s3_0_c12_c12_7, 1); /* ICC_IGRPEN1_EL1 */
	MSR(s3_4_c14_c2_2, ~0ull >> 1); /* CNTHP_CVAL_EL2 */
	MSR(s3_4_c14_c2_1, 1); /* CNTHP_CTL_EL2 */
	ISB();
}

uint64_t watch_hcr(void)
{
	return ticks ? HCR_IMO : 0;
}

void watched_enter(unsigned number)
{
	uint64_t begun, took;

	if (!ticks) {
		pe_enter(&pes[number]);
		return;
	}
	begun = now();
	MSR(s3_4_c14_c2_2, begun + ticks);
	pe_enter(&pes[number]);
	took = now() - begun;
	if (took > longest[number])
		longest[number] = took;
	if (watches[number].late)
		pes[number].esr = ~0ull;
}

/* PE ``number`` does not even come back to EL2's vectors, or EL2 does not from what it executes: nobody knows where it is. */
void watch_lose(unsigned number)
{
	watches[number] = (struct watch){ .late = 1 };
}

/* Whether PE 1 has had more time since then than it may take, twice over. */
bool watch_is_over(uint64_t since)
{
	return ticks && now() - since > 2 * ticks;
}

uint64_t watch_limit(void)
{
	return ticks;
}

uint64_t watch_now(void)
{
	return ticks ? now() : 0;
}

bool watch_took(unsigned number, uint64_t *pc)
{
	bool took = watches[number].late;

	*pc = watches[number].pc;
	watches[number] = (struct watch){ .late = 0 };
	return took;
}

bool watch_is_late(void)
{
	return watches[0].late || watches[1].late;
}

static void tell(unsigned number)
{
	const struct watch *w = &watches[number];
	uint64_t pc = w->pc;

	say("|%d|%d|%x|%x\n", (uint64_t)number, FIELD(w->spsr, SPSR_EL), pc,
	    pc >= BOARD_RAM && pc < BOARD_RAM + 0x10000000 && !(pc & 3) ? (uint64_t)REGISTER(pc) : 0);
}

void watch_tell(void)
{
	tell(watches[0].late ? 0 : 1);
	psci_off();
}

void watch_end(void)
{
	uint64_t most = longest[0] > longest[1] ? longest[0] : longest[1];

	if (ticks)
		say("longest|%d\n", most * 1000 / (MRS(cntfrq_el0) / 1000000));
}
