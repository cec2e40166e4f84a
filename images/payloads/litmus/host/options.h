/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NVH_LITMUS_OPTIONS_H
#define NVH_LITMUS_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *globs[16], *skip[16];
	unsigned glob_count, skip_count;
	const char *op, *granule, *program, *predict, *cases;
	unsigned cpus, seconds, every, failures, pressure;
	bool list, self_test, keep_exit, quiet, quick, qemu, mark, features, describe, leave;
};

extern const char options_usage[];
/* False when the command line is not understood. */
bool options_parse(int argc, char **argv, struct options *o);

#endif
