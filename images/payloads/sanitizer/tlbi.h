/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a TLBI operation obliges: decoding and the cover rules. Plain C, runs in the sanitizer plugin inside QEMU
 * and in its test driver. Twin of harness/litmus/oracle.py; tests compare the two.
 */
#ifndef NVH_SANITIZER_TLBI_H
#define NVH_SANITIZER_TLBI_H

#include <stdbool.h>
#include <stdint.h>

enum family { F_vmalle1, F_vae1, F_aside1, F_vaae1, F_alle1, F_vmalls12e1, F_ipas2e1, F_alle2, F_vae2 };
enum regime { EL10, EL2 };
enum operand { NONE, VA, ASID, IPA, VA_RANGE, IPA_RANGE };
enum scope { LOCAL, IS, OS };

struct operation {
	const char *name;
	unsigned sys; /* op1<<16 | CRn<<12 | CRm<<8 | op2<<5, as in the instruction */
	enum family family;
	enum regime regime;
	enum operand operand;
	enum scope scope;
	bool last_level, nxs;
};

/* One executed operation. ``ds``: ranges count 64 KB (TCR_ELx.DS or VTCR_EL2.DS of the executing PE). */
struct tlbi {
	const struct operation *op;
	uint64_t xt, seq, pc;
	unsigned pe;
	uint16_t vmid;
	uint8_t el;
	bool e2h, tge, ds;
	enum scope scope; /* after HCR_EL2.FB */
};

/* What a PE may hold. ``table``: an intermediate walk, not a leaf. ``shift``: log2 of the granule. */
enum kind { COMBINED, STAGE2 };

struct extent {
	enum kind kind;
	enum regime regime;
	uint64_t start, size;
	unsigned shift;
	int level;
	uint16_t vmid, asid;
	bool global, table;
	bool flat; /* stage 1 was off: used only while it is */
};

enum miss {
	COVERS, OTHER_PE, OTHER_REGIME, OTHER_STAGE, OTHER_VMID, OTHER_ASID, ONLY_NON_GLOBAL, OTHER_ADDRESS,
	OTHER_LEVEL, OTHER_GRANULE, LEAF_ONLY, NOT_COMPLETE, MISSES
};
extern const char *const miss_text[MISSES];

const struct operation *tlbi_operation(unsigned sys);
enum regime tlbi_regime(const struct tlbi *tlbi);
/* First and last address that the operand names; false for operations that name none, or a reserved granule. */
bool tlbi_addresses(const struct tlbi *tlbi, unsigned shift, uint64_t *first, uint64_t *last);
enum miss tlbi_covers(const struct tlbi *tlbi, const struct extent *entry, bool own_pe);

#endif
