// SPDX-License-Identifier: GPL-2.0-only
/*
 * RESUME: what a level does once its machine was restored from a snapshot. The payload is a byte of flags and
 * a seed. Two machines from one snapshot differ from here on as far as their seeds do.
 */
#include "agent.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CHECK_TIMERS 1

static void reseed(const uint8_t *seed, size_t n)
{
	int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* The ioctl makes the generator take the input now and not minutes later (random(4)). */
	if (write(fd, seed, n) == (ssize_t)n)
		(void)!ioctl(fd, RNDRESEEDCRNG);
	close(fd);
}

/*
 * Sleep on every CPU, for longer than any tick (HZ is 100 or more): a shorter sleep programs the timer anew by
 * itself. A CPU whose timer is dead never ends this, and the harness sees that. How long follows from the seed, so
 * that seeds also differ in how what follows falls between the ticks.
 */
static void check_timers(uint8_t first, uint8_t second)
{
	const struct timespec moment = { .tv_nsec = 11000000 + 16 * (first << 8 | second) };
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!sched_setaffinity(0, sizeof(one), &one))
			nanosleep(&moment, NULL);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

void resume(const struct nvh_frame *f)
{
	if (!f->len) {
		upstream_error(f->chan, f->type, "a RESUME carries flags and a seed");
		return;
	}
	if (f->payload[0] & CHECK_TIMERS)
		check_timers(f->payload[f->len - 1], f->payload[f->len / 2]);
	reseed(f->payload + 1, f->len - 1);
	pong(f);
}
