// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: the trace's file, mapped into memory. Records of all vCPUs are claimed from
 * one counter, so their place in the file is their order, nothing has to be flushed, and a QEMU that is killed
 * leaves a whole trace. Disk is reserved in pieces: a full disk is a loss that is counted, not a SIGBUS.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace/trace.h"

#define PIECE (1ull << 17) /* units reserved at once: 4 MiB */
#define PAIRS_PER_UNIT 3

struct nvh_header *nvh_header;
static struct nvh_unit *units;
static int file;
static uint64_t reserved; /* units that have disk behind them; grows up to `most` */
static uint64_t most;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the two above */

bool nvh_file_open(const char *path, uint64_t limit)
{
	uint64_t bytes = NVH_TRACE_HEADER + limit * NVH_UNIT;
	void *map;

	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file < 0 || ftruncate(file, bytes)) {
		nvh_say(NVH_PLUGIN, "cannot make %s: %s", path, strerror(errno));
		return false;
	}
	errno = posix_fallocate(file, 0, NVH_TRACE_HEADER);
	if (errno && errno != EOPNOTSUPP && errno != EINVAL) {
		nvh_say(NVH_PLUGIN, "no room for %s: %s", path, strerror(errno));
		return false;
	}
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (map == MAP_FAILED) {
		nvh_say(NVH_PLUGIN, "cannot map %s: %s", path, strerror(errno));
		return false;
	}
	nvh_header = map;
	units = (void *)((char *)map + NVH_TRACE_HEADER);
	most = limit;
	nvh_header->version = NVH_TRACE_VERSION;
	nvh_header->header_bytes = NVH_TRACE_HEADER;
	nvh_header->unit_bytes = NVH_UNIT;
	nvh_header->api = NVH_API;
	nvh_header->limit = limit;
	memcpy(nvh_header->magic, NVH_TRACE_MAGIC, sizeof(nvh_header->magic));
	return true;
}

/* Whether units below `end` may be written, after reserving disk for them if need be. */
static bool reserve(uint64_t end)
{
	bool enough;

	pthread_mutex_lock(&lock);
	while (reserved < end && reserved < most) {
		uint64_t count = most - reserved < PIECE ? most - reserved : PIECE;
		int error = posix_fallocate(file, NVH_TRACE_HEADER + reserved * NVH_UNIT, count * NVH_UNIT);

		if (error && error != EOPNOTSUPP && error != EINVAL) {
			most = reserved; /* the disk is full: this is all there will be */
			break;
		}
		__atomic_store_n(&reserved, reserved + count, __ATOMIC_RELEASE);
	}
	enough = end <= reserved;
	pthread_mutex_unlock(&lock);
	return enough;
}

static uint32_t check_of(uint64_t position, uint32_t first, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t words[] = { first, a, b, c };
	uint64_t h = (position + 1) * 0x9e3779b97f4a7c15ull;

	for (unsigned int i = 0; i < 4; i++) {
		h = (h ^ words[i]) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

/* The first eight bytes go last and at once: a unit is whole or a hole. */
static void put(uint64_t position, uint8_t kind, uint8_t vcpu, uint16_t info, uint64_t a, uint64_t b, uint64_t c)
{
	struct nvh_unit *unit = units + position;
	uint32_t first = kind | (uint32_t)vcpu << 8 | (uint32_t)info << 16;
	uint64_t check = check_of(position, first, a, b, c);

	unit->a = a;
	unit->b = b;
	unit->c = c;
	__atomic_store_n((uint64_t *)unit, first | check << 32, __ATOMIC_RELEASE);
}

void nvh_record(unsigned int which, uint8_t kind, uint16_t info, uint64_t pc, const uint64_t *values,
		unsigned int count)
{
	unsigned int more = (count + PAIRS_PER_UNIT - 1) / PAIRS_PER_UNIT;
	uint64_t at = __atomic_fetch_add(&nvh_header->next, 1 + more, __ATOMIC_RELAXED);

	if (at + 1 + more > __atomic_load_n(&reserved, __ATOMIC_ACQUIRE) && !reserve(at + 1 + more)) {
		__atomic_fetch_add(&nvh_header->lost, 1, __ATOMIC_RELAXED);
		return;
	}
	put(at, kind, which, info, pc, nvh_cpus[which].vttbr, nvh_cpus[which].hcr);
	for (unsigned int i = 0; i < more; i++) {
		uint64_t part[PAIRS_PER_UNIT] = { 0 };

		for (unsigned int k = 0; k < PAIRS_PER_UNIT && i * PAIRS_PER_UNIT + k < count; k++)
			part[k] = values[i * PAIRS_PER_UNIT + k];
		put(at + 1 + i, NVH_MORE, which, kind << 8 | (i + 1), part[0], part[1], part[2]);
	}
}
