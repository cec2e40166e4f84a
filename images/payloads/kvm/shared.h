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
#define PAGES_MAX 16384 /* 64 MiB */
#define PAGE 4096
#define LAST_WORD (PAGE - 8)
#define STAMP_OFFSET 64 /* word STAMP_OFFSET + 8 * vcpu of each page: the epoch that vCPU last wrote */

#define DOORBELL_HELLO 1
#define DOORBELL_EXCEPTION 2
#define DOORBELL_REST 3 /* answered when the epoch has changed */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Written by one vCPU. The counts are those of the passes of done_epoch. */
struct report {
	uint64_t done_epoch;
	uint64_t passes;
	uint64_t accesses;
	uint64_t stale; /* words that still held old[page] */
	uint64_t other; /* words that held neither expect[page] nor old[page] */
	uint64_t bad_page, bad_value;
	uint64_t esr, far, elr; /* of an exception in the guest */
};

/*
 * Freshness. The guest reads epoch (acquire), then every page, then epoch again: a pass whose epoch
 * changed under way says nothing. The host stores epoch (release) after the system call that changed
 * the mapping has returned, hence after its TLBI and DSB: a load or store that follows the acquire in
 * program order may not use a translation from before (Arm ARM D8.17).
 */
struct control {
	uint64_t epoch;
	uint64_t write; /* stamp the pages as well */
	uint64_t first, stride, pages; /* the pages of a pass */
	uint64_t rest; /* passes of an epoch after which the guest rests until the next one; 0: it never does */
	uint64_t unused[10]; /* each report in cache lines of its own */
	struct report report[VCPUS_MAX] __attribute__((aligned(128)));
	uint64_t expect[PAGES_MAX];
	uint64_t old[PAGES_MAX];
};
#endif

#endif
