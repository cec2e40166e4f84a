/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs on the host, inside QEMU: nvh-hold. main.c is what QEMU calls, decide.c what is held and for how long. */
#ifndef NVH_HOLD_H
#define NVH_HOLD_H

#include "hold/format.h"
#include "plugin.h"

#define NVH_PLUGIN "nvh-hold"
#define NVH_VCPUS 16

struct nvh_vcpu {
	struct nvh_registers registers;
	struct qp_register *cpsr, *sp, *lr, *tpidr;
	bool ready;
};

/* A vCPU that executes L0's kernel. */
struct nvh_here {
	const struct nvh_vcpu *vcpu;
	uint64_t pc, sp;
	int cpu;
	bool el2;
};

extern struct nvh_hold_header *nvh_head;
extern struct nvh_hold *nvh_holds;
extern bool nvh_parallel;

void nvh_lock(void);
void nvh_unlock(void);
/* Instructions of all vCPUs. */
uint64_t nvh_executed(void);
void nvh_log(enum nvh_hold_what what, int place, int cpu, unsigned int hold, unsigned int why);

/* All under the lock. They return the address at which the vCPU goes on, or 0: as it is. */
uint64_t nvh_arrive(const struct nvh_here *here, const struct nvh_hold_address *place);
/* `cost`: instructions that this turn counted for. */
uint64_t nvh_turn(const struct nvh_here *here, uint64_t cost);
/* Without the lock: worth a look. */
bool nvh_anybody_held(void);

#endif
