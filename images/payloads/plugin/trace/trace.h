/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs on the host, inside QEMU: the parts of nvh-trace. */
#ifndef NVH_TRACE_H
#define NVH_TRACE_H

#include "plugin.h"
#include "trace/format.h"

#define NVH_PLUGIN "nvh-trace"
#define NVH_VCPUS NVH_TRACE_CPUS
#define NVH_VBARS 32

/* An instruction of interest, as decode() found it; `info` is that of its record, without the level. */
struct nvh_site {
	uint64_t pc;
	uint32_t word;
	uint16_t info;
	uint8_t kind;
	uint8_t rt;
};

enum { NVH_PAIRS_MAX = 9 };

/* Handles of registers. Whichever vCPU's is used, what is read is that of the vCPU that executes. */
struct nvh_vcpu {
	struct nvh_registers registers;
	struct qp_register *cpsr, *tpidr, *vttbr, *hcr, *hpfar, *vncr, *vmpidr;
	struct qp_register *vbar[3], *ttbr[3][2], *elr[3], *spsr[3], *esr[3], *far[3];
	struct qp_register *x[NVH_XS];
	bool ready;
};

/* What a record says of its CPU. `fresh` until an instruction may have changed the registers. */
struct nvh_cpu {
	uint64_t vttbr, hcr;
	bool fresh;
};

extern struct nvh_vcpu nvh_vcpus[NVH_VCPUS];
extern struct nvh_cpu nvh_cpus[NVH_VCPUS];
extern struct nvh_header *nvh_header;
extern bool nvh_by_key;
extern bool nvh_from_reset; /* the machine is followed from reset on, not restored */

/* Every register the plugin needs; false, with a message, when this QEMU lacks one. */
bool nvh_vcpu_init(struct nvh_vcpu *vcpu);
unsigned int nvh_level(const struct nvh_vcpu *vcpu);
/* The place of the executing CPU in nvh_cpus, and in records; `index` is what QEMU says. */
unsigned int nvh_which(const struct nvh_vcpu *vcpu, unsigned int index);

/* Makes the file of at most `limit` units; false, with a message, when that cannot be done. */
bool nvh_file_open(const char *path, uint64_t limit);
/* One record: the unit of its site, and as many NVH_MORE units as `count` values need. */
void nvh_record(unsigned int which, uint8_t kind, uint16_t info, uint64_t pc, const uint64_t *values,
		unsigned int count);

static inline bool nvh_wanted(uint8_t kind, unsigned int el)
{
	return __atomic_load_n(&nvh_header->enabled, __ATOMIC_RELAXED) & NVH_BIT(kind, el);
}

static inline bool nvh_wanted_anywhere(uint8_t kind)
{
	return __atomic_load_n(&nvh_header->enabled, __ATOMIC_RELAXED) & (0xfull << kind * 4);
}

/* Whether an instruction is of interest; fills in `site` but for its address. */
bool nvh_decode(uint32_t word, struct nvh_site *site);
/* Whether a write of this register changes what is cached of a vCPU. */
bool nvh_is_context(uint16_t info);
bool nvh_is_vbar(uint16_t info);

/* Whether some vCPU has, or may have, its vectors at this multiple of 2 KiB. */
bool nvh_may_be_vectors(uint64_t base);

/* Callbacks: before an instruction of interest, at the start of a block that may be an exception's, at a call. */
void nvh_before(unsigned int index, void *site);
void nvh_at_vector(unsigned int index, void *site);
void nvh_at_call(unsigned int index, void *site);

#endif
