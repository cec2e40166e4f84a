// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: translation tables of any granule and input size (DDI 0487 M.a.a, D8.2 and D8.3).
 * Tables come from a pool that each case begins anew.
 */
#include "model.h"

#define POOL 512
#define USED 64 /* of them by one case, about */
#define SLOT 0x10000ull /* the largest granule, and sixteen concatenated tables of 4 KB */

static uint8_t pool[POOL * SLOT] __attribute__((aligned(0x10000)));
static unsigned used;

struct geometry geometry(unsigned shift, unsigned size, bool stage2, bool ds)
{
	struct geometry g = { .shift = shift, .size = size, .stage2 = stage2, .ds = ds };
	unsigned bits = shift - 3, levels = (size - shift + bits - 1) / bits;

	g.start = 4 - levels;
	/* Without LPA2 16 KB granules have no level 0 at stage 2: two tables side by side. */
	if (stage2 && !ds && shift == 14 && levels == 4)
		g.start = 1;
	return g;
}

unsigned shift_of(const struct geometry *g, unsigned level)
{
	return level_shift(g->shift, level);
}

bool block_allowed(const struct geometry *g, unsigned level)
{
	switch (g->shift) {
	case 12: return level >= (g->ds ? 0u : 1u);
	case 14: return level >= (g->ds ? 1u : 2u);
	default: return level >= 2; /* level 1 needs FEAT_LPA and 52 bits */
	}
}

void tables_reset(void)
{
	used = 0;
}

/* Only what is walked is cleared: most of the time of a case goes into this. */
static uint64_t *table_of(uint64_t bytes)
{
	uint64_t *new = (uint64_t *)&pool[SLOT * used++];

	if (used > POOL) {
		print("fatal|out of tables\n");
		psci_off();
	}
	for (unsigned i = 0; i < bytes / 8; i++)
		new[i] = 0;
	return new;
}

uint64_t *table_new(void)
{
	return table_of(SLOT);
}

uint64_t *root_new(const struct geometry *g)
{
	uint64_t bytes = 8 * BIT(g->size - shift_of(g, g->start));

	return table_of(bytes < BIT(g->shift) ? BIT(g->shift) : bytes);
}

static uint64_t make(unsigned shift)
{
	return (uint64_t)table_of(BIT(shift));
}

/* With DS a 4 KB or 16 KB descriptor has OA[51:50] in bits [9:8]; no output of ours is that high. */
uint64_t *entry_of(const struct geometry *g, uint64_t *root, uint64_t address, unsigned level)
{
	return tables_entry((uint64_t)root, (struct shape){ .shift = g->shift, .bits = g->size, .start = g->start },
			    address, level, make);
}

uint64_t leaf(const struct geometry *g, unsigned level, uint64_t output, uint64_t attributes)
{
	uint64_t memory = g->stage2 ? PTE_S2_NORMAL : 0; /* write-back; MAIR's attribute 0 at stage 1 */
	uint64_t share = g->ds && g->shift != 16 ? 0 : PTE_SH_INNER;

	return (output & ~(BIT(shift_of(g, level)) - 1)) | attributes | memory | share | leaf_bits(level);
}

/* Leaves of one level, each where it lies; a table that is there stays. */
static void map_as_it_is(const struct geometry *g, uint64_t *root, unsigned level, uint64_t from, uint64_t to,
			 uint64_t attributes)
{
	uint64_t size = BIT(shift_of(g, level)), table = BIT(shift_of(g, level - 1)), *entry = NULL;
	uint64_t first = leaf(g, level, from, attributes);

	for (uint64_t at = from; at < to; at += size, entry++) {
		if (at == from || !(at & (table - 1)))
			entry = entry_of(g, root, at, level);
		*entry = first + (at - from); /* no output of RAM has bits that a descriptor has elsewhere */
	}
}

void map_ram(const struct geometry *g, uint64_t *root, uint64_t attributes, bool data)
{
	extern const uint8_t bss_end[];
	const uint8_t *const in_pages[2][2] = { { _start, data ? &pool[USED * SLOT] : text_end },
						{ &pool[POOL * SLOT], bss_end } };
	uint64_t block = BIT(shift_of(g, 2)), done = BOARD_RAM;

	for (unsigned i = 0; g->shift == 12 && i < (data ? 2 : 1); i++) {
		uint64_t from = (uint64_t)in_pages[i][0] & ~(block - 1),
			 to = ((uint64_t)in_pages[i][1] + block - 1) & ~(block - 1);

		map_as_it_is(g, root, 2, done, from, attributes);
		map_as_it_is(g, root, 3, from, to, attributes);
		done = to;
	}
	map_as_it_is(g, root, 2, done, BOARD_RAM + RAM_SIZE, attributes);
}

void code_read_only(const struct geometry *g, uint64_t *root)
{
	for (uint64_t at = (uint64_t)_start; at < (uint64_t)text_end; at += BIT(12))
		*entry_of(g, root, at, 3) |= PTE_S1_RO;
	DSB(ish);
}

uint64_t high_bits(unsigned shift, uint64_t output)
{
	return shift == 16 ? BITS(output, 51, 48) * BIT(12) : (output & (3 * BIT(48))) | BITS(output, 51, 50) * BIT(8);
}

void set(uint64_t *descriptor, uint64_t value)
{
	*(volatile uint64_t *)descriptor = value;
	DSB(ish);
}
