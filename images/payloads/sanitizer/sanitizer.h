/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs on the host, inside QEMU: what the plugin's files share. */
#ifndef NVH_SANITIZER_H
#define NVH_SANITIZER_H

#include "model.h"
#include "plugin.h"

#include <pthread.h>

#define NAME "sanitizer"

void *qemu_plugin_insn_haddr(const struct qp_insn *insn);

/* ---- arguments.c ---- */
struct options {
	const char *out;
	uint64_t ram, base, max, leave_out, entries;
	bool el2, model, parallel; /* parallel: each vCPU has a thread of its own */
};
bool options_parse(int argc, char **argv, struct options *options);

/* ---- memory.c: the machine's RAM in this process ---- */
void memory_init(uint64_t base, uint64_t size);
/* Learns where RAM is from the host address of an instruction. */
void memory_learn(const void *host);
bool memory_known(void);
bool memory_read(uint64_t pa, uint64_t *value);
uint64_t memory_physical(const void *host); /* UNKNOWN for an address outside RAM */

/* ---- output.c: reports, and counters that outlive a killed QEMU ---- */
bool output_init(const struct options *options);
void output_report(const struct report *report, void *data);
void output_counters(const struct counters *counters, uint64_t trapped, uint64_t vcpus);

/* ---- vcpu.c: registers to contexts ---- */
enum { R_CPSR, R_PC, R_HCR, R_VTTBR, R_VTCR, R_TTBR0, R_TTBR1, R_TCR, R_SCTLR, R_TCR2, R_PIR, R_PIRE0, R_TTBR0_2,
       R_TTBR1_2, R_TCR_2, R_SCTLR_2, R_VBAR_1, R_ESR_1, R_FAR_1, R_ELR_1, R_VBAR_2, R_ESR_2, R_FAR_2, R_ELR_2,
       R_HCRX, R_MMFR0, R_MAIR, R_MAIR_2, R_HFGITR, R_SPSR_1, R_SPSR_2, R_HPFAR, R_PAR, R_VNCR, R_ISAR0, R_ISAR1,
       R_TCR2_2, R_PIR_2, R_PIRE0_2, REGISTERS };

#define FAST 512 /* pages that were checked since the last synchronisation */

struct vcpu {
	struct nvh_registers registers;
	struct qp_register *handle[REGISTERS], *x[NVH_XS];
	unsigned index;
	uint8_t features; /* HAS_* of the PE, 0 until its first TLBI */
	bool up, dirty, dirty_el2, tentative;
	struct tlbi waiting; /* executed at EL1, unless it turns out to have trapped */
	unsigned waiting_rt;
	struct eret eret; /* whose target is not reached yet, if ``returning`` */
	struct at at;	  /* whose PAR_EL1 was not read yet, if ``translating`` */
	struct context at_context;
	bool returning, translating;
	uint64_t tcr_el1; /* as EL1 had it or EL2 wrote it: at EL2, QEMU 11.1 gives TCR_EL2 for it */
	bool kept; /* el10 is what the registers of EL1&0 and stage 2 have, at EL2, too */
	struct context el10, el2;
	uint64_t gen;
	uint64_t fast[2][FAST], fast_gen[2][FAST];
};

/* What was checked before is to be checked again. Other vCPUs do it to this one, too, so never `gen++`. */
static inline void vcpu_synchronise(struct vcpu *vcpu)
{
	__atomic_add_fetch(&vcpu->gen, 1, __ATOMIC_RELEASE);
}

uint64_t vcpu_read(struct vcpu *vcpu, unsigned which);
uint8_t vcpu_features(struct vcpu *vcpu);
void vcpu_init(struct vcpu *vcpu, unsigned index);
void vcpu_context_el10(struct vcpu *vcpu, struct context *context);
void vcpu_refresh_el10(struct vcpu *vcpu);
void vcpu_refresh_el2(struct vcpu *vcpu);
struct context vcpu_stage2(struct vcpu *vcpu);

#endif
