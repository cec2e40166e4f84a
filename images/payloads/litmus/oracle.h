/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a TLBI operation obliges, from the architecture alone: Arm ARM DDI 0487, D8.17 "TLB maintenance" and
 * the operand descriptions of C5.5. harness/litmus/oracle.py is its twin; tests/litmus compares the two.
 */
#ifndef NVH_LITMUS_ORACLE_H
#define NVH_LITMUS_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

enum regime { EL10, EL2 };
enum operand { NONE, VA, ASID, IPA, VA_RANGE, IPA_RANGE };
enum scope { LOCAL, IS, OS };
enum family { vmalle1, vae1, aside1, vaae1, alle1, vmalls12e1, ipas2e1, alle2, vae2 };

struct operation {
	const char *name;
	enum family family;
	enum regime regime;
	enum operand operand;
	enum scope scope;
	bool last_level, nxs, needs_os, needs_range;
};

extern const struct operation operations[];
extern const unsigned operation_count;

enum stage { STAGE_1, STAGE_2 };

/* One translation that a PE may hold, as built: a leaf, or with `table` a pointer to the next table. */
struct entry {
	int stage;  /* enum stage */
	int regime; /* EL10, or EL2 for vEL2's own (EL2&0 with E2H) */
	uint32_t vmid, asid;
	int global;
	uint64_t start, size; /* VA or IPA, bytes */
	unsigned shift;	      /* log2 of the granule */
	unsigned level;
	int table;
};

struct state {
	uint32_t vmid; /* VTTBR_EL2.VMID when the operation executes */
	int e2h, tge;
	int own_pe; /* the entry is held by the PE that executes the operation */
};

/* Whether the entry must be gone once the operation and its DSB are complete. */
bool oracle_obliges(unsigned op, uint64_t operand, const struct state *state, const struct entry *entry);

/* (NUM + 1) * 2^(5 * SCALE + 1) granules, in bytes. */
uint64_t range_bytes(unsigned shift, unsigned scale, unsigned num);
/* TG, and the granule part of TTL: 1 = 4K, 2 = 16K, 3 = 64K. */
unsigned granule_code(unsigned shift);
uint64_t operand_address(bool va, uint64_t address, unsigned asid, unsigned ttl);
uint64_t operand_range(uint64_t base, unsigned shift, unsigned scale, unsigned num, unsigned ttl, unsigned asid);

#endif
