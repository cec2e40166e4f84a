// SPDX-License-Identifier: GPL-2.0-only
#include "userfault.h"

#include "pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TAKEN_MAX 64

struct content {
	int file;
	uint8_t *alias; /* our own mapping of it */
	uint64_t *sums; /* by page, of what was copied from it when it was taken; 0: nothing was there */
};

static struct {
	uint8_t *memory; /* of the guest, a mapping of `now` */
	size_t size, page;
	int fault, pagemap;
	/*
	 * What was taken stays ours, and no frame of it goes to anybody else: who still has one changes nothing but what he wrote
	 * to, and that is seen.
	 */
	struct content now, taken[TAKEN_MAX];
	size_t n_taken;
	uint64_t minor, missing;
	pthread_mutex_t lock; /* while pages are taken none is given */
} watched = { .fault = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static bool create(struct content *it)
{
	it->sums = calloc(watched.size / watched.page, sizeof(*it->sums));
	it->file = memfd_create("guest", MFD_CLOEXEC);
	if (!it->sums || it->file < 0 || ftruncate(it->file, (off_t)watched.size))
		return false;
	it->alias = mmap(NULL, watched.size, PROT_READ | PROT_WRITE, MAP_SHARED, it->file, 0);
	return it->alias != MAP_FAILED;
}

static bool show(const struct content *it)
{
	return mmap(watched.memory, watched.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, it->file, 0) ==
	       (void *)watched.memory;
}

bool userfault_map(uint8_t *memory, size_t size)
{
	watched.page = (size_t)sysconf(_SC_PAGESIZE);
	watched.size = size;
	watched.memory = memory;
	watched.pagemap = pagemap_open();
	return watched.pagemap >= 0 && create(&watched.now) && show(&watched.now);
}

static void give(uint64_t at, bool minor)
{
	struct uffdio_range range = { .start = at & -(uint64_t)watched.page, .len = watched.page };
	struct uffdio_continue known = { .range = range };
	struct uffdio_zeropage fresh = { .range = range };
	int error = minor ? ioctl(watched.fault, UFFDIO_CONTINUE, &known) : ioctl(watched.fault, UFFDIO_ZEROPAGE, &fresh);

	if (!error) {
		(*(minor ? &watched.minor : &watched.missing))++;
		return;
	}
	/* Two asked for it, or it has got content since it was asked for: whoever waits looks again. */
	if (errno == EEXIST && !ioctl(watched.fault, UFFDIO_WAKE, &range))
		return;
	fprintf(stderr, "nvh-linux: userfaultfd: the page at 0x%llx: %s\n", range.start, strerror(errno));
	_exit(3);
}

static void *give_all(void *unused)
{
	struct uffd_msg message;

	(void)unused;
	while (read(watched.fault, &message, sizeof(message)) == (ssize_t)sizeof(message)) {
		if (message.event != UFFD_EVENT_PAGEFAULT)
			continue;
		pthread_mutex_lock(&watched.lock);
		give(message.arg.pagefault.address, message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR);
		pthread_mutex_unlock(&watched.lock);
	}
	fprintf(stderr, "nvh-linux: userfaultfd: %s\n", strerror(errno));
	_exit(3);
}

static bool watch(void)
{
	struct uffdio_register range = {
		.range = { (uintptr_t)watched.memory, watched.size },
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR,
	};

	return !ioctl(watched.fault, UFFDIO_REGISTER, &range);
}

bool userfault_start(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MINOR_SHMEM };
	pthread_t thread;

	watched.fault = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (watched.fault < 0 || ioctl(watched.fault, UFFDIO_API, &api) || !watch())
		return false;
	errno = pthread_create(&thread, NULL, give_all, NULL);
	return !errno;
}

/* Where the next stretch of what the file holds begins and ends, from `at` on: 1, 0 without any, -1 with errno. */
static int next_extent(int file, off_t at, size_t *begin, size_t *end)
{
	off_t data = lseek(file, at, SEEK_DATA), hole;

	if (data < 0)
		return errno == ENXIO ? 0 : -1;
	hole = lseek(file, data, SEEK_HOLE);
	if (hole < 0)
		return -1;
	*begin = (size_t)data;
	*end = (size_t)hole;
	return 1;
}

/* Two pages that differ in one word have two sums. Never 0. */
static uint64_t sum_of(const uint8_t *page)
{
	const uint64_t *word = (const uint64_t *)page, *end = (const uint64_t *)(page + watched.page);
	uint64_t sum = 1;

	for (; word < end; word++) {
		sum = (sum ^ *word) * 0x9e3779b97f4a7c15u;
		sum ^= sum >> 32;
	}
	return sum ? sum : 1;
}

/*
 * Copies what `from` holds to `to`; how many of its pages have another frame there. The old pages stay as they are, so that a guest
 * that goes on in them executes what it did, and finds its tables: only what it writes there is in no copy.
 */
static long copy(const struct content *from, const struct content *to)
{
	size_t begin, end = 0;
	long moved = 0;
	int found;

	while ((found = next_extent(from->file, (off_t)end, &begin, &end)) > 0) {
		memcpy(to->alias + begin, from->alias + begin, end - begin);
		for (size_t at = begin; at < end; at += watched.page) {
			from->sums[at / watched.page] = sum_of(to->alias + at);
			moved += pagemap_frame(watched.pagemap, from->alias + at, watched.page) !=
				 pagemap_frame(watched.pagemap, to->alias + at, watched.page);
		}
	}
	return found ? -1 : moved;
}

long userfault_move(void)
{
	struct content fresh;
	long moved = -1;

	if (watched.n_taken == TAKEN_MAX) {
		errno = ENOSPC;
		return -1;
	}
	if (!create(&fresh))
		return -1;
	pthread_mutex_lock(&watched.lock);
	/* The guest's mapping goes first: from then on nobody writes, and whoever asks waits for the lock. */
	if (!madvise(watched.memory, watched.size, MADV_DONTNEED))
		moved = copy(&watched.now, &fresh);
	if (moved >= 0 && (!show(&fresh) || (watched.fault >= 0 && !watch())))
		moved = -1;
	watched.taken[watched.n_taken++] = watched.now;
	watched.now = fresh;
	pthread_mutex_unlock(&watched.lock);
	return moved;
}

long userfault_behind(void)
{
	long n = 0;

	for (size_t i = 0; i < watched.n_taken; i++) {
		const struct content *it = &watched.taken[i];
		size_t begin, end = 0;
		int found;

		while ((found = next_extent(it->file, (off_t)end, &begin, &end)) > 0)
			for (size_t at = begin; at < end; at += watched.page)
				n += sum_of(it->alias + at) != it->sums[at / watched.page];
		if (found)
			return -1;
	}
	return n;
}

uint64_t userfault_minor(void)
{
	return __atomic_load_n(&watched.minor, __ATOMIC_RELAXED);
}

uint64_t userfault_missing(void)
{
	return __atomic_load_n(&watched.missing, __ATOMIC_RELAXED);
}
