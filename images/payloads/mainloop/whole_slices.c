/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Preloaded into QEMU on the host under -icount: a slice of a vCPU ends where its count of instructions says.
 *
 * A thread in a critical section of RCU can have a notifier there (QEMU's docs/devel/rcu.rst and
 * include/qemu/rcu.h). The vCPU thread, which is in one for as long as a slice takes, has one that makes the slice
 * end at once. QEMU 11 calls it when a grace period lasts for 50 ms of the host's time: on a busy host slices do
 * last so long, and the next vCPU then has its turn at an instruction that the host chose. The notifier is
 * replaced by one that does nothing. A grace period ends with the slice, some time later.
 *
 * QEMU exports the function that gives a thread's record in RCU, for its modules. The layouts below are QEMU's since
 * 7.0; what is found there is compared with what a list of one element must look like before anything is written.
 */
#define _GNU_SOURCE
#include "whole_slices.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct notifier {
	void (*notify)(struct notifier *, void *);
	struct notifier *next;
	struct notifier **previous;
};

struct reader {
	unsigned long counter;
	bool waiting;
	struct reader *next;
	struct reader **previous;
	struct notifier *forced;
};

typedef struct reader *reader_function(void);

static void do_nothing(struct notifier *notifier, void *data)
{
	(void)notifier;
	(void)data;
}

/* QEMU keeps the notifier of the vCPU thread in a variable of that thread's first function. */
static bool on_own_stack(const void *object, size_t size)
{
	pthread_attr_t attributes;
	void *lowest;
	size_t length;
	bool inside;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return false;
	inside = pthread_attr_getstack(&attributes, &lowest, &length) == 0 && length >= size &&
		 (uintptr_t)object - (uintptr_t)lowest <= length - size;
	pthread_attr_destroy(&attributes);
	return inside;
}

static bool only_one(const struct notifier *notifier, struct notifier *const *list)
{
	return on_own_stack(notifier, sizeof(*notifier)) && !notifier->next && notifier->previous == list;
}

void keep_slices_whole(void)
{
	reader_function *own_reader = (reader_function *)dlsym(RTLD_DEFAULT, "get_ptr_rcu_reader");
	struct reader *reader = own_reader ? own_reader() : NULL;

	if (!reader)
		return;
	if (reader->forced && only_one(reader->forced, &reader->forced))
		reader->forced->notify = do_nothing;
	else
		fputs("nvh-mainloop: unknown layout of RCU: on a busy host a slice may end early\n", stderr);
}
