/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sanitizer's own proof: a program for the bare model, without any kernel. Two CPUs at EL2 that break one rule of
 * TLB maintenance after the other on purpose, with code at EL1 and EL0 as the victim. See main.c.
 */
#ifndef NVH_SUITE_H
#define NVH_SUITE_H

#include "below.h"
#include "console.h"
#include "operand.h"
#include "psci.h"
#include "tables.h"

/* ---- machine.c ---- */
void second_main(void) __attribute__((noreturn));

/* By encoding, since assemblers differ in what they know: op1, CRn, CRm, op2. */
#define TLBI(op1, crn, crm, op2, operand)                                                                    \
	__asm__ volatile("sys #" #op1 ", c" #crn ", c" #crm ", #" #op2 ", %0" ::"r"((uint64_t)(operand)) : "memory")
#define VMALLE1() TLBI(0, 8, 7, 0, 0)
#define VMALLE1IS() TLBI(0, 8, 3, 0, 0)
#define VAE1(x) TLBI(0, 8, 7, 1, x)
#define VAE1IS(x) TLBI(0, 8, 3, 1, x)
#define ASIDE1IS(x) TLBI(0, 8, 3, 2, x)
#define VAAE1IS(x) TLBI(0, 8, 3, 3, x)
#define VALE1IS(x) TLBI(0, 8, 3, 5, x)
#define VAE1OS(x) TLBI(0, 8, 1, 1, x)
#define VAE1ISNXS(x) TLBI(0, 9, 3, 1, x)
#define RVAE1IS(x) TLBI(0, 8, 2, 1, x)
#define VMALLS12E1() TLBI(4, 8, 7, 6, 0)
#define VMALLS12E1IS() TLBI(4, 8, 3, 6, 0)
#define VMALLS12E1OS() TLBI(4, 8, 1, 6, 0)
#define ALLE1IS() TLBI(4, 8, 3, 4, 0)
#define ALLE2IS() TLBI(4, 8, 3, 0, 0)
#define IPAS2E1(x) TLBI(4, 8, 4, 1, x)
#define IPAS2E1IS(x) TLBI(4, 8, 0, 1, x)
#define RIPAS2E1IS(x) TLBI(4, 8, 0, 2, x)
#define VAE2(x) TLBI(4, 8, 7, 1, x)
#define VAE2IS(x) TLBI(4, 8, 3, 1, x)

/* ---- victim.S: X0 is the action and then its result, X1 an address ---- */
enum action { IDLE, LOAD, STORE, CALL, TLBI_LOCAL, LOAD_HCR };
extern const uint8_t victim[];

/* What an access came to: the value of the page, or a fault. */
#define PAGE_A 0xaul
#define PAGE_B 0xbul
#define FAULTED 0xful

/* ---- world.c: the tables of the current case ---- */
#define WINDOW_IPA 0x80000000ul
#define WINDOW_VA 0xc0000000ul
#define EL2_VA 0x100000000ul
#define BLOCK 0x200000ul

struct world {
	uint64_t vttbr, vtcr, hcr, ttbr0, tcr;
	bool s1, big1, big2; /* stage 1 is on; its descriptors are big-endian, those of stage 2 */
};
extern struct world world;
extern uint64_t page_a[], page_b[];
extern uint8_t block_a[], block_b[];

/* A new VMID with stage 2 that maps the program itself and, in the window, page after page of A. */
void world_new(void);
unsigned world_vmid(void);
/* Stage 2 anew, with big-endian descriptors: SCTLR_EL2.EE is 1 while the victim runs. */
void world_big2(void);
/* Stage 1 of the victim on, with ASID 5; the window's pages are non-global. */
void world_stage1(void);
void world_load(void); /* the registers, on this CPU */
uint64_t *s2_leaf(unsigned page);
uint64_t *s2_block(void);
uint64_t *s1_leaf(unsigned page);
uint64_t s2_page(const void *to); /* as the descriptor is in memory */
uint64_t s1_page(uint64_t ipa);
void set(uint64_t *descriptor, uint64_t value); /* with the DSB that makes it visible */
uint64_t other_vttbr(void); /* tables like the world's with B in the window */
uint64_t other_ttbr0(void);
/* EL2 has two sets of tables. A read by the big-endian ones has its MMU on, with SCTLR_EL2.EE, for itself alone. */
uint64_t *el2_leaf(unsigned page, bool big);
uint64_t el2_page(const void *to, bool big);
void el2_mmu(bool on);
uint64_t el2_big_read(uint64_t address);
uint64_t run(unsigned cpu, enum action action, uint64_t address);
uint64_t run_el0(unsigned cpu, enum action action, uint64_t address);
uint64_t run_el2(unsigned cpu, uint64_t address);
uint64_t run_el2_big(unsigned cpu, uint64_t address);
void switch_el2_mmu(bool on); /* on both CPUs */
/* Without a DSB on this CPU; ``to`` is the descriptor that is set before. */
uint64_t run_unordered(unsigned cpu, enum action action, uint64_t address, uint64_t *descriptor, uint64_t to);
void settle(unsigned cpu);

/* ---- cases ---- */
struct test {
	const char *name, *breaks;
	const char *expected; /* findings as "finding:kind finding:kind", sorted; empty when it is done right */
	uint64_t (*play)(void);
};
extern const struct test stage2_tests[], stage1_tests[], el2_tests[]; /* each ends with a row without a name */
#endif
