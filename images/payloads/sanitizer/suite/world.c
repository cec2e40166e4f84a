// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: translation tables, made anew for each case. 4 KB pages everywhere. */
#include "suite.h"

#define TABLES 1400
#define S2_ATTR (PTE_S2_NORMAL | PTE_S2_R | PTE_S2_W | PTE_SH_INNER | PTE_AF)
#define S1_ATTR (PTE_SH_INNER | PTE_AF)

struct world world;
uint64_t page_a[512] __attribute__((aligned(4096))), page_b[512] __attribute__((aligned(4096)));
uint8_t block_a[BLOCK] __attribute__((aligned(0x200000))), block_b[BLOCK] __attribute__((aligned(0x200000)));
static uint64_t tables[TABLES][512] __attribute__((aligned(4096)));
static unsigned used, vmid;
static uint64_t *s2_root, *s1_root, *el2_root[2]; /* el2_root: little-endian, big-endian */

static uint64_t *table(void)
{
	uint64_t *new = tables[used++ % TABLES];

	for (unsigned i = 0; i < 512; i++)
		new[i] = 0;
	return new;
}

static uint64_t make(unsigned shift)
{
	(void)shift;
	return (uint64_t)table();
}

static struct shape shape(bool big)
{
	return (struct shape){ .shift = 12, .bits = 39, .start = 1, .big = big };
}

/* The entry of ``address`` at ``level`` below ``root`` (level 1), with tables made on the way. */
static uint64_t *entry(uint64_t *root, uint64_t address, unsigned level, bool big)
{
	return tables_entry((uint64_t)root, shape(big), address, level, make);
}

void set(uint64_t *descriptor, uint64_t value)
{
	*(volatile uint64_t *)descriptor = value;
	DSB(ish);
}

uint64_t s2_page(const void *to)
{
	return descriptor_in_memory(shape(world.big2), (uint64_t)to | S2_ATTR | 3);
}

uint64_t s1_page(uint64_t ipa)
{
	return descriptor_in_memory(shape(world.big1), ipa | S1_ATTR | PTE_S1_EL0 | PTE_S1_NG | 3);
}

static void fill_pages(void)
{
	static const uint32_t code[] = { 0xd2800140, 0xd2800160, 0xd65f03c0 }; /* mov x0, #A; mov x0, #B; ret */

	for (unsigned i = 0; i < 512; i++) {
		page_a[i] = PAGE_A;
		page_b[i] = PAGE_B;
	}
	((uint32_t *)page_a)[512] = code[0];
	((uint32_t *)page_b)[512] = code[1];
	((uint32_t *)page_a)[513] = ((uint32_t *)page_b)[513] = code[2];
	for (unsigned i = 0; i < BLOCK / 8; i += 512) {
		((uint64_t *)block_a)[i] = PAGE_A;
		((uint64_t *)block_b)[i] = PAGE_B;
	}
}

static uint64_t *stage2_tables(const void *window)
{
	uint64_t *root = table();

	*entry(root, 0x40000000, 1, world.big2) = descriptor_in_memory(shape(world.big2), 0x40000000 | S2_ATTR | 1);
	for (unsigned page = 0; page < 16; page++)
		*entry(root, WINDOW_IPA + 4096 * page, 3, world.big2) = s2_page(window);
	return root;
}

static uint64_t *stage1_tables(uint64_t ipa)
{
	uint64_t *root = table();

	*entry(root, 0x40000000, 1, world.big1) = descriptor_in_memory(shape(world.big1), 0x40000000 | S1_ATTR | 1);
	for (unsigned page = 0; page < 16; page++)
		*entry(root, WINDOW_VA + 4096 * page, 3, world.big1) = s1_page(ipa);
	return root;
}

void world_new(void)
{
	fill_pages();
	world.big1 = world.big2 = false;
	s2_root = stage2_tables(page_a);
	world = (struct world){
		/* T0SZ 25, start at level 1, WB, inner shareable, 40 bits of PA, 16 bits of VMID */
		.vtcr = PLACE(VTCR_T0SZ, 25) | PLACE(VTCR_SL0, 1) | PLACE(VTCR_IRGN0, 1) | PLACE(VTCR_ORGN0, 1) |
			PLACE(VTCR_SH0, 3) | PLACE(VTCR_PS, 2) | VTCR_VS | VTCR_RES1,
		.vttbr = (uint64_t)s2_root | PLACE(VTTBR_VMID, ++vmid),
		.hcr = HCR_RW | HCR_VM,
	};
	world_load();
	VMALLS12E1IS(); /* VMIDs begin anew with each run of the program, TLBs may not */
	DSB(ish);
	ISB();
}

void world_big2(void)
{
	world.big2 = true;
	s2_root = stage2_tables(page_a);
	world.vttbr = (uint64_t)s2_root | (world.vttbr & VTTBR_VMID);
	world_load();
}

unsigned world_vmid(void)
{
	return vmid;
}

void world_stage1(void)
{
	s1_root = stage1_tables(WINDOW_IPA);
	world.s1 = true;
	/* T0SZ 25, TTBR1 off, 40 bits of PA, 16 bits of ASID */
	world.tcr = PLACE(TCR_T0SZ, 25) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) | TCR_EPD1 |
		    PLACE(TCR_IPS, 2) | TCR_AS;
	world.ttbr0 = (uint64_t)s1_root | PLACE(TTBR_ASID, 5);
}

/* Only what changes: QEMU empties its TLB at writes to some of them, which would hide more than it has to. */
#define LOAD_REGISTER(name, value)                                                                           \
	do {                                                                                                 \
		if (MRS(name) != (value))                                                                    \
			MSR(name, value);                                                                    \
	} while (0)

void world_load(void)
{
	uint64_t sctlr = SCTLR_RES1 | (world.s1 ? SCTLR_M | SCTLR_C : 0) | (world.big1 ? SCTLR_EE : 0);

	LOAD_REGISTER(vtcr_el2, world.vtcr);
	LOAD_REGISTER(vttbr_el2, world.vttbr);
	LOAD_REGISTER(mair_el1, 0xfful);
	LOAD_REGISTER(tcr_el1, world.tcr);
	LOAD_REGISTER(ttbr0_el1, world.ttbr0);
	LOAD_REGISTER(sctlr_el1, sctlr);
	LOAD_REGISTER(hcr_el2, world.hcr);
	ISB();
}

uint64_t *s2_leaf(unsigned page)
{
	return entry(s2_root, WINDOW_IPA + 4096 * page, 3, world.big2);
}

uint64_t *s2_block(void)
{
	return entry(s2_root, WINDOW_IPA + BLOCK, 2, world.big2);
}

uint64_t *s1_leaf(unsigned page)
{
	return entry(s1_root, WINDOW_VA + 4096 * page, 3, world.big1);
}

uint64_t other_vttbr(void)
{
	return (uint64_t)stage2_tables(page_b) | (world.vttbr & VTTBR_VMID);
}

uint64_t other_ttbr0(void)
{
	set(s2_leaf(1), s2_page(page_b));
	return (uint64_t)stage1_tables(WINDOW_IPA + 4096) | PLACE(TTBR_ASID, 5);
}

uint64_t el2_page(const void *to, bool big)
{
	return descriptor_in_memory(shape(big), (uint64_t)to | S1_ATTR | PTE_S1_EL0 | 3);
}

uint64_t *el2_leaf(unsigned page, bool big)
{
	return entry(el2_root[big], EL2_VA + 4096 * page, 3, big);
}

/* EL2's own tables, E2H = 0: everything as it is, and a window. */
static void el2_tables(bool big)
{
	el2_root[big] = table();
	*entry(el2_root[big], 0, 1, big) = descriptor_in_memory(shape(big), PTE_AF | 1ul << 2 | PTE_S1_EL0 | 1); /* devices */
	*entry(el2_root[big], 0x40000000, 1, big) = descriptor_in_memory(shape(big), 0x40000000 | S1_ATTR | PTE_S1_EL0 | 1);
	for (unsigned page = 0; page < 16; page++)
		*el2_leaf(page, big) = el2_page(page_a, big);
}

static void el2_load(bool big)
{
	if (!el2_root[big])
		el2_tables(big);
	MSR(mair_el2, 0xff);
	MSR(tcr_el2, PLACE(TCR_T0SZ, 25) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) |
			     PLACE(TCR_E2H0_PS, 2) | TCR_E2H0_RES1_LOW | TCR_E2H0_RES1_HIGH);
	MSR(ttbr0_el2, el2_root[big]);
	DSB(sy);
	ISB();
}

void el2_mmu(bool on)
{
	el2_load(false);
	MSR(sctlr_el2, on ? SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I : SCTLR_E2H0_RES1);
	ISB();
	if (!on) {
		ALLE2IS();
		DSB(ish);
		ISB();
	}
}

/* In registers alone from the first MSR to the last: data is the other way round. */
uint64_t el2_big_read(uint64_t address)
{
	uint64_t value, on = SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_EE, off = SCTLR_E2H0_RES1;

	el2_load(true);
	__asm__ volatile("msr sctlr_el2, %1\n\tisb\n\tldr %0, [%3]\n\tmsr sctlr_el2, %2\n\tisb"
			 : "=&r"(value) : "r"(on), "r"(off), "r"(address) : "memory");
	return __builtin_bswap64(value);
}
