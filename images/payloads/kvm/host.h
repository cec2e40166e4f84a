/* SPDX-License-Identifier: GPL-2.0-only */
/* nvh-kvm's host side: one VM, its vCPU threads, and the epochs in which the guest is judged. */
#ifndef NVH_KVM_HOST_H
#define NVH_KVM_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "shared.h"
#include "vmm.h"

/* 75 is EX_TEMPFAIL of sysexits.h: nothing is wrong, and nothing came of it (docs/verdicts.md). */
enum { EXIT_OK = 0, EXIT_STALE = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3, EXIT_VACUOUS = 4, EXIT_STALLED = 75 };

enum slot { SLOT_IMAGE, SLOT_CONTROL, SLOT_REGION, SLOT_ASIDE };

/* Of this kernel: a page of a case is what KVM here maps and the MMU notifier unmaps. */
extern size_t page_size;
#define LAST_WORD (page_size - 8)

struct options {
	unsigned iterations, vcpus, vms, seconds, timeout_s;
	size_t pages;
	unsigned rest_ms; /* case pattern: how long the guest rests between two checks */
	unsigned readers; /* case pattern: how many of the vCPUs only read, and never rest */
	const char *until; /* a file that ends the case; NULL: the options above do */
	bool self_test; /* do not make the change, yet expect its effect: stale must be reported */
};

struct result {
	unsigned iterations;
	uint64_t accesses, stale, other, lost, faults, mmio;
	uint64_t control; /* good accesses before any change: the positive control */
	char extra[128];
	char reason[256]; /* why it could not be judged */
	bool broken;	  /* KVM or the guest failed, not just the control */
	bool stalled;	  /* the guest ran, and did not get there in time */
};

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	int tid;
	uint64_t efaults, mmios; /* KVM_RUN's -EFAULTs; MMIO exits in the region */
};

struct vm {
	int fd;
	unsigned vcpus;
	size_t pages;
	uint8_t *image;
	struct control *control;
	struct vcpu vcpu[VCPUS_MAX];
	uint64_t mmio_seed; /* what a read of unbacked guest memory gives: value_of(mmio_seed, page) */
	bool stop, running;
	char broken[200];
	pthread_mutex_t lock;
};

/* host_vm.c. The calls that return bool leave their reason in vm->broken. */
int kvm_open(void);
/* Print key=value words; returns the exit status. */
int kvm_print_caps(void);
bool vm_create(struct vm *vm, unsigned vcpus, size_t pages);
void vm_destroy(struct vm *vm);
void vm_break(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* size 0 deletes. */
bool vm_slot(struct vm *vm, enum slot slot, uint64_t gpa, size_t size, void *memory, uint32_t flags);
bool vm_start(struct vm *vm);
uint64_t vm_faults(const struct vm *vm);
uint64_t vm_mmio(const struct vm *vm);

/* host_memory.c */
uint64_t value_of(uint64_t seed, size_t page);
uint64_t fresh_seed(void);
/* A page of the level above the last one: 2M with pages of 4K, 32M with 16K, 512M with 64K (a table has page_size / 8 entries). */
size_t huge_size(void);
void fill(void *memory, size_t pages, uint64_t seed);
/* As vmm_memory(), at a boundary where a huge page of this kernel may begin. */
void *region_map(size_t pages);
void region_unmap(void *memory, size_t pages);

/* host_epoch.c */
void expect_seed(struct vm *vm, uint64_t seed);
void expect_page(struct vm *vm, size_t page, uint64_t value);
void cover(struct vm *vm, size_t first, size_t stride, bool write);
/* From here on nothing that the guest sees is judged; it goes on running. */
uint64_t epoch_open(struct vm *vm);
/* The expectations hold from here on. */
uint64_t epoch_judge(struct vm *vm);
/* Wait until each vCPU finished `passes` whole passes of the epoch and add what they saw to r. */
bool epoch_wait(struct vm *vm, unsigned passes, const struct options *o, struct result *r);
/* Judge an unchanged mapping: what it accesses is the positive control. */
bool epoch_control(struct vm *vm, const struct options *o, struct result *r);
/* Judge the change: two passes, in which each page of `memory` gets its stamp. */
bool epoch_changed(struct vm *vm, const void *memory, const struct options *o, struct result *r);
/* Pages whose stamps are not of this epoch: writes that went elsewhere. */
uint64_t stamps_missing(const struct vm *vm, const void *memory, uint64_t epoch);
/* Stamps of this epoch or later in memory that the guest may no longer write. */
uint64_t stamps_present(const struct vm *vm, const void *memory, uint64_t epoch);
/*
 * Sleep a part of the time waited since `begun`: a reader who wakes too often takes the CPU from the guest that it
 * waits for. In a guest hypervisor each wake-up is some timer traps, and on a slow model nothing else is left.
 */
void wait_a_little(double begun);
double seconds(void);
bool fail(struct result *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One VM whose region is `memory`, started and controlled. */
bool case_begin(struct vm *vm, void *memory, const struct options *o, struct result *r);
void case_end(struct vm *vm, struct result *r);
/* `kept` is what a case keeps from one change to the next. */
typedef bool (*change_once)(struct vm *vm, void *kept, const struct options *o, struct result *r);
/* From case_begin() to case_end(), with as many changes as the options say. */
bool case_changes(void *memory, const struct options *o, struct result *r, change_once once, void *kept);
/* Start the clock of --seconds; case_begin() does it too. */
void case_clock(void);
/* Another iteration, given the number and the time already spent? */
bool case_goes_on(const struct options *o, const struct result *r);

/* Cases; false when they could not be judged (reason says why). */
struct test_case {
	const char *name, *about;
	bool (*run)(const struct options *o, struct result *r);
};

bool case_memslot_remove(const struct options *o, struct result *r);
bool case_memslot_move(const struct options *o, struct result *r);
bool case_dirty_log(const struct options *o, struct result *r);
bool case_dirty_log_clear(const struct options *o, struct result *r);
bool case_unmap(const struct options *o, struct result *r);
bool case_remap(const struct options *o, struct result *r);
bool case_migrate(const struct options *o, struct result *r);
bool case_dontneed(const struct options *o, struct result *r);
bool case_mprotect_ro(const struct options *o, struct result *r);
bool case_thp_split(const struct options *o, struct result *r);
bool case_thp_collapse(const struct options *o, struct result *r);
bool case_vmid_reuse(const struct options *o, struct result *r);
bool case_pattern(const struct options *o, struct result *r);

#endif
