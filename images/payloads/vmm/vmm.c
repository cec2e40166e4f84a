// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-vmm.so: preloaded into the QEMU that runs L1, at L0 (harness/stack/vmm.py). Two things that its options cannot do:
 *
 * NVH_PA_BITS=N         L1's ID_AA64MMFR0_EL1.PARange, 32 to 48. KVM walks each shadow stage 2 up to it, in steps of 1 GiB,
 *                       at every notifier and for each 64 pages of a dirty log: with 52 bits that takes minutes.
 * NVH_MIGRATION=allow   drop the migration blocker of QEMU 10.1 to 11.1 "KVM nested virt is enabled". QEMU does not carry
 *                       ICH_*_EL2: an interrupt of L2 that is in a list register is lost. An L2 without any loses nothing.
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

#define EXPORT __attribute__((visibility("default")))
#define BLOCKER "Live migration disabled because KVM nested virt is enabled"
#define MMFR0 ARM64_SYS_REG(3, 0, 0, 7, 0)
#define PARANGE 0xfull

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

/* The value of PARange for the bits that were asked for (Arm ARM D24.2 ID_AA64MMFR0_EL1); -1 for none. */
static int range(void)
{
	static const char *const bits[] = { "32", "36", "40", "42", "44", "48" };
	const char *wanted = getenv("NVH_PA_BITS");

	for (unsigned i = 0; wanted && i < sizeof(bits) / sizeof(*bits); i++)
		if (!strcmp(wanted, bits[i]))
			return (int)i;
	return -1;
}

/* ID registers are the VM's: whoever sets them again after it ran must set what is there (KVM, set_id_reg()). */
static int limit(int vcpu)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { .id = MMFR0, .addr = (uintptr_t)&value };
	int field = range();

	if (field < 0)
		return 0;
	if (real_ioctl()(vcpu, KVM_GET_ONE_REG, &reg))
		return -1;
	if ((value & PARANGE) == (uint64_t)field)
		return 0;
	value = (value & ~PARANGE) | (uint64_t)field;
	return real_ioctl()(vcpu, KVM_SET_ONE_REG, &reg);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;
	int result;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	result = real_ioctl()(fd, request, argument);
	if (!result && request == KVM_ARM_VCPU_INIT)
		return limit(fd);
	return result;
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
	const char *wanted = getenv("NVH_MIGRATION");

	if (!real)
		*(void **)&real = next("g_slist_prepend");
	if (wanted && !strcmp(wanted, "allow") && data && tells(data, BLOCKER, sizeof(BLOCKER)))
		return list;
	return real(list, data);
}
