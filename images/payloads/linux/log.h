/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VMM does that sends its guest elsewhere: it copies all memory while the guest runs, then again what the dirty log names, and
 * at last, with the guest at rest, what the last reading names. Then the copy must be what the memory is, byte by byte.
 */
#ifndef NVH_LOG_H
#define NVH_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_kind {
	LOG_NONE,
	LOG_AUTOMATIC, /* reading protects again */
	LOG_MANUAL, /* KVM_CLEAR_DIRTY_LOG does; the log begins clean */
	LOG_INITIALLY_SET, /* the same, and it begins with each page dirty */
};

struct log {
	enum log_kind kind;
	unsigned split_kib; /* eager page splitting in chunks of this size; 0: none */
	int vm;
	unsigned slot;
	uint64_t gpa;
	uint8_t *memory;
	size_t size;
	void (*rest)(bool so); /* returns when the guest is at rest, or goes on */
};

struct logged {
	size_t copied, again, differ; /* pages: of the first pass, of all others, that are not in the copy as they are */
	long blocks_kib, blocks_after_kib; /* mapped by blocks of stage 2 before and after the first pass; -1: not known */
};

/* The kind by its name; LOG_NONE when there is none of that name. */
enum log_kind log_kind(const char *name);
/* Before the VM has memory. False with errno. */
bool log_prepare(const struct log *log);
/* Once, with the guest running. False with errno. */
bool log_copy(const struct log *log, struct logged *found);

#endif
