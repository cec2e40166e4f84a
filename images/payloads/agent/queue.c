// SPDX-License-Identifier: GPL-2.0-only
#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

bool queue_push(struct queue *q, const void *bytes, size_t n)
{
	if (!q->size)
		q->progress_ms = now_ms();
	if (q->start && q->start + q->size + n > q->room) {
		memmove(q->data, q->data + q->start, q->size);
		q->start = 0;
	}
	if (q->size + n > q->room) {
		size_t room = q->room ? q->room : 4096;
		uint8_t *data;

		while (room < q->size + n)
			room *= 2;
		data = realloc(q->data, room);
		if (!data)
			return false;
		q->data = data;
		q->room = room;
	}
	memcpy(q->data + q->start + q->size, bytes, n);
	q->size += n;
	return true;
}

bool queue_push_frame(struct queue *q, const struct nvh_frame *f)
{
	uint8_t header[NVH_HEADER];
	size_t before = q->size;

	nvh_put(header, NVH_MAGIC, 4);
	header[4] = f->hop;
	header[5] = f->type;
	nvh_put(header + 6, f->chan, 2);
	nvh_put(header + 8, f->len, 4);
	if (!queue_push(q, header, sizeof(header)))
		return false;
	if (f->len && !queue_push(q, f->payload, f->len)) {
		q->size = before; /* half a frame would desynchronise the reader */
		return false;
	}
	return true;
}

static void consume(struct queue *q, size_t n)
{
	while (n) {
		size_t step = n;

		if (q->frames) {
			if (!q->frame_left)
				q->frame_left = NVH_HEADER + nvh_get32(q->data + q->start + 8);
			if (step > q->frame_left)
				step = q->frame_left;
			q->frame_left -= step;
		}
		q->start += step;
		q->size -= step;
		n -= step;
	}
	if (!q->size) {
		q->start = 0;
		if (q->room > QUEUE_LIMIT) { /* a burst must not pin its memory for good */
			free(q->data);
			q->data = NULL;
			q->room = 0;
		}
	}
}

int queue_flush(struct queue *q, int fd)
{
	while (q->size) {
		ssize_t n = write(fd, q->data + q->start, q->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		if (!n)
			return 0;
		consume(q, (size_t)n);
		q->progress_ms = now_ms();
	}
	return 0;
}

void queue_drop_partial(struct queue *q)
{
	if (q->frame_left)
		consume(q, q->frame_left);
}

void queue_clear(struct queue *q)
{
	free(q->data);
	*q = (struct queue){ .frames = q->frames };
}

/* Length of the whole frame at `at`, 0 when more bytes are needed, -1 when no frame starts here. */
static long frame_at(const uint8_t *at, size_t n)
{
	uint8_t magic[4];
	uint32_t len;

	nvh_put(magic, NVH_MAGIC, 4);
	if (memcmp(at, magic, n < 4 ? n : 4))
		return -1;
	if (n < NVH_HEADER)
		return 0;
	len = nvh_get32(at + 8);
	if (len > NVH_PAYLOAD_MAX)
		return -1;
	return n < NVH_HEADER + len ? 0 : (long)(NVH_HEADER + len);
}

long parser_read(struct parser *p, int fd, void (*take)(const struct nvh_frame *),
		 void (*lost)(size_t skipped))
{
	size_t at = 0;
	ssize_t got = read(fd, p->data + p->size, sizeof(p->data) - p->size);

	if (got <= 0)
		return got;
	p->size += (size_t)got;
	while (at < p->size) {
		const uint8_t *head = p->data + at;
		long n = frame_at(head, p->size - at);

		if (!n)
			break;
		if (n < 0) {
			p->skipped++;
			at++;
			continue;
		}
		if (p->skipped)
			lost(p->skipped);
		p->skipped = 0;
		take(&(struct nvh_frame){ .hop = head[4],
					  .type = head[5],
					  .chan = (uint16_t)(head[6] | head[7] << 8),
					  .len = (uint32_t)n - NVH_HEADER,
					  .payload = head + NVH_HEADER });
		at += (size_t)n;
	}
	memmove(p->data, p->data + at, p->size - at);
	p->size -= at;
	return got;
}
