// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-vmm.so: preloaded into the QEMU that runs L1, at L0 (harness/stack/vmm.py), so that L1 can be migrated, or be a
 * hypervisor that does not know VHE.
 *
 * It drops the migration blocker of QEMU 10.1 to 11.1 "KVM nested virt is enabled". QEMU does not carry ICH_*_EL2: an
 * interrupt of L2 that is in a list register is lost. An L2 without any loses nothing.
 *
 * It hides KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2. With it QEMU begins with every page dirty, and KVM 7.3 write-protects all
 * of each shadow stage 2 for each 64 pages that QEMU then clears: an L1 of 384 MiB means 1536 walks, under one lock.
 * Without it the log begins clean, and there is a walk for each 64 pages of which one was written.
 *
 * With NVH_VMM_NVHE in the environment, vCPUs with EL2 get KVM_ARM_VCPU_HAS_EL2_E2H0: HCR_EL2.E2H is 0 and not 1 for
 * ever. QEMU 11.1 asks for the latter alone, and Xen cannot do with it.
 */
#include <dlfcn.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Headers before v6.16 name neither (Documentation/virt/kvm/api.rst). */
#define HAS_EL2 (1u << 7)
#define HAS_EL2_E2H0 (1u << 8)

#define EXPORT __attribute__((visibility("default")))
#define BLOCKER "Live migration disabled because KVM nested virt is enabled"

typedef int (*ioctl_function)(int fd, unsigned long request, void *argument);
typedef void *(*prepend_function)(void *list, void *data);

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

static ioctl_function real_ioctl(void)
{
	static ioctl_function found;

	if (!found)
		*(void **)&found = next("ioctl");
	return found;
}

static void without_vhe(struct kvm_vcpu_init *init)
{
	if (init->features[0] & HAS_EL2)
		init->features[0] |= HAS_EL2_E2H0;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (request == KVM_ARM_VCPU_INIT && getenv("NVH_VMM_NVHE"))
		without_vhe(argument);
	if (request == KVM_CHECK_EXTENSION && (uintptr_t)argument == KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2)
		return 0;
	return real_ioctl()(fd, request, argument);
}

/* Whether `data` begins with a pointer to `text`: QEMU's struct Error does, other data may be no pointer at all. */
static int tells(void *data, const char *text, size_t size)
{
	char seen[sizeof(BLOCKER)];
	void *at = NULL;
	struct iovec here = { &at, sizeof(at) }, there = { data, sizeof(at) };

	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != (ssize_t)sizeof(at))
		return 0;
	here = (struct iovec){ seen, size };
	there = (struct iovec){ at, size };
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size && !memcmp(seen, text, size);
}

/* QEMU keeps its blockers in lists of GLib's, a library of its own. */
EXPORT void *g_slist_prepend(void *list, void *data)
{
	static prepend_function real;

	if (!real)
		*(void **)&real = next("g_slist_prepend");
	if (data && tells(data, BLOCKER, sizeof(BLOCKER)))
		return list;
	return real(list, data);
}
