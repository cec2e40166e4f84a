// SPDX-License-Identifier: GPL-2.0-only
/*
 * Begin and end of cases as marks in L0's trace, where KVM's own events are: written by this process at L0, so that
 * no level above takes an exit for it. Where the harness records, in its instance, and under the names that its
 * timeline knows as marks (harness/trace/tracefs_shell.py).
 */
#include "host/mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int marker = -1;

bool mark_open(void)
{
	static const char *const files[] = { "/sys/kernel/tracing/instances/nvh/trace_marker",
					     "/sys/kernel/tracing/trace_marker" };

	for (unsigned i = 0; marker < 0 && i < sizeof(files) / sizeof(*files); i++)
		marker = open(files[i], O_WRONLY | O_CLOEXEC);
	return marker >= 0;
}

void mark_case(const struct litmus *l, const char *end)
{
	char text[160];
	int size = snprintf(text, sizeof(text), "nvh: mark %s.%s", l->name, end);

	for (char *c = text; *c; c++)
		if (*c == '/')
			*c = ':';
	if (marker >= 0 && write(marker, text, (size_t)size) != size) {
		perror("nvh-litmus: trace_marker");
		marker = -1;
	}
}
