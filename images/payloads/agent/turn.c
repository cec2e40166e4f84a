// SPDX-License-Identifier: GPL-2.0-only
/* Turns with the harness: see turn.h. Runs at L0 in EL0; the model must have semihosting for user space. */
#include "turn.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "queue.h"

#define UP "agent.up"
#define DOWN "agent.down"

static const char *directory; /* native files instead of semihosting */
static long up = -1, down = -1;
/* Written once by main(), so that the pages are there and ours: semihosting does not take page faults. */
static uint8_t buffer[NVH_HEADER + NVH_PAYLOAD_MAX];

#ifdef __aarch64__
enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE = 5, SYS_READ = 6 };
enum { MODE_RB = 1, MODE_WB = 5 };

static long semihost(long operation, const uint64_t *arguments)
{
	register long x0 __asm__("x0") = operation;
	register const uint64_t *x1 __asm__("x1") = arguments;

	__asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
	return x0;
}

static long host_open(const char *name, bool write)
{
	uint64_t a[] = { (uint64_t)name, write ? MODE_WB : MODE_RB, strlen(name) };

	return semihost(SYS_OPEN, a);
}

static void host_close(long fd)
{
	uint64_t a[] = { (uint64_t)fd };

	semihost(SYS_CLOSE, a);
}

/* Both return how many bytes were moved; 0 is the end or an error. */
static size_t host_move(long operation, long fd, const void *at, size_t n)
{
	uint64_t a[] = { (uint64_t)fd, (uint64_t)at, n };
	long left = semihost(operation, a);

	return left < 0 || (size_t)left > n ? 0 : n - (size_t)left;
}
#else
enum { SYS_WRITE = 5, SYS_READ = 6 };

static long host_open(const char *name, bool write)
{
	(void)name, (void)write;
	return -1;
}

static void host_close(long fd)
{
	(void)fd;
}

static size_t host_move(long operation, long fd, const void *at, size_t n)
{
	(void)operation, (void)fd, (void)at, (void)n;
	return 0;
}
#endif

static long open_end(const char *name, bool write)
{
	char path[4096];

	if (!directory)
		return host_open(name, write);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

static void close_end(long *fd)
{
	if (*fd >= 0)
		directory ? (void)close((int)*fd) : host_close(*fd);
	*fd = -1;
}

static bool put(const uint8_t *at, size_t n)
{
	while (n) {
		ssize_t done = directory ? write((int)up, at, n) : (ssize_t)host_move(SYS_WRITE, up, at, n);

		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

static bool get(uint8_t *at, size_t n)
{
	while (n) {
		ssize_t done = directory ? read((int)down, at, n) : (ssize_t)host_move(SYS_READ, down, at, n);

		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

void turn_init(const char *files)
{
	directory = files;
	memset(buffer, 0xff, sizeof(buffer));
}

int turn_open(void)
{
	if (up >= 0 && down >= 0)
		return 0;
	close_end(&up);
	close_end(&down);
	up = open_end(UP, true);
	down = open_end(DOWN, false);
	return up >= 0 && down >= 0 ? 1 : -1;
}

static bool exchange(struct queue *out, void (*take)(const struct nvh_frame *))
{
	uint8_t header[NVH_HEADER] = { 0 };

	nvh_put(header, NVH_MAGIC, 4);
	header[5] = NVH_TURN;
	if (!put(out->data + out->start, out->size))
		return false;
	queue_clear(out);
	if (!put(header, sizeof(header)))
		return false;
	for (;;) {
		struct nvh_frame f;

		if (!get(buffer, NVH_HEADER))
			return false;
		f.hop = buffer[4];
		f.type = buffer[5];
		f.chan = (uint16_t)(buffer[6] | buffer[7] << 8);
		f.len = nvh_get32(buffer + 8);
		f.payload = buffer + NVH_HEADER;
		if (nvh_get32(buffer) != NVH_MAGIC || f.len > NVH_PAYLOAD_MAX || !get(buffer + NVH_HEADER, f.len))
			return false;
		if (f.type == NVH_TURN)
			return true;
		take(&f);
	}
}

int turn_take(struct queue *out, void (*take)(const struct nvh_frame *))
{
	if (exchange(out, take))
		return 0;
	close_end(&up);
	close_end(&down);
	return -1;
}
