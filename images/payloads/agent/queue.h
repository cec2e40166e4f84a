/* SPDX-License-Identifier: GPL-2.0-only */
/* Byte queues between non-blocking descriptors, and the frame parser that fills them. */
#ifndef NVH_QUEUE_H
#define NVH_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "proto.h"

#define QUEUE_LIMIT (1u << 20) /* a source is not read while its sink's queue is longer */
#define QUEUE_STALL_MS 10000   /* a sink that takes nothing for so long no longer blocks its source */

struct queue {
	uint8_t *data;
	size_t start, size, room;
	size_t frame_left;  /* of a frame partly written; only kept when `frames` */
	bool frames;	    /* the content is a sequence of frames */
	int64_t progress_ms; /* when the sink last took something, or the queue last became non-empty */
};

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t now_ms(void);

/* Append all of it or nothing; false when memory is short. */
bool queue_push(struct queue *q, const void *bytes, size_t n);
bool queue_push_frame(struct queue *q, const struct nvh_frame *f);

/* Write what fd takes now. Returns 0, or -1 with errno when fd is broken. */
int queue_flush(struct queue *q, int fd);

/* Forget the rest of a frame that a vanished reader got the first part of. */
void queue_drop_partial(struct queue *q);
void queue_clear(struct queue *q);

static inline bool queue_full(const struct queue *q)
{
	return q->size > QUEUE_LIMIT;
}

static inline bool queue_stalled(const struct queue *q)
{
	return queue_full(q) && now_ms() - q->progress_ms > QUEUE_STALL_MS;
}

struct parser {
	uint8_t data[2 * (NVH_HEADER + NVH_PAYLOAD_MAX)];
	size_t size;
	size_t skipped; /* rubbish bytes since the last good frame */
};

/*
 * Read once from fd and hand every complete frame to `take`. `lost` is told how many bytes were
 * skipped before a frame was found again. Returns bytes read, 0 at end of file, -1 with errno.
 */
long parser_read(struct parser *p, int fd, void (*take)(const struct nvh_frame *),
		 void (*lost)(size_t skipped));

#endif
