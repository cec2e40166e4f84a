/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs on the host, inside QEMU: which vCPU a callback is for. Include it in files that have callbacks; one
 * of them learns.
 *
 * QEMU 10.0 and 11.1 bake the index of the vCPU that translates a block into the block's callbacks unless vCPUs have
 * threads of their own (gen_cpu_index() in accel/tcg/plugin-gen.c), although all vCPUs share blocks. With -icount the
 * index is therefore often another vCPU's. Generated code keeps a pointer to its vCPU in one host register, which is
 * still there when a callback begins, since callbacks are called from generated code directly. The pointer of a vCPU is
 * learned where the index is right: when a block runs that was translated just before.
 */
#ifndef NVH_WHO_H
#define NVH_WHO_H

#include <stdint.h>

#if defined(__x86_64__)
register void *tcg_env __asm__("rbp"); /* TCG_AREG0 in tcg/x86_64/tcg-target.h */
#elif defined(__aarch64__)
register void *tcg_env __asm__("x19");
#else
#error "which register is TCG_AREG0 on this host?"
#endif

#define WHO_MAX 16

#define WHO_VOTES 3

extern void *who_env[WHO_MAX]; /* in plugin.c */
static void *who_candidate[WHO_MAX];
static unsigned who_votes[WHO_MAX];
static __thread uint64_t who_translated; /* address of the block that this thread translated last, plus 1 */

/* The vCPU for which a callback with ``index`` is. A memory callback may come from QEMU's C code: its index is right. */
static inline unsigned who(unsigned index)
{
	void *env = tcg_env;

	if (who_env[index] == env)
		return index;
	for (unsigned i = 0; i < WHO_MAX; i++)
		if (who_env[i] == env)
			return i;
	return index;
}

/* To be called when a block was translated, and first in its callback, with its address and the register pc. */
static inline void who_translate(uint64_t va)
{
	who_translated = va + 1;
}

static inline void who_learn(unsigned index, uint64_t pc)
{
	void *env = tcg_env;

	if (!who_translated || who_env[index])
		return;
	if (who_translated == pc + 1) {
		who_votes[index] = who_candidate[index] == env ? who_votes[index] + 1 : 1;
		who_candidate[index] = env;
		if (who_votes[index] == WHO_VOTES)
			who_env[index] = env;
	}
	who_translated = 0;
}

#endif
