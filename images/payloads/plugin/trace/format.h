/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file that nvh-trace writes and harness/trace/model/ reads: docs/model-trace.md describes it. Host byte
 * order, which is little-endian. A change here is a change of NVH_TRACE_VERSION there and here.
 */
#ifndef NVH_TRACE_FORMAT_H
#define NVH_TRACE_FORMAT_H

#include <stdint.h>

#define NVH_TRACE_MAGIC "NVHTRACE"
#define NVH_TRACE_VERSION 2
#define NVH_TRACE_HEADER 262144 /* bytes before the first unit: a multiple of every page size in use */
#define NVH_TRACE_FUNCTIONS 2048
#define NVH_TRACE_NAME 56
#define NVH_TRACE_CPUS 64

enum nvh_kind {
	NVH_NONE, /* claimed and not written: a hole */
	NVH_TLBI,
	NVH_DSB,
	NVH_ISB,
	NVH_AT,
	NVH_ERET,
	NVH_EXCEPTION,
	NVH_MSR,
	NVH_CALL,
	NVH_KINDS,
	NVH_MORE = 15, /* the second to last units of a record */
};

/* One bit per kind and exception level that the code runs at (for NVH_EXCEPTION: that it is taken to). */
#define NVH_BIT(kind, el) (1ull << ((kind) * 4 + (el)))

/*
 * A record is one unit, `a` the address of the instruction, `b` VTTBR_EL2 and `c` HCR_EL2, and the NVH_MORE
 * units that its kind asks for. `info`: the exception level in bits 15:14, below it what the kind says; for
 * NVH_MORE the number of the unit in its record in bits 7:0, and the record's kind in bits 15:8.
 */
struct nvh_unit {
	uint8_t kind;
	uint8_t vcpu;
	uint16_t info;
	uint32_t check; /* over all other bytes and the unit's position; written last with the three before */
	uint64_t a, b, c;
};

#define NVH_UNIT sizeof(struct nvh_unit)

struct nvh_function {
	uint64_t address;
	char name[NVH_TRACE_NAME];
};

/* `enabled` is written by the harness at any time; `next` and `lost` by the plugin. */
struct nvh_header {
	char magic[8];
	uint32_t version;
	uint32_t header_bytes;
	uint32_t unit_bytes;
	uint32_t api;	  /* of QEMU's plugin interface */
	uint32_t vcpus;
	uint32_t functions;
	uint64_t limit;	  /* units that the file may have */
	uint64_t enabled; /* NVH_BIT()s of what is recorded */
	uint64_t next;	  /* units claimed; may exceed the limit */
	uint64_t lost;	  /* records that did not fit */
	uint64_t keys;	  /* CPUs told apart by `key`; 0: a unit's vcpu is QEMU's own number */
	uint64_t reserved[7];
	struct nvh_function function[NVH_TRACE_FUNCTIONS];
	uint64_t key[NVH_TRACE_CPUS]; /* TPIDR_EL2 of the CPU that a unit's vcpu stands for */
};

_Static_assert(sizeof(struct nvh_unit) == 32, "a unit has 32 bytes");
_Static_assert(sizeof(struct nvh_header) <= NVH_TRACE_HEADER, "the header fits");

#endif
