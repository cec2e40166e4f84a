/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM's objects beside the VM itself. A false leaves its reason in vm->broken. */
#ifndef NVH_LITMUS_HOST_VCPU_H
#define NVH_LITMUS_HOST_VCPU_H

#include "host/vm_state.h"

/* The file descriptor of /dev/kvm, or -1 with errno. */
int kvm_open(void);
bool kvm_has_el2(void);
bool kvm_has_e2h0(void);
bool vcpu_create(struct vm *vm, unsigned index);
bool vcpu_online(struct vm *vm, unsigned index);
bool vcpu_start_at_image(struct vm *vm, unsigned index);
bool vm_create_gic(struct vm *vm);
bool vm_create_counters(struct vm *vm);
/* What config hides from L1. */
bool vm_shape(struct vm *vm);
/* Where a vCPU was when it last left KVM_RUN. */
uint64_t vm_pc(const struct vm *vm, unsigned index);
/* PSTATE.EL is 1 or 0 in L2, and 2 at vEL2 (the kernel's own view, KVM_REG_ARM_CORE). */
bool vcpu_in_l2(const struct vm *vm, unsigned index);

#endif
