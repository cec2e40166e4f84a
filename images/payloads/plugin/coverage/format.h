/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs on the host, inside QEMU: the file that nvh-coverage fills, mapped, so that it is whole up to the moment
 * at which QEMU ends, however it ends. harness/trace/executed/counts.py reads it. Little endian.
 */
#ifndef NVH_COVERAGE_FORMAT_H
#define NVH_COVERAGE_FORMAT_H

#include <stdint.h>

#define NVH_COVERAGE_MAGIC 0x33564f4368766eull /* "nvhCOV3" */
#define NVH_COVERAGE_OPS 4096
#define NVH_COVERAGE_VCPUS 64
#define NVH_COVERAGE_BITMAP 0x80000 /* where the bitmap begins */

/*
 * The class of an operand: what decides how much there is to invalidate, and not where. TTL of an operation for an
 * address; of one by range TG, SCALE, TTL and the bits that NUM takes. 0 for operations without either.
 */
#define NVH_CLASS_TTL 0	     /* four bits; of a range two */
#define NVH_CLASS_TG 4	     /* two bits each */
#define NVH_CLASS_SCALE 6
#define NVH_CLASS_NUM_BITS 8 /* 0 to 5 */

/* What emulating one operation cost, over its executions with operands of one class. `word`: with Rt = 0. */
struct nvh_cost {
	uint32_t word;
	uint32_t from_l1; /* 1: executed with HCR_EL2.NV set, by a guest hypervisor; 0: by any other guest */
	uint32_t operand, reserved;
	uint64_t count;
	uint64_t insns, insns_min, insns_max; /* instructions at EL2 from the trap to the return behind the operation */
	uint64_t exits, exits_min, exits_max; /* returns from EL2 to a lower level until then, the last one included */
	uint64_t tlbis;			      /* TLBI instructions that EL2 executed until then */
};

struct nvh_coverage {
	uint64_t magic;
	uint64_t start, end; /* the addresses watched: one bit per instruction, bit 0 of byte 0 the first */
	/* Instructions at EL2 in there, by QEMU's index of the vCPU. Only the thread that runs it writes its own. */
	uint64_t executed[NVH_COVERAGE_VCPUS];
	uint32_t ops, dropped; /* rows of `cost`; operations for which there was no row left */
	struct nvh_cost cost[NVH_COVERAGE_OPS];
};

_Static_assert(sizeof(struct nvh_coverage) <= NVH_COVERAGE_BITMAP, "the bitmap is behind the table");

#endif
