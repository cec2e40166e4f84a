/* SPDX-License-Identifier: GPL-2.0-only */
/* Reports as lines of JSON; harness/check/sanitizer reads them. Plain C, runs inside QEMU and in the test driver. */
#ifndef NVH_SANITIZER_REPORT_H
#define NVH_SANITIZER_REPORT_H

#include <stddef.h>

#include "judge.h"

#define REPORT_SIZE 16384

/* Writes one line with its newline into ``line``; returns its length, 0 when it does not fit. */
size_t report_json(const struct report *report, char line[REPORT_SIZE]);

#endif
