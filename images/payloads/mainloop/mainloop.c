/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Preloaded into QEMU on the host under -icount: the main thread gets QEMU's big lock (BQL) from the hands of
 * the vCPU thread only.
 *
 * Both threads run the timers of virtual time: the vCPU thread between two slices, the main thread whenever it
 * comes round and holds the lock (QEMU's docs/devel/multi-thread-tcg.rst and tcg-icount.rst). When the main thread
 * gets the lock after a slice was counted and before the vCPU thread is back, it serves what the vCPU thread would
 * have served a moment later, at another point of the round through the vCPUs. Their order then depends on the
 * host's scheduler, and so does when time moves on while all vCPUs are halted. Here the lock passes to the main
 * thread where the vCPU thread releases it, with all expired timers served, or while the vCPU thread waits to be
 * woken.
 *
 * No file and no option of QEMU changes. Its use tells which mutex is the BQL: the main thread waits with it until
 * the vCPU thread is made, and then that thread, with the same one, to be started.
 */
#define _GNU_SOURCE
#include "whole_slices.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define EXPORTED __attribute__((visibility("default")))

/* A QEMU that does something else than what is said above becomes slow and does not hang. */
#define LONGEST_WAIT_S 5

typedef int mutex_function(pthread_mutex_t *);
typedef int wait_function(pthread_cond_t *, pthread_mutex_t *);
typedef int timedwait_function(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

static mutex_function *real_lock;
static mutex_function *real_unlock;
static wait_function *real_wait;
static timedwait_function *real_timedwait;

static pthread_t main_thread;
static pthread_t vcpu_thread; /* valid once `bql` is set */
static _Atomic(pthread_mutex_t *) waited_with; /* by the main thread, last */
static _Atomic(pthread_mutex_t *) bql;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* guards the two flags */
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static bool vcpu_away; /* the vCPU thread has released the BQL and is not back */
static bool main_turn; /* the main thread wants the BQL, or has it */

__attribute__((constructor)) static void find_real(void)
{
	real_lock = (mutex_function *)dlsym(RTLD_NEXT, "pthread_mutex_lock");
	real_unlock = (mutex_function *)dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	real_wait = (wait_function *)dlsym(RTLD_NEXT, "pthread_cond_wait");
	real_timedwait = (timedwait_function *)dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	main_thread = pthread_self();
}

static bool in_main(void)
{
	return pthread_equal(pthread_self(), main_thread);
}

static bool in_vcpu(void)
{
	return pthread_equal(pthread_self(), vcpu_thread);
}

/* With `turn` held. */
static void wait_while(const bool *flag)
{
	struct timespec end;

	if (!*flag)
		return;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += LONGEST_WAIT_S;
	while (*flag && real_timedwait(&turn_changed, &turn, &end) != ETIMEDOUT)
		;
}

static void set(bool *flag, bool value)
{
	real_lock(&turn);
	*flag = value;
	pthread_cond_broadcast(&turn_changed);
	real_unlock(&turn);
}

EXPORTED int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int error;

	if (!real_lock)
		find_real();
	if (mutex != atomic_load(&bql))
		return real_lock(mutex);
	if (in_main()) {
		real_lock(&turn);
		main_turn = true;
		wait_while(&vcpu_away);
		real_unlock(&turn);
		return real_lock(mutex);
	}
	error = real_lock(mutex);
	if (in_vcpu())
		set(&vcpu_away, false);
	return error;
}

EXPORTED int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	int error;

	if (!real_unlock)
		find_real();
	if (mutex != atomic_load(&bql))
		return real_unlock(mutex);
	if (in_main()) {
		error = real_unlock(mutex);
		set(&main_turn, false);
		return error;
	}
	if (!in_vcpu())
		return real_unlock(mutex);
	real_lock(&turn);
	error = real_unlock(mutex);
	wait_while(&main_turn);
	vcpu_away = true;
	real_unlock(&turn);
	return error;
}

/* The main thread may be about to wait for the vCPU thread: its turn is over. Also tells the BQL. */
static void before_wait(pthread_mutex_t *mutex)
{
	if (in_main()) {
		atomic_store(&waited_with, mutex);
		set(&main_turn, false);
	} else if (!atomic_load(&bql) && mutex == atomic_load(&waited_with)) {
		vcpu_thread = pthread_self();
		keep_slices_whole();
		atomic_store(&bql, mutex);
	}
}

EXPORTED int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	if (!real_wait)
		find_real();
	before_wait(mutex);
	return real_wait(cond, mutex);
}

EXPORTED int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *end)
{
	if (!real_timedwait)
		find_real();
	before_wait(mutex);
	return real_timedwait(cond, mutex, end);
}
