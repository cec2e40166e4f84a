// SPDX-License-Identifier: GPL-2.0-only
/* KVM plumbing: VM, memory slots, vCPU threads. No interrupt controller: the guest has no interrupts. */
#include "host.h"
#include "tables.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern const uint8_t guest_image[], guest_image_end[];

static int kvm = -1;

int kvm_open(void)
{
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		fprintf(stderr, "nvh-kvm: /dev/kvm: %s\n", strerror(errno));
	else if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		fprintf(stderr, "nvh-kvm: unknown KVM API\n");
		return -1;
	}
	return kvm;
}

int kvm_print_caps(void)
{
	if (kvm_open() < 0)
		return EXIT_ENVIRONMENT;
	printf("arm_el2=%d\n", ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_EL2) > 0);
	return EXIT_OK;
}

void vm_break(struct vm *vm, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&vm->lock);
	if (!vm->broken[0]) {
		va_start(args, format);
		vsnprintf(vm->broken, sizeof(vm->broken), format, args);
		va_end(args);
	}
	pthread_mutex_unlock(&vm->lock);
}

static bool check(struct vm *vm, int result, const char *what)
{
	if (result < 0)
		vm_break(vm, "%s: %s", what, strerror(errno));
	return result >= 0;
}

bool vm_slot(struct vm *vm, enum slot slot, uint64_t gpa, size_t size, void *memory, uint32_t flags)
{
	return vmm_slot(vm->fd, slot, gpa, size, memory, flags) || check(vm, -1, "KVM_SET_USER_MEMORY_REGION");
}

/* Level 1 of a 39-bit space: 1 GiB blocks, the first one Device memory (Arm ARM D8.3). */
static void build_table(uint64_t *table)
{
	for (uint64_t i = 0; i < 4; i++)
		table[i] = i << 30 | PTE_AF | PTE_SH_INNER | (i ? 0 : PLACE(PTE_S1_ATTR, 1)) | leaf_bits(1);
}

static bool set_reg(struct vcpu *v, uint64_t id, uint64_t value)
{
	return vmm_set_register(v->fd, id, value) || check(v->vm, -1, "KVM_SET_ONE_REG");
}

static bool create_vcpu(struct vm *vm, unsigned index, size_t run_size)
{
	struct vcpu *v = &vm->vcpu[index];
	struct kvm_vcpu_init init;

	*v = (struct vcpu){ .vm = vm, .index = index, .run = MAP_FAILED };
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);
	if (!check(vm, v->fd, "KVM_CREATE_VCPU"))
		return false;
	vm->vcpus = index + 1;
	v->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		return check(vm, -1, "mmap of kvm_run");
	return check(vm, ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET") &&
	       check(vm, ioctl(v->fd, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT") &&
	       set_reg(v, VMM_CORE(regs.pc), IMAGE_GPA) && set_reg(v, VMM_CORE(regs.pstate), SPSR_MODE_EL1H_MASKED) &&
	       set_reg(v, VMM_CORE(regs.regs[0]), index) &&
	       set_reg(v, VMM_CORE(regs.regs[1]), IMAGE_GPA + TABLE_OFFSET) &&
	       set_reg(v, VMM_CORE(regs.regs[2]), IMAGE_GPA + STACK_OFFSET + (index + 1) * STACK_SIZE);
}

bool vm_create(struct vm *vm, unsigned vcpus, size_t pages)
{
	int ipa_bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	*vm = (struct vm){ .fd = -1, .pages = pages, .image = MAP_FAILED, .control = MAP_FAILED,
			   .lock = PTHREAD_MUTEX_INITIALIZER };
	vm->fd = ioctl(kvm, KVM_CREATE_VM, ipa_bits > 0 && ipa_bits < 40 ? (unsigned long)ipa_bits : 0ul);
	if (!check(vm, vm->fd, "KVM_CREATE_VM"))
		return false;
	vm->image = mmap(NULL, IMAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vm->control = mmap(NULL, sizeof(*vm->control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm->image == MAP_FAILED || vm->control == MAP_FAILED)
		return check(vm, -1, "mmap");
	memcpy(vm->image, guest_image, (size_t)(guest_image_end - guest_image));
	__builtin___clear_cache((char *)vm->image, (char *)vm->image + IMAGE_SIZE);
	build_table((uint64_t *)(vm->image + TABLE_OFFSET));
	if (!vm_slot(vm, SLOT_IMAGE, IMAGE_GPA, IMAGE_SIZE, vm->image, 0) ||
	    !vm_slot(vm, SLOT_CONTROL, CONTROL_GPA, (sizeof(*vm->control) + page_size - 1) & -page_size, vm->control, 0))
		return false;
	for (unsigned i = 0; i < vcpus; i++)
		if (!create_vcpu(vm, i, (size_t)run_size))
			return false;
	vm->control->page_size = page_size;
	vm->control->vcpus = vcpus;
	cover(vm, 0, 1, true);
	return true;
}

static void rest(const struct vcpu *v)
{
	struct vm *vm = v->vm;
	uint64_t done = vm->control->report[v->index].done_epoch;
	double begun = seconds();

	while (!__atomic_load_n(&vm->stop, __ATOMIC_ACQUIRE) && !vm->broken[0] &&
	       __atomic_load_n(&vm->control->epoch, __ATOMIC_ACQUIRE) == done)
		wait_a_little(begun);
}

static void serve_mmio(struct vcpu *v)
{
	struct vm *vm = v->vm;
	uint64_t at = v->run->mmio.phys_addr, value = 0;

	if (at >= REGION_GPA && at < REGION_GPA + vm->pages * page_size) {
		__atomic_add_fetch(&v->mmios, 1, __ATOMIC_RELAXED);
		value = value_of(__atomic_load_n(&vm->mmio_seed, __ATOMIC_ACQUIRE), (at - REGION_GPA) / page_size);
		if (!v->run->mmio.is_write)
			memcpy(v->run->mmio.data, &value, sizeof(value));
		return;
	}
	memcpy(&value, v->run->mmio.data, sizeof(value));
	if (at == DOORBELL_GPA && v->run->mmio.is_write && value == DOORBELL_HELLO)
		return;
	if (at == DOORBELL_GPA && v->run->mmio.is_write && value == DOORBELL_REST) {
		rest(v);
		return;
	}
	if (at == DOORBELL_GPA && v->run->mmio.is_write && value == DOORBELL_EXCEPTION) {
		const struct report *r = &vm->control->report[v->index];

		vm_break(vm, "exception in the guest: vcpu=%u esr=0x%lx far=0x%lx elr=0x%lx", v->index, r->esr, r->far,
			 r->elr);
		return;
	}
	vm_break(vm, "unexpected MMIO %s at 0x%lx", v->run->mmio.is_write ? "write" : "read", at);
}

static void *vcpu_main(void *argument)
{
	struct vcpu *v = argument;
	struct vm *vm = v->vm;

	__atomic_store_n(&v->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&vm->stop, __ATOMIC_ACQUIRE) && !vm->broken[0]) {
		if (ioctl(v->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			if (errno != EFAULT) {
				vm_break(vm, "KVM_RUN: %s", strerror(errno));
				break;
			}
			/* No usable host mapping behind the access right now: try again. */
			__atomic_add_fetch(&v->efaults, 1, __ATOMIC_RELAXED);
			usleep(500);
		} else if (v->run->exit_reason == KVM_EXIT_MMIO) {
			serve_mmio(v);
		} else {
			vm_break(vm, "unexpected exit reason %u", v->run->exit_reason);
		}
	}
	return NULL;
}

static void on_kick(int signal)
{
	(void)signal; /* its delivery ends KVM_RUN with EINTR */
}

bool vm_start(struct vm *vm)
{
	struct sigaction action = { .sa_handler = on_kick };

	sigaction(SIGUSR1, &action, NULL);
	vm->running = true;
	for (unsigned i = 0; i < vm->vcpus; i++) {
		int why = pthread_create(&vm->vcpu[i].thread, NULL, vcpu_main, &vm->vcpu[i]);

		if (why) {
			vm_break(vm, "pthread_create: %s", strerror(why));
			vm->vcpus = i;
			return false;
		}
	}
	return true;
}

void vm_destroy(struct vm *vm)
{
	int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	__atomic_store_n(&vm->stop, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < vm->vcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		if (vm->running && v->run != MAP_FAILED) {
			v->run->immediate_exit = 1; /* closes the race between the flag and KVM_RUN */
			pthread_kill(v->thread, SIGUSR1);
			pthread_join(v->thread, NULL);
		}
		if (v->run != MAP_FAILED)
			munmap(v->run, (size_t)run_size);
		close(v->fd);
	}
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->image != MAP_FAILED)
		munmap(vm->image, IMAGE_SIZE);
	if (vm->control != MAP_FAILED)
		munmap(vm->control, sizeof(*vm->control));
	vm->fd = -1;
}

uint64_t vm_faults(const struct vm *vm)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < vm->vcpus; i++)
		n += __atomic_load_n(&vm->vcpu[i].efaults, __ATOMIC_RELAXED);
	return n;
}

uint64_t vm_mmio(const struct vm *vm)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < vm->vcpus; i++)
		n += __atomic_load_n(&vm->vcpu[i].mmios, __ATOMIC_RELAXED);
	return n;
}
