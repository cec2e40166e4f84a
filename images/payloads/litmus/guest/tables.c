// SPDX-License-Identifier: GPL-2.0-only
/* The payload's translation tables: a pool for L2's, emptied before each program, and vEL2's own. */
#include "guest/tables.h"
#include "guest/cpu.h"

static uint64_t pool_next;
static uint64_t vel2_root[3][2][2][2048] __attribute__((aligned(16384))); /* of each granule, half, DS */
static uint64_t vel2_wide_root[2][512] __attribute__((aligned(4096))); /* above those with 4K, of each half */

static unsigned granule(unsigned shift)
{
	return (shift - 12) / 2;
}

/* By DC ZVA, 4 << DCZID_EL0.BS bytes at once: all sizes here are multiples of the largest, 2 KiB. */
void zero(uint64_t at, uint64_t size)
{
	uint64_t id = MRS(dczid_el0), line = id & 0x10 ? 8 : 4ull << (id & 0xf);

	for (uint64_t end = at + size; at < end; at += line)
		if (id & 0x10) /* DZP: not permitted */
			*(uint64_t *)at = 0;
		else
			__asm__ volatile("dc zva, %0" ::"r"(at) : "memory");
}

void tables_reset(void)
{
	pool_next = POOL_PA;
}

uint64_t tables_new(unsigned shift)
{
	uint64_t size = 1ull << shift;
	uint64_t at = (pool_next + size - 1) & ~(size - 1);

	pool_next = at + size;
	zero(at, size);
	return at;
}

uint64_t *tables_slot(uint64_t root, struct shape shape, uint64_t ia, unsigned level)
{
	return tables_entry(root, shape, ia, level, tables_new);
}

uint64_t tables_look(uint64_t root, struct shape shape, uint64_t ia, unsigned level)
{
	uint64_t table = root;

	for (unsigned l = shape.start;; l++) {
		unsigned low = level_shift(shape.shift, l);
		uint64_t entries = l == shape.start ? 1ull << (shape.bits - low) : 1ull << (shape.shift - 3);
		uint64_t descriptor =
			descriptor_in_memory(shape, ((volatile uint64_t *)table)[(ia >> low) & (entries - 1)]);

		if (l == level)
			return descriptor;
		if (!is_table_descriptor(descriptor))
			return 0;
		table = descriptor & PTE_ADDRESS;
	}
}

static void flat(unsigned shift, uint64_t from, uint64_t size, uint64_t attributes)
{
	unsigned low = level_shift(shift, start_level(shift));

	for (uint64_t at = from >> low; at <= (from + size - 1) >> low; at++) {
		vel2_root[granule(shift)][0][0][at] = at << low | attributes;
		vel2_root[granule(shift)][0][1][at] = at << low | (attributes & ~PTE_SH_INNER);
	}
}

/* Blocks of the start level: devices, the image and the pool, the data. AP[1] is RES1 without E2H (D8.3.2). */
void tables_vel2(bool e2h)
{
	uint64_t normal = PTE_VALID | PTE_AF | PTE_SH_INNER | (e2h ? 0 : PTE_S1_EL0);

	for (unsigned shift = 12; shift <= 16; shift += 2) {
		flat(shift, DOORBELL_PA, 1, normal | 1 << 2 | PTE_S1_UXN | (e2h ? PTE_S1_PXN : 0));
		flat(shift, IMAGE_PA, LOW_SIZE, normal);
		flat(shift, DATA_PA, DATA_SIZE, normal);
		flat(shift, EVENT_PA, EVENT_SIZE, normal);
	}
	vel2_wide_root[0][0] = table_descriptor(tables_vel2_root(12, false, false));
	vel2_wide_root[1][511] = table_descriptor(tables_vel2_root(12, true, false));
}

uint64_t tables_vel2_root(unsigned shift, bool high, bool ds)
{
	return (uint64_t)vel2_root[granule(shift)][high][ds];
}

uint64_t tables_vel2_wide(bool high)
{
	return (uint64_t)vel2_wide_root[high];
}

uint64_t tables_stage1(const struct context *c, uint64_t va)
{
	return va >> 63 ? c->s1_high : c->s1_root;
}

uint64_t tables_shareable(const struct context *c)
{
	return c->tcr & TCR_DS ? 0 : PTE_SH_INNER;
}
