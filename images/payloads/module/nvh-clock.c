// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-clock: CLOCK_MONOTONIC (ns) and the physical and virtual counters, read with interrupts off, and the
 * frequency of the counters (Hz).
 * Exit: 0, or 3 without nvh.ko.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "nvh_uapi.h"

int main(void)
{
	struct nvh_clock c;
	unsigned long frequency;
	int fd = open("/dev/nvh", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, NVH_IOC_CLOCK, &c)) {
		fprintf(stderr, "nvh-clock: /dev/nvh: %s; load nvh.ko (insmod)\n", strerror(errno));
		return 3;
	}
	__asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
	printf("mono=%llu cntpct=%llu cntvct=%llu cntfrq=%lu delay=%llu\n", (unsigned long long)c.mono_ns,
	       (unsigned long long)c.cntpct, (unsigned long long)c.cntvct, frequency,
	       (unsigned long long)(c.mono_after_ns - c.mono_ns));
	return 0;
}
