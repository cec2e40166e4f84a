/* SPDX-License-Identifier: GPL-2.0-only */
/* What each of our VMMs (nvh-kvm, nvh-litmus) does with /dev/kvm and with its guest's memory. */
#ifndef NVH_VMM_H
#define NVH_VMM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Headers before v6.16 name none of these (Documentation/virt/kvm/api.rst, KVM_ARM_VCPU_HAS_EL2). */
#ifndef KVM_CAP_ARM_EL2
#define KVM_CAP_ARM_EL2 240
#define KVM_CAP_ARM_EL2_E2H0 241
#endif
#ifndef KVM_ARM_VCPU_HAS_EL2
#define KVM_ARM_VCPU_HAS_EL2 7
#endif
#ifndef KVM_ARM_VCPU_HAS_EL2_E2H0
#define KVM_ARM_VCPU_HAS_EL2_E2H0 8
#endif

/* KVM_REG_ARM_CORE register of the field of struct kvm_regs. */
#define VMM_CORE(field) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(field))

/* KVM_SET_USER_MEMORY_REGION; size 0 deletes. False with errno. */
bool vmm_slot(int vm, unsigned slot, uint64_t gpa, size_t size, void *memory, uint32_t flags);
/* KVM_GET_ONE_REG and KVM_SET_ONE_REG of 64 bits. False with errno. */
bool vmm_get_register(int vcpu, uint64_t id, uint64_t *value);
bool vmm_set_register(int vcpu, uint64_t id, uint64_t value);
/* Anonymous memory at a 2 MiB boundary, so that huge pages can back it; NULL when there is none. */
void *vmm_memory(size_t size);
/* The same at a multiple of `block`, which is one of the page size and larger. */
void *vmm_aligned(size_t size, size_t block);
/* KiB that huge pages back, of all mappings that touch `at` (AnonHugePages in smaps); -1 when it cannot be told. */
long vmm_huge_kib(const void *at, size_t size);
/* MADV_COLLAPSE; a vCPU that faults holds a reference to the page for a moment (EAGAIN). False with errno. */
bool vmm_collapse(void *at, size_t size);

#endif
