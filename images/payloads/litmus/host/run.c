// SPDX-License-Identifier: GPL-2.0-only
/* The vCPUs running: the first in the caller's thread with the doorbell, the others each in its own. */
#include "host/run.h"
#include "host/action.h"
#include "host/break.h"
#include "host/clock.h"
#include "host/events.h"
#include "host/huge.h"
#include "host/pin.h"
#include "host/qemu.h"
#include "host/seats.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WAKE_NS 200000

/*
 * Each vCPU on a PE of its own: where two take turns, each loses its TLB to the other, and with it the control.
 */
static bool pin_all(struct vm *vm)
{
	for (unsigned i = 0; i < vm->config.cpus; i++)
		if (!vm_pin(vm, i, vm->config.first_pe + i))
			return false;
	return true;
}

static bool rings(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == DOORBELL_PA;
}

/* An exit that no case asks for: where the guest was led astray, KVM gives the VMM an access that none of its devices has. */
static void unexpected_exit(struct vm *vm, const struct vcpu *v)
{
	const struct kvm_run *run = v->run;

	if (run->exit_reason == KVM_EXIT_MMIO)
		vm_break(vm, "vCPU %u: KVM_EXIT_MMIO at 0x%llx, where no device is", v->index, run->mmio.phys_addr);
	else
		vm_break(vm, "vCPU %u: KVM exit reason %u", v->index, run->exit_reason);
}

/* The first vCPU would wait for this one in vain. */
static void end_the_first(struct vm *vm)
{
	vm->vcpu[0].run->immediate_exit = 1;
	pthread_kill(vm->leader, SIGUSR1);
}

static void run_until_stopped(struct vm *vm, struct vcpu *v)
{
	for (;;) {
		if (__atomic_load_n(&vm->stop, __ATOMIC_ACQUIRE))
			return;
		if (ioctl(v->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			vm_break(vm, "KVM_RUN of vCPU %u: %s", v->index, strerror(errno));
			break;
		}
		if (event_mmio(v->run))
			continue;
		if (rings(v->run) && v->run->mmio.data[0] == DOORBELL_DROP) {
			if (event_drop(vm))
				continue;
			break;
		}
		if (rings(v->run))
			vm_break(vm, "vCPU %u: exception at vEL2: esr=0x%lx elr=0x%lx far=0x%lx", v->index,
				 vm->shared->fatal_esr, vm->shared->fatal_elr, vm->shared->fatal_far);
		else
			unexpected_exit(vm, v);
		break;
	}
	end_the_first(vm);
}

/* A vCPU that halts has nothing that wakes it but a signal, which ends its halt and its KVM_RUN. */
static bool wake_all_the_time(timer_t *timer)
{
	const struct itimerspec each = { .it_value.tv_nsec = WAKE_NS, .it_interval.tv_nsec = WAKE_NS };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1, ._sigev_un._tid = gettid() };

	return !timer_create(CLOCK_MONOTONIC, &event, timer) && !timer_settime(*timer, 0, &each, NULL);
}

static void *follow(void *argument)
{
	struct vcpu *v = argument;
	struct vm *vm = v->vm;
	timer_t timer;

	if (!vm->config.halts) {
		run_until_stopped(vm, v);
		return NULL;
	}
	if (wake_all_the_time(&timer)) {
		run_until_stopped(vm, v);
		timer_delete(timer);
	} else {
		vm_break(vm, "a timer for vCPU %u: %s", v->index, strerror(errno));
		end_the_first(vm);
	}
	return NULL;
}

bool vm_start_followers(struct vm *vm)
{
	vm->leader = pthread_self();
	for (unsigned i = 1; i < vm->config.cpus; i++) {
		int why = pthread_create(&vm->vcpu[i].thread, NULL, follow, &vm->vcpu[i]);

		if (why) {
			errno = why;
			return vm_fails(vm, "pthread_create");
		}
		vm->vcpu[i].started = true;
	}
	return pin_all(vm);
}

static enum ran fatal(struct vm *vm)
{
	const struct shared *s = vm->shared;

	vm_break(vm, "exception at vEL2: esr=0x%lx elr=0x%lx far=0x%lx", s->fatal_esr, s->fatal_elr, s->fatal_far);
	return RAN_FATAL;
}

/* A signal that arrives just before KVM_RUN ends nothing, hence one each second from then on. */
static void deadline_set(struct vm *vm, unsigned timeout_s)
{
	struct itimerspec when = { .it_value.tv_sec = timeout_s, .it_interval.tv_sec = 1 };

	timer_settime(vm->timer, 0, &when, NULL);
}

static enum ran run(struct vm *vm, unsigned timeout_s)
{
	const struct vcpu *v = &vm->vcpu[0];
	double deadline = seconds() + timeout_s;

	deadline_set(vm, timeout_s);
	for (;;) {
		if (vm->broken[0])
			return RAN_BROKEN;
		if (ioctl(v->fd, KVM_RUN, 0) < 0) {
			if (errno == EFAULT && huge_refused(vm))
				continue;
			if (errno != EINTR && errno != EAGAIN) {
				vm_fails(vm, "KVM_RUN");
				return RAN_BROKEN;
			}
			if (seconds() >= deadline)
				return RAN_HANG;
			continue;
		}
		if (event_mmio(v->run))
			continue;
		if (!rings(v->run)) {
			unexpected_exit(vm, v);
			return RAN_BROKEN;
		}
		switch (v->run->mmio.data[0]) {
		case DOORBELL_DONE:
			deadline_set(vm, 0);
			return RAN;
		case DOORBELL_HOST:
			if (!host_action(vm, vm->shared->host_action, vm->shared->host_argument,
					 &vm->shared->host_answer))
				return RAN_BROKEN;
			break;
		default:
			return fatal(vm);
		}
	}
}

enum ran vm_run(struct vm *vm, unsigned timeout_s)
{
	enum ran ran;

	if (vm->config.qemu)
		return qemu_run(vm, timeout_s);
	ran = run(vm, timeout_s);
	seats_stop(vm);
	return ran;
}
