// SPDX-License-Identifier: GPL-2.0-only
#include "vmm.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define BLOCK (2ul << 20)
#define COLLAPSES 100 /* attempts */

bool vmm_slot(int vm, unsigned slot, uint64_t gpa, size_t size, void *memory, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	return !ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

bool vmm_get_register(int vcpu, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return !ioctl(vcpu, KVM_GET_ONE_REG, &reg);
}

bool vmm_set_register(int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return !ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

void *vmm_memory(size_t size)
{
	return vmm_aligned(size, BLOCK);
}

void *vmm_aligned(size_t size, size_t block)
{
	uint8_t *at =
		mmap(NULL, size + block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t head;

	if (at == MAP_FAILED)
		return NULL;
	head = (block - (uintptr_t)at % block) % block;
	if (head)
		munmap(at, head);
	munmap(at + head + size, block - head);
	return at + head;
}

long vmm_huge_kib(const void *memory, size_t size)
{
	uintptr_t at = (uintptr_t)memory;
	FILE *file = fopen("/proc/self/smaps", "re");
	long total = -1, kib;
	char line[512];
	bool inside = false;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start < at + size && end > at;
		else if (inside && sscanf(line, "AnonHugePages: %ld kB", &kib) == 1)
			total = (total < 0 ? 0 : total) + kib;
	}
	fclose(file);
	return total;
}

bool vmm_collapse(void *at, size_t size)
{
	for (int i = 0; i < COLLAPSES; i++) {
		if (!madvise(at, size, MADV_COLLAPSE))
			return true;
		if (errno != EAGAIN && errno != EBUSY)
			return false;
		usleep(2000);
	}
	return false;
}
