/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM of nvh-litmus as data: what it was asked to be, and what it consists of. */
#ifndef NVH_LITMUS_HOST_VM_STATE_H
#define NVH_LITMUS_HOST_VM_STATE_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "shared/shared.h"

/* What a case needs of its VM. Cases that agree share one. */
struct config {
	uint8_t cpus;
	bool e2h0;	    /* KVM_ARM_VCPU_HAS_EL2_E2H0: an nVHE hypervisor */
	bool hide_range;    /* ID_AA64ISAR0_EL1.TLB: OS only */
	bool hide_os;	    /* ID_AA64ISAR0_EL1.TLB: neither OS nor RANGE */
	bool hide_xs;	    /* ID_AA64ISAR1_EL1.XS */
	bool hide_flags;    /* ID_AA64MMFR1_EL1.HAFDBS */
	bool huge;	    /* MADV_HUGEPAGE for the data */
	bool qemu;	    /* QEMU is the VMM */
	bool bare;	    /* the machine is QEMU's own: true EL2, where HCR_EL2.E2H begins as 0 */
	uint8_t first_pe;   /* CPU of L0 that the first vCPU runs on */
	uint8_t spare;	    /* vCPUs that never run: each brings two shadow stage-2 contexts */
	bool late;	    /* these are initialised when EVENT_ONLINE asks for it */
	uint8_t vel2_shift; /* granule of vEL2's own tables; 0: 4K */
	bool no_l2;	    /* none runs in it, so that L0 has no shadow context to walk at its own events */
	bool halts; /* vCPUs halt: L0 does not poll for them, and signals wake them */
	uint8_t pa_bits;    /* of L1, and so of its stage 2; 0: PHYSICAL_BITS */
	bool counters; /* KVM_ARM_VCPU_PMU_V3, where KVM has it */
	bool far;     /* memory of L1 above PHYSICAL_BITS, up to that */
};

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
};

struct vm;
enum other_vm {
	OTHER_VM_COMES_AND_GOES,
	OTHER_VM_BEGINS,
	OTHER_VM_ENDS,
	OTHER_VM_IS_GONE, /* it ends, where there is one */
};
/* host/teardown.h has the one there is; true EL2 has none. */
typedef bool (*other_vm_action)(struct vm *vm, enum other_vm what);

struct vm {
	int fd;
	struct config config;
	uint64_t features; /* ID_AA64ISAR0_EL1.TLB and so on, see host/features.h */
	struct vcpu vcpu[CPUS_MAX];
	unsigned ipa_bits; /* of its memory */
	uint8_t *low, *data;
	uint8_t *event[2]; /* memory for EVENT_PA; the first is there to begin with */
	bool event_present;
	struct shared *shared;
	bool stop;
	bool online; /* config.late, and they are no more */
	pthread_t leader; /* the thread of the first vCPU */
	timer_t timer;	  /* ends its KVM_RUN */
	bool timed;
	other_vm_action other_vm; /* EVENT_OTHER_VM and the two behind it */
	struct disturbance *disturbance;
	struct seats *seats;
	int qemu, ram, image; /* --vmm qemu: the process, and files in memory */
	uint64_t rings;	      /* of its doorbell */
	unsigned refused; /* accesses of L2 to protected memory */
	int child, child_go; /* of HUGE_FORK */
	char broken[160];
};

enum ran { RAN, RAN_FATAL, RAN_HANG, RAN_BROKEN };

#endif
