// SPDX-License-Identifier: GPL-2.0-only
/* Cases that change what lies behind the region in this process: KVM's MMU notifiers. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

static bool system_failed(struct result *r, const char *what)
{
	r->broken = true;
	return fail(r, "%s: %s", what, strerror(errno));
}

static bool anonymous(const struct options *o, struct result *r, change_once once)
{
	uint8_t *memory = region_map(o->pages);
	bool ok = case_changes(memory, o, r, once, memory);

	region_unmap(memory, o->pages);
	return ok;
}

static bool unmap_once(struct vm *vm, void *memory, const struct options *o, struct result *r)
{
	size_t size = o->pages * page_size;
	uint64_t seed = fresh_seed();

	/*
	 * The guest runs on without the region while there is a hole, with its translations still hot: KVM
	 * would print an error for each access ("Failed to find VMA"). Case remap has it run into the change.
	 */
	epoch_open(vm);
	cover(vm, o->pages, 1, false);
	epoch_judge(vm);
	if (!epoch_wait(vm, 1, o, r))
		return false;
	epoch_open(vm);
	if (!o->self_test) {
		if (munmap(memory, size))
			return system_failed(r, "munmap");
		if (mmap(memory, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0) != memory)
			return system_failed(r, "mmap");
		fill(memory, o->pages, seed);
	}
	cover(vm, 0, 1, true);
	expect_seed(vm, seed);
	return epoch_changed(vm, memory, o, r);
}

bool case_unmap(const struct options *o, struct result *r)
{
	return anonymous(o, r, unmap_once);
}

static bool dontneed_once(struct vm *vm, void *memory, const struct options *o, struct result *r)
{
	uint64_t seed = fresh_seed();

	epoch_open(vm);
	if (!o->self_test && madvise(memory, o->pages * page_size, MADV_DONTNEED))
		return system_failed(r, "MADV_DONTNEED");
	for (size_t p = 0; p < o->pages; p++)
		expect_page(vm, p, 0);
	if (!epoch_changed(vm, memory, o, r))
		return false;
	/* Content for the next iteration; no mapping changes here. */
	epoch_open(vm);
	fill(memory, o->pages, seed);
	expect_seed(vm, seed);
	return epoch_changed(vm, memory, o, r);
}

bool case_dontneed(const struct options *o, struct result *r)
{
	return anonymous(o, r, dontneed_once);
}

/* Until each vCPU has met an EFAULT since `before`, or finished a pass, which none may. */
static bool wait_refused(struct vm *vm, const uint64_t *before, uint64_t epoch, const struct options *o,
			 struct result *r)
{
	for (unsigned v = 0; v < vm->vcpus; v++) {
		double begun = seconds();

		while (__atomic_load_n(&vm->vcpu[v].efaults, __ATOMIC_RELAXED) == before[v] &&
		       __atomic_load_n(&vm->control->report[v].done_epoch, __ATOMIC_ACQUIRE) != epoch) {
			if (vm->broken[0]) {
				r->broken = true;
				return fail(r, "%s", vm->broken);
			}
			if (seconds() > begun + o->timeout_s) {
				r->stalled = true;
				return fail(r, "no write was refused, and no pass finished, in %u s", o->timeout_s);
			}
			wait_a_little(begun);
		}
	}
	return true;
}

static bool mprotect_once(struct vm *vm, void *memory, const struct options *o, struct result *r)
{
	size_t size = o->pages * page_size;
	uint64_t before[VCPUS_MAX], epoch;

	epoch_open(vm);
	if (!o->self_test && mprotect(memory, size, PROT_READ))
		return system_failed(r, "mprotect");
	for (unsigned v = 0; v < vm->vcpus; v++)
		before[v] = __atomic_load_n(&vm->vcpu[v].efaults, __ATOMIC_RELAXED);
	epoch = epoch_judge(vm);
	if (!wait_refused(vm, before, epoch, o, r))
		return false;
	r->stale += stamps_present(vm, memory, epoch);
	/* The refused write is tried again and succeeds; what was read meanwhile must be the content. */
	if (mprotect(memory, size, PROT_READ | PROT_WRITE))
		return system_failed(r, "mprotect");
	if (!epoch_wait(vm, 2, o, r))
		return false;
	r->lost += stamps_missing(vm, memory, epoch);
	return true;
}

bool case_mprotect_ro(const struct options *o, struct result *r)
{
	return anonymous(o, r, mprotect_once);
}

/* The region maps one half of a file; the other half, seen through `alias`, is the new content. */
struct file {
	int fd;
	uint8_t *alias;
	unsigned half;
};

static bool file_open(struct file *f, uint8_t *memory, const struct options *o)
{
	size_t size = o->pages * page_size;

	*f = (struct file){ .fd = memfd_create("nvh-kvm", MFD_CLOEXEC), .alias = MAP_FAILED };
	if (f->fd < 0 || ftruncate(f->fd, (off_t)(2 * size)))
		return false;
	f->alias = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	return f->alias != MAP_FAILED &&
	       mmap(memory, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, f->fd, 0) == memory;
}

static void file_close(struct file *f, const struct options *o)
{
	if (f->alias != MAP_FAILED)
		munmap(f->alias, 2 * o->pages * page_size);
	if (f->fd >= 0)
		close(f->fd);
}

/* mmap over the region, and in odd iterations mremap of a mapping made elsewhere. */
static bool switch_half(struct file *f, uint8_t *memory, const struct options *o, struct result *r)
{
	size_t size = o->pages * page_size;
	off_t offset = (off_t)(f->half ? size : 0);
	uint8_t *made;

	if (r->iterations % 2 == 0) {
		made = mmap(memory, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, f->fd, offset);
		return made == memory || system_failed(r, "mmap");
	}
	made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, f->fd, offset);
	if (made == MAP_FAILED)
		return system_failed(r, "mmap");
	if (mremap(made, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, memory) != memory)
		return system_failed(r, "mremap");
	return true;
}

static bool remap_once(struct vm *vm, struct file *f, uint8_t *memory, const struct options *o,
		       struct result *r)
{
	uint64_t seed = fresh_seed(), epoch;
	uint8_t *old = f->alias + f->half * o->pages * page_size, *new;

	epoch_open(vm);
	f->half = !f->half;
	new = f->alias + f->half * o->pages * page_size;
	fill(new, o->pages, seed);
	if (!o->self_test && !switch_half(f, memory, o, r))
		return false;
	expect_seed(vm, seed);
	epoch = epoch_judge(vm);
	if (!epoch_wait(vm, 2, o, r))
		return false;
	r->lost += stamps_missing(vm, new, epoch);
	r->stale += stamps_present(vm, old, epoch);
	return true;
}

static bool move_vcpus(struct vm *vm, const cpu_set_t *online, unsigned step, struct result *r,
		       unsigned long *moves)
{
	int cpus[CPU_SETSIZE], n = 0;

	for (int c = 0; c < CPU_SETSIZE; c++)
		if (CPU_ISSET(c, online))
			cpus[n++] = c;
	for (unsigned v = 0; v < vm->vcpus; v++) {
		int tid = __atomic_load_n(&vm->vcpu[v].tid, __ATOMIC_ACQUIRE);
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(cpus[(v + step) % (unsigned)n], &one);
		if (!tid || sched_setaffinity(tid, sizeof(one), &one))
			return system_failed(r, "sched_setaffinity");
		++*moves;
	}
	return true;
}

struct remapped {
	uint8_t *memory;
	struct file file;
	bool migrate;
	cpu_set_t online;
	unsigned long moves;
};

static bool move(struct vm *vm, struct remapped *kept, unsigned step, struct result *r)
{
	return !kept->migrate || move_vcpus(vm, &kept->online, step, r, &kept->moves);
}

/* The old translation is used on one CPU, the change is made, and the vCPU goes back there. */
static bool remap_and_move(struct vm *vm, void *argument, const struct options *o, struct result *r)
{
	struct remapped *kept = argument;

	return move(vm, kept, r->iterations, r) && epoch_control(vm, o, r) &&
	       move(vm, kept, r->iterations + 1, r) && epoch_control(vm, o, r) &&
	       remap_once(vm, &kept->file, kept->memory, o, r) && move(vm, kept, r->iterations, r) &&
	       epoch_changed(vm, kept->memory, o, r);
}

static bool remap(const struct options *o, struct result *r, bool migrate)
{
	struct remapped kept = { .memory = region_map(o->pages), .migrate = migrate };
	bool ok;

	if (!kept.memory || !file_open(&kept.file, kept.memory, o))
		return fail(r, "no memory: %s", strerror(errno));
	sched_getaffinity(0, sizeof(kept.online), &kept.online);
	if (migrate && CPU_COUNT(&kept.online) < 2)
		return fail(r, "only one CPU: nothing can migrate");
	ok = case_changes(kept.memory, o, r, remap_and_move, &kept);
	if (migrate)
		snprintf(r->extra, sizeof(r->extra), " moves=%lu", kept.moves);
	file_close(&kept.file, o);
	region_unmap(kept.memory, o->pages);
	return ok;
}

bool case_remap(const struct options *o, struct result *r)
{
	return remap(o, r, false);
}

bool case_migrate(const struct options *o, struct result *r)
{
	return remap(o, r, true);
}
