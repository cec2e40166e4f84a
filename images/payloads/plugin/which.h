/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs on the host, inside QEMU: which vCPU a callback is for.
 *
 * QEMU 10.0 and 11.1 bake the index of the vCPU that translates a block into the block's callbacks unless vCPUs have
 * threads of their own (gen_cpu_index() in accel/tcg/plugin-gen.c), although all vCPUs share blocks. With -icount the
 * index is therefore often another vCPU's. There are two ways to tell:
 *
 * by key   A callback that may read registers reads TPIDR_EL2, where Linux at EL2 keeps a CPU's own offset
 *          (arch/arm64/include/asm/percpu.h), which no guest changes.
 * by env   One that may not, because it is called at each access: generated code keeps a pointer to its vCPU in one
 *          host register, which is still there when a callback begins, since callbacks are called from generated code
 *          directly. The pointer of a vCPU is learned where the index is right: when a block runs that was translated
 *          just before. Define NVH_BY_ENV in files that have such callbacks; one of them learns.
 */
#ifndef NVH_WHICH_H
#define NVH_WHICH_H

#include <stdint.h>

/*
 * The place of `key` among the first *count of `keys`, which get it at its first call; `most` when they are full. From
 * any thread.
 */
unsigned nvh_which_by_key(uint64_t *keys, uint64_t *count, unsigned most, uint64_t key);

#ifdef NVH_BY_ENV
#if defined(__x86_64__)
register void *nvh_env __asm__("rbp"); /* TCG_AREG0 in tcg/x86_64/tcg-target.h */
#elif defined(__aarch64__)
register void *nvh_env __asm__("x19");
#else
#error "which register is TCG_AREG0 on this host?"
#endif

#define NVH_ENVS 16
#define NVH_VOTES 3

extern void *nvh_envs[NVH_ENVS]; /* of each vCPU, once it is certain; in the file that learns */
extern unsigned nvh_vcpus; /* how many there are; in the same file */
static void *nvh_candidate[NVH_ENVS];		/* by the vCPU's own thread alone, as the votes */
static unsigned nvh_votes[NVH_ENVS];
static __thread uint64_t nvh_translated; /* address of the block that this thread translated last, plus 1 */

static inline void *nvh_env_of(unsigned index)
{
	return __atomic_load_n(&nvh_envs[index], __ATOMIC_RELAXED);
}

/* The vCPU for which a callback with `index` is. A memory callback may come from QEMU's C code: its index is right. */
static inline unsigned nvh_which_by_env(unsigned index)
{
	unsigned unknown = 0, only = index;
	void *env = nvh_env;

	if (nvh_env_of(index) == env)
		return index;
	for (unsigned i = 0; i < nvh_vcpus; i++) {
		if (nvh_env_of(i) == env)
			return i;
		if (!nvh_env_of(i)) {
			only = i;
			unknown++;
		}
	}
	/* A vCPU that is not known yet, in a block that one which is known has translated. */
	return unknown == 1 ? only : index;
}

/* To be called when a block was translated, and first in its callback, with its address and the register pc. */
static inline void nvh_which_translated(uint64_t va)
{
	nvh_translated = va + 1;
}

static inline void nvh_which_learn(unsigned index, uint64_t pc)
{
	void *env = nvh_env;

	if (!nvh_translated || nvh_env_of(index))
		return;
	if (nvh_translated == pc + 1) {
		nvh_votes[index] = nvh_candidate[index] == env ? nvh_votes[index] + 1 : 1;
		nvh_candidate[index] = env;
		if (nvh_votes[index] == NVH_VOTES)
			__atomic_store_n(&nvh_envs[index], env, __ATOMIC_RELAXED);
	}
	nvh_translated = 0;
}
#endif

#endif
