// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says while cases run. As PID 1 its console is kept quiet, because what it prints would tear our lines
 * apart; its warnings come from /dev/kmsg instead (Documentation/ABI/testing/dev-kmsg), as lines of ours.
 */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WARNING 4
#define TOLD_MOST 400 /* lines at once: a splat has some 50 */
#define READ_MOST 100000

static int log_fd = -1;

void kernel_open(bool from_start)
{
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd >= 0 && !from_start)
		lseek(log_fd, 0, SEEK_END);
}

void kernel_tell(unsigned depth)
{
	unsigned told = 0, more = 0;
	char record[8192];

	for (unsigned i = 0; log_fd >= 0 && i < READ_MOST; i++) {
		ssize_t n = read(log_fd, record, sizeof(record) - 1);
		unsigned priority;
		unsigned long long stamp;
		char *text;

		if (n < 0 && errno == EPIPE) {
			ktap_tag(depth, "said the kernel's log overran: some of it is lost");
			continue;
		}
		if (n <= 0)
			break;
		record[n] = 0;
		text = strchr(record, ';');
		if (!text || sscanf(record, "%u,%*u,%llu,", &priority, &stamp) != 2)
			continue;
		if (priority >> 3 || (priority & 7) > WARNING) /* facility 0 is the kernel */
			continue;
		text++;
		text[strcspn(text, "\n")] = 0;
		if (told++ < TOLD_MOST)
			ktap_tag(depth, "kernel [%5llu.%06llu] %s", stamp / 1000000, stamp % 1000000, text);
		else
			more++;
	}
	if (more)
		ktap_tag(depth, "said %u more lines of the kernel's log", more);
}
