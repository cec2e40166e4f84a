// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU. OUT gets a line of JSON for each report, in one write(2). OUT.state is a page that
 * stays mapped, so that the counters are right however QEMU ends. harness/check/sanitizer/counters.py reads it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report.h"
#include "sanitizer.h"

#define MAGIC 0x345a494e41534e56ull /* "VNSANIZ4" */

/* All little-endian 64-bit numbers; the order is the format. */
struct record {
	uint64_t magic, ready, vcpus, written, lost, trapped;
	struct counters counters;
};

static struct record *state;
static int reports = -1;
static uint64_t most;

bool output_init(const struct options *options)
{
	char name[512];
	int file;

	most = options->max;
	reports = open(options->out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	snprintf(name, sizeof(name), "%s.state", options->out);
	file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (reports < 0 || file < 0 || ftruncate(file, sizeof(*state))) {
		nvh_say(NAME, "cannot write %s", name);
		return false;
	}
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (state == MAP_FAILED) {
		nvh_say(NAME, "cannot map %s", name);
		return false;
	}
	state->magic = MAGIC;
	return true;
}

void output_report(const struct report *report, void *data)
{
	static char line[REPORT_SIZE];
	size_t length = 0;

	(void)data;
	if (state->written < most)
		length = report_json(report, line);
	if (length && write(reports, line, length) == (ssize_t)length)
		state->written++;
	else
		state->lost++;
}

void output_counters(const struct counters *counters, uint64_t trapped, uint64_t vcpus)
{
	state->counters = *counters;
	state->trapped = trapped;
	state->vcpus = vcpus;
	state->ready = memory_known();
}
