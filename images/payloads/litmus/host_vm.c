// SPDX-License-Identifier: GPL-2.0
/* The VM on /dev/kvm: memory, vCPUs with EL2, and the payload's doorbell. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

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

#define START_TIMEOUT_S 10
#define GICD_PA 0x08000000
#define GICR_PA 0x080a0000

#define REGISTER(op0, op1, crn, crm, op2) ARM64_SYS_REG(op0, op1, crn, crm, op2)
#define ID_AA64MMFR0_EL1 REGISTER(3, 0, 0, 7, 0)
#define ID_AA64ISAR0_EL1 REGISTER(3, 0, 0, 6, 0)
#define ID_AA64ISAR1_EL1 REGISTER(3, 0, 0, 6, 1)
#define CORE(name) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))

extern const uint8_t litmus_image[], litmus_image_end[];

static int kvm = -1;

void vm_break(struct vm *vm, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!vm->broken[0])
		vsnprintf(vm->broken, sizeof(vm->broken), format, args);
	va_end(args);
}

bool vm_fails(struct vm *vm, const char *what)
{
	vm_break(vm, "%s: %s", what, strerror(errno));
	return false;
}

static bool kvm_open(void)
{
	if (kvm < 0)
		kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	return kvm >= 0;
}

bool kvm_has_el2(void)
{
	return kvm_open() && ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_EL2) > 0;
}

bool kvm_has_e2h0(void)
{
	return kvm_open() && ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_EL2_E2H0) > 0;
}

static bool get_register(const struct vcpu *v, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return !ioctl(v->fd, KVM_GET_ONE_REG, &reg);
}

static bool set_register(const struct vcpu *v, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return !ioctl(v->fd, KVM_SET_ONE_REG, &reg);
}

static bool set_field(struct vm *vm, uint64_t id, unsigned low, uint64_t field)
{
	uint64_t value;

	if (!get_register(&vm->vcpu[0], id, &value))
		return vm_fails(vm, "KVM_GET_ONE_REG of an ID register");
	value = (value & ~(0xfull << low)) | field << low;
	return set_register(&vm->vcpu[0], id, value) || vm_fails(vm, "KVM_SET_ONE_REG of an ID register");
}

bool vm_slot(struct vm *vm, unsigned slot, uint64_t pa, uint64_t size, void *memory, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = pa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	return !ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) || vm_fails(vm, "KVM_SET_USER_MEMORY_REGION");
}

static bool create_vcpu(struct vm *vm, unsigned index)
{
	struct vcpu *v = &vm->vcpu[index];
	struct kvm_vcpu_init init;

	v->vm = vm;
	v->index = index;
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);
	if (v->fd < 0)
		return vm_fails(vm, "KVM_CREATE_VCPU");
	if (ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return vm_fails(vm, "KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1 << KVM_ARM_VCPU_HAS_EL2;
	if (vm->config.e2h0)
		init.features[0] |= 1 << KVM_ARM_VCPU_HAS_EL2_E2H0;
	if (ioctl(v->fd, KVM_ARM_VCPU_INIT, &init) < 0)
		return vm_fails(vm, "KVM_ARM_VCPU_INIT with EL2");
	v->run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
		      0);
	if (v->run == MAP_FAILED)
		return vm_fails(vm, "mmap of the vCPU");
	return true;
}

static bool start_registers(struct vm *vm, unsigned index)
{
	const struct vcpu *v = &vm->vcpu[index];

	return (set_register(v, CORE(regs.pc), IMAGE_PA) && set_register(v, CORE(regs.regs[0]), index)) ||
	       vm_fails(vm, "KVM_SET_ONE_REG");
}

static bool set_attribute(struct vm *vm, int device, unsigned group, uint64_t attribute, uint64_t value)
{
	struct kvm_device_attr attr = { .group = group, .attr = attribute, .addr = (uintptr_t)&value };

	return !ioctl(device, KVM_SET_DEVICE_ATTR, &attr) || vm_fails(vm, "KVM_SET_DEVICE_ATTR of the GIC");
}

/*
 * The payload uses no interrupt. But without an irqchip in the kernel KVM_RUN of a vCPU with EL2 gives EINTR
 * for ever (7.3: kvm_vcpu_exit_request() asks user space to look at the timers).
 */
static bool create_gic(struct vm *vm)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	bool done;

	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &device) < 0)
		return vm_fails(vm, "KVM_CREATE_DEVICE of a GICv3");
	done = set_attribute(vm, device.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD_PA) &&
	       set_attribute(vm, device.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, GICR_PA) &&
	       set_attribute(vm, device.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
	close(device.fd);
	return done;
}

/*
 * 40 bits of PA: KVM unmaps shadow stage 2 in steps of at most a block of the first level, up to the PA size, at
 * each VMALLS12E1, which is slow for 48.
 */
static bool shape(struct vm *vm)
{
	const struct config *c = &vm->config;

	if (!set_field(vm, ID_AA64MMFR0_EL1, 0, 2))
		return false;
	if ((c->hide_os || c->hide_range) && !set_field(vm, ID_AA64ISAR0_EL1, 56, c->hide_os ? 0 : 1))
		return false;
	return !c->hide_xs || set_field(vm, ID_AA64ISAR1_EL1, 56, 0);
}

static void *anonymous(size_t size)
{
	/* Aligned to the largest block, so that L0 may use huge pages where it wants to. */
	size_t slack = 1 << 21;
	uint8_t *at = mmap(NULL, size + slack, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t head;

	if (at == MAP_FAILED)
		return NULL;
	head = (slack - (uintptr_t)at % slack) % slack;
	if (head)
		munmap(at, head);
	munmap(at + head + size, slack - head);
	return at + head;
}

static bool create_memory(struct vm *vm)
{
	vm->low = anonymous(LOW_SIZE);
	vm->data = anonymous(DATA_SIZE);
	vm->event[0] = anonymous(EVENT_SIZE);
	vm->event[1] = anonymous(EVENT_SIZE);
	if (!vm->low || !vm->data || !vm->event[0] || !vm->event[1])
		return vm_fails(vm, "mmap of the guest's memory");
	if (vm->config.huge)
		madvise(vm->data, DATA_SIZE, MADV_HUGEPAGE);
	else
		madvise(vm->data, DATA_SIZE, MADV_NOHUGEPAGE);
	/* A child of fork() needs the first event memory only (host_huge.c). */
	madvise(vm->low, LOW_SIZE, MADV_DONTFORK);
	madvise(vm->data, DATA_SIZE, MADV_DONTFORK);
	madvise(vm->event[1], EVENT_SIZE, MADV_DONTFORK);
	vm->event_present = true;
	memcpy(vm->low, litmus_image, (size_t)(litmus_image_end - litmus_image));
	vm->shared = (struct shared *)(vm->low + (SHARED_PA - IMAGE_PA));
	vm->shared->cpus = vm->config.cpus;
	vm->shared->vel2_shift = vm->config.vel2_shift ? vm->config.vel2_shift : 12;
	return vm_slot(vm, 0, IMAGE_PA, LOW_SIZE, vm->low, 0) && vm_slot(vm, 1, DATA_PA, DATA_SIZE, vm->data, 0) &&
	       vm_slot(vm, 2, EVENT_PA, EVENT_SIZE, vm->event[0], 0);
}

static void on_signal(int signal)
{
	(void)signal; /* its delivery ends KVM_RUN with EINTR */
}

uint64_t vm_pc(const struct vm *vm, unsigned index)
{
	uint64_t pc = 0;

	get_register(&vm->vcpu[index], CORE(regs.pc), &pc);
	return pc;
}

/* End the threads of the other vCPUs: nobody can ask anything about a vCPU while it runs. */
static void halt(struct vm *vm)
{
	__atomic_store_n(&vm->stop, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		struct vcpu *v = &vm->vcpu[i];

		if (!v->started)
			continue;
		v->run->immediate_exit = 1; /* closes the race between the flag and KVM_RUN */
		pthread_kill(v->thread, SIGUSR1);
		pthread_join(v->thread, NULL);
		v->started = false;
	}
}

/* A vCPU in L2 has PSTATE.EL 1 or 0, vEL2 has 2 (the kernel's own view of PSTATE, KVM_REG_ARM_CORE). */
void vm_where(struct vm *vm, char *out, size_t size)
{
	int used;

	halt(vm);
	used = snprintf(out, size, "why=\"no answer in time%s", vm->config.qemu ? "" : ":");

	for (unsigned i = 0; !vm->config.qemu && i < vm->config.cpus && used > 0 && (size_t)used < size; i++) {
		uint64_t pstate = 0;

		get_register(&vm->vcpu[i], CORE(regs.pstate), &pstate);
		used += snprintf(out + used, size - (size_t)used, " vcpu%u at %s pc=0x%lx", i,
				 (pstate >> 2 & 3) == 2 ? "vEL2" : "L2", vm_pc(vm, i));
	}
	if (used > 0 && (size_t)used + 1 < size)
		strcat(out, "\"");
}

bool vm_create(struct vm *vm, const struct config *config)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = SIGALRM,
				  ._sigev_un._tid = gettid() };

	memset(vm, 0, sizeof(*vm));
	vm->config = *config;
	vm->fd = -1;
	for (unsigned i = 0; i < CPUS_MAX; i++)
		vm->vcpu[i].fd = -1;
	if (config->qemu)
		return qemu_create(vm);
	vm->leader = pthread_self();
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	vm->timed = !timer_create(CLOCK_MONOTONIC, &event, &vm->timer);
	if (!vm->timed)
		return vm_fails(vm, "timer_create");
	if (!kvm_open())
		return vm_fails(vm, "/dev/kvm");
	vm->fd = ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(PHYSICAL_BITS));
	if (vm->fd < 0)
		return vm_fails(vm, "KVM_CREATE_VM");
	if (config->cpus + config->spare > CPUS_MAX) {
		vm_break(vm, "%u vCPUs are more than %u", config->cpus + config->spare, CPUS_MAX);
		return false;
	}
	for (unsigned i = 0; i < config->cpus + config->spare; i++)
		if (!create_vcpu(vm, i))
			return false;
	if (!create_gic(vm) || !shape(vm) || !create_memory(vm))
		return false;
	for (unsigned i = 0; i < config->cpus; i++)
		if (!start_registers(vm, i))
			return false;
	/* The first doorbell says that vEL2 is up; only then may the others look at its tables. */
	if (vm_run(vm, START_TIMEOUT_S) != RAN) {
		vm_break(vm, "the payload does not start: pc=0x%lx", vm_pc(vm, 0));
		return false;
	}
	return vm_start_followers(vm);
}

void vm_destroy(struct vm *vm)
{
	int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (vm->config.qemu) {
		qemu_destroy(vm);
		return;
	}
	halt(vm);
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		struct vcpu *v = &vm->vcpu[i];

		if (v->run && v->run != MAP_FAILED)
			munmap(v->run, (size_t)run_size);
		if (v->fd >= 0)
			close(v->fd);
	}
	if (vm->timed)
		timer_delete(vm->timer);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->low)
		munmap(vm->low, LOW_SIZE);
	if (vm->data)
		munmap(vm->data, DATA_SIZE);
	for (unsigned i = 0; i < 2; i++)
		if (vm->event[i])
			munmap(vm->event[i], EVENT_SIZE);
}
