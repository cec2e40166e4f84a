/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs on the host, inside QEMU: what the parts of nvh-coverage share. */
#ifndef NVH_COVERAGE_H
#define NVH_COVERAGE_H

#include "coverage/format.h"
#include "plugin.h"

#define NVH_PLUGIN "nvh-coverage"
#define NVH_VCPUS NVH_COVERAGE_VCPUS

/* How to read the registers of the vCPU that executes; which one that is, QEMU's index does not tell (cost.c). */
struct nvh_vcpu {
	struct nvh_registers registers;
	struct qp_register *cpsr, *elr, *esr, *hcr, *tpidr;
	struct qp_register *x[NVH_XS];
	bool ready;
};

extern struct nvh_vcpu nvh_vcpus[NVH_VCPUS];
extern struct nvh_coverage *nvh_file;

/* A block of EL2 is about to run, before its instructions are counted. */
void nvh_cost_at_block(const struct nvh_vcpu *vcpu, unsigned int index);
/* Whether the instruction concerns the cost; registers what is to be done about it. */
void nvh_cost_watch(struct qp_insn *insn, uint32_t word, uint64_t pc);

#endif
