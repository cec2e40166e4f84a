// SPDX-License-Identifier: GPL-2.0-only
/* The VM on /dev/kvm: how it begins and ends. */
#include "host/vm.h"
#include "host/break.h"
#include "host/memory.h"
#include "host/qemu.h"
#include "host/run.h"
#include "host/vcpu.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define START_TIMEOUT_S 10

static void on_signal(int signal)
{
	(void)signal; /* its delivery ends KVM_RUN with EINTR */
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

void vm_where(struct vm *vm, char *out, size_t size)
{
	int used;

	halt(vm);
	used = snprintf(out, size, "why=\"no answer in time%s", vm->config.qemu ? "" : ":");

	for (unsigned i = 0; !vm->config.qemu && i < vm->config.cpus && used > 0 && (size_t)used < size; i++) {
		used += snprintf(out + used, size - (size_t)used, " vcpu%u at %s pc=0x%lx", i,
				 vcpu_in_l2(vm, i) ? "L2" : "vEL2", vm_pc(vm, i));
	}
	if (used > 0 && (size_t)used + 1 < size)
		strcat(out, "\"");
}

/* KVM may have less to offer: applies() tells by what L1 has. */
static unsigned ipa_bits(const struct config *config)
{
	int most = ioctl(kvm_open(), KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	return config->far && most > PHYSICAL_BITS ? (unsigned)(most < config->pa_bits ? most : config->pa_bits)
						   : PHYSICAL_BITS;
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
	if (kvm_open() < 0)
		return vm_fails(vm, "/dev/kvm");
	vm->ipa_bits = ipa_bits(config);
	vm->fd = ioctl(kvm_open(), KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(vm->ipa_bits));
	if (vm->fd < 0)
		return vm_fails(vm, "KVM_CREATE_VM");
	if (config->halts && ioctl(vm->fd, KVM_ENABLE_CAP, &(struct kvm_enable_cap){ .cap = KVM_CAP_HALT_POLL }))
		return vm_fails(vm, "KVM_CAP_HALT_POLL");
	if (config->cpus + config->spare > CPUS_MAX) {
		vm_break(vm, "%u vCPUs are more than %u", config->cpus + config->spare, CPUS_MAX);
		return false;
	}
	for (unsigned i = 0; i < config->cpus + config->spare; i++)
		if (!vcpu_create(vm, i))
			return false;
	if (!vm_create_gic(vm) || !vm_create_counters(vm) || !vm_shape(vm) || !memory_create(vm))
		return false;
	for (unsigned i = 0; i < config->cpus; i++)
		if (!vcpu_start_at_image(vm, i))
			return false;
	/* The first doorbell says that vEL2 is up; only then may the others look at its tables. */
	if (vm_run(vm, START_TIMEOUT_S) != RAN) {
		vm_break(vm, "the payload does not start: pc=0x%lx", vm_pc(vm, 0));
		return false;
	}
	return vm_start_followers(vm);
}

void vm_leave(struct vm *vm)
{
	if (vm->config.qemu) {
		qemu_destroy(vm);
		return;
	}
	halt(vm);
	if (vm->timed)
		timer_delete(vm->timer);
}

void vm_destroy(struct vm *vm)
{
	int run_size = ioctl(kvm_open(), KVM_GET_VCPU_MMAP_SIZE, 0);

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
	memory_destroy(vm);
}
