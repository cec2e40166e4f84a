/* SPDX-License-Identifier: GPL-2.0-only */
/* What nvh-kvm's host side and its bare-metal guest agree on. */
#ifndef NVH_KVM_SHARED_H
#define NVH_KVM_SHARED_H

/* Guest physical = guest virtual (the host side builds an identity map of 1 GiB blocks). */
#define DOORBELL_GPA 0x10000000
#define IMAGE_GPA 0x40000000
#define IMAGE_SIZE 0x20000
#define TABLE_OFFSET 0x10000
#define STACK_OFFSET 0x11000
#define STACK_SIZE 0x800
#define CONTROL_GPA 0x40200000
#define REGION_GPA 0x80000000
#define ASIDE_GPA 0xc0000000

#define VCPUS_MAX 16
#define PAGES_MAX 16384 /* 64 MiB of pages of 4K, the smallest */
#define STAMP_OFFSET 64 /* word STAMP_OFFSET + 8 * vcpu of each page: the epoch that vCPU last wrote */
/* Case pattern: words PATTERN_OFFSET + 8 * (VCPUS_MAX * k + vcpu), k < PATTERN_WORDS, hold pattern_of(). */
#define PATTERN_OFFSET 1024
#define PATTERN_WORDS 4

#define DOORBELL_HELLO 1
#define DOORBELL_EXCEPTION 2
#define DOORBELL_REST 3 /* answered when the epoch has changed */

#define WRITE_STAMP 1
#define WRITE_PATTERN 2

#ifndef __ASSEMBLER__
#include <stdint.h>

/* What vCPU `vcpu` has written to its word k of a page in its round: no two of them are alike. */
static inline uint64_t pattern_of(uint64_t page, uint64_t vcpu, uint64_t k, uint64_t round)
{
	return (page << 32 | vcpu << 16 | k << 8 | 0x5a) ^ round * 0x9e3779b97f4a7c15;
}

/* Written by one vCPU. The counts are those of the passes of done_epoch. */
struct report {
	uint64_t done_epoch;
	uint64_t passes;
	uint64_t accesses;
	uint64_t stale; /* words that still held old[page] */
	uint64_t other; /* words that held neither expect[page] nor old[page] */
	uint64_t bad_page, bad_value;
	uint64_t esr, far, elr; /* of an exception in the guest */
	uint64_t round; /* WRITE_PATTERN: passes that have written, whatever the epoch */
	uint64_t lost; /* words that did not hold what this vCPU wrote last */
	uint64_t lost_page, lost_value;
};

/*
 * Freshness. The guest reads epoch (acquire), then every page, then epoch again: a pass whose epoch
 * changed under way says nothing. The host stores epoch (release) after the system call that changed
 * the mapping has returned, hence after its TLBI and DSB: a load or store that follows the acquire in
 * program order may not use a translation from before (Arm ARM D8.17).
 */
struct control {
	uint64_t epoch;
	uint64_t write; /* WRITE_STAMP, WRITE_PATTERN, or 0: the pages are only read */
	uint64_t first, stride, pages; /* the pages of a pass */
	uint64_t rest; /* passes of an epoch after which the guest rests until the next one; 0: it never does */
	uint64_t period; /* WRITE_PATTERN: page p has the pattern of page p % period */
	uint64_t readers; /* WRITE_PATTERN: so many vCPUs, the last ones, only read, and never rest */
	uint64_t vcpus;
	uint64_t page_size; /* of the kernel that the VM is on: what it maps and unmaps */
	uint64_t unused[6]; /* each report in cache lines of its own */
	struct report report[VCPUS_MAX] __attribute__((aligned(128)));
	uint64_t expect[PAGES_MAX];
	uint64_t old[PAGES_MAX];
};
#endif

#endif
