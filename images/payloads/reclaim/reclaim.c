// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-reclaim: at L0, pushes memory of a process (L1's VMM) out to swap or marks it cold, which takes it
 * from under the running guests. Needs swap (zram) for pageout.
 * Exit: 0 done, 1 pageout moved nothing to swap, 2 usage, 3 the kernel refused.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mappings.h"
#include "number.h"

#define CHUNK (16ul << 20)

static int usage(void)
{
	fprintf(stderr, "usage: nvh-reclaim PID [--madvise pageout|cold] [--mib N | --kib N] [--skip-mib N]\n");
	return 2;
}

/* KiB that the whole machine wrote to swap since boot, 0 when the kernel does not count. */
static long swapped_out(void)
{
	FILE *file = fopen("/proc/vmstat", "re");
	char line[128];
	long pages = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "pswpout %ld", &pages) == 1)
			break;
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* KiB of `field` in /proc/PID/smaps_rollup, or -1. */
static long rollup(uint64_t pid, const char *field)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%lu/smaps_rollup", pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ':')
			sscanf(line + strlen(field) + 1, "%ld", &kib);
	fclose(file);
	return kib;
}

int main(int argc, char **argv)
{
	static struct mapping mappings[MAPPINGS_MAX];
	uint64_t pid, left = ~0ull, skip = 0;
	unsigned long advised = 0;
	int advice = MADV_PAGEOUT, fd;
	long before, after, out;
	size_t n;

	if (argc < 2 || argc % 2)
		return usage();
	if (!number_parse(argv[1], 10, 1, INT_MAX, &pid))
		return usage();
	for (int i = 2; i < argc; i += 2) {
		if (!strcmp(argv[i], "--madvise") && !strcmp(argv[i + 1], "pageout")) {
			advice = MADV_PAGEOUT;
		} else if (!strcmp(argv[i], "--madvise") && !strcmp(argv[i + 1], "cold")) {
			advice = MADV_COLD;
		} else if (!strcmp(argv[i], "--mib")) {
			if (!number_parse(argv[i + 1], 10, 1, SIZE_MAX >> 20, &left))
				return usage();
			left <<= 20;
		} else if (!strcmp(argv[i], "--kib")) {
			if (!number_parse(argv[i + 1], 10, 1, SIZE_MAX >> 10, &left))
				return usage();
			left <<= 10;
		} else if (!strcmp(argv[i], "--skip-mib")) {
			if (!number_parse(argv[i + 1], 10, 0, SIZE_MAX >> 20, &skip))
				return usage();
			skip <<= 20;
		} else {
			return usage();
		}
	}
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	before = rollup(pid, "Swap");
	out = swapped_out();
	n = mappings_read(pid, mappings);
	if (fd < 0 || before < 0 || !n) {
		fprintf(stderr, "nvh-reclaim: process %lu: %s\n", pid, errno ? strerror(errno) : "no writable mapping");
		return 3;
	}
	for (size_t i = 0; i < n && left; i++)
		for (unsigned long done = i ? 0 : skip; done < mappings[i].size && left;) {
			unsigned long size = mappings[i].size - done;
			struct iovec range;
			long got;

			size = size < CHUNK ? size : CHUNK;
			size = size < left ? size : left;
			range = (struct iovec){ (void *)(mappings[i].start + done), size };
			got = syscall(SYS_process_madvise, fd, &range, 1ul, advice, 0u);
			if (got > 0) {
				advised += (unsigned long)got;
			} else if (errno != EINVAL && errno != ENOMEM && errno != EFAULT) {
				/* EINVAL: a mapping of pinned or device memory; ENOMEM: it went meanwhile. */
				fprintf(stderr, "nvh-reclaim: process_madvise: %s\n", strerror(errno));
				return 3;
			}
			done += size;
			left -= size;
		}
	after = rollup(pid, "Swap");
	out = swapped_out() - out;
	/* A busy process takes pages back meanwhile, so the first figure may even be negative. */
	printf("advised_kib=%lu paged_out_kib=%ld pswpout_kib=%ld swap_kib=%ld rss_kib=%ld\n", advised / 1024,
	       after - before, out, after, rollup(pid, "Rss"));
	return advice == MADV_PAGEOUT && after <= before && !out ? 1 : 0;
}
