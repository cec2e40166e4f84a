// SPDX-License-Identifier: GPL-2.0-only
/* The link to the next level's agent: the VMM's chardev socket, connected when first needed. */
#include "agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RETRY_MS 500
#define CHANS 65536

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int fd = -1;
static bool wanted; /* some frame asked for the next level, so keep reconnecting */
static int64_t tried_ms;
static struct queue to_next = { .frames = true };
static struct parser parser;
static bool open_below[CHANS]; /* commands sent down whose end has not come up */

void relay_init(const char *path)
{
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
}

static bool connect_next(void)
{
	if (fd >= 0)
		return true;
	tried_ms = now_ms();
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (void *)&address, sizeof(address)))
		return true;
	if (fd >= 0) {
		int why = errno;

		close(fd);
		errno = why;
	}
	fd = -1;
	return false;
}

static void disconnect(void)
{
	close(fd);
	fd = -1;
	parser.size = parser.skipped = 0;
	queue_drop_partial(&to_next);
	/* Nobody will tell the end of the commands below any more. */
	for (unsigned chan = 0; chan < CHANS; chan++)
		if (open_below[chan]) {
			open_below[chan] = false;
			upstream_error((uint16_t)chan, NVH_EXEC, "next level went away before the command ended");
		}
	queue_clear(&to_next);
	upstream_error(0, 0, "next level closed the connection");
}

void relay_forward(const struct nvh_frame *f)
{
	struct nvh_frame down = *f;

	wanted = true;
	down.hop--;
	if (!connect_next())
		upstream_error(f->chan, f->type, "next level absent: %s: %s", address.sun_path, strerror(errno));
	else if (queue_stalled(&to_next))
		upstream_error(f->chan, f->type, "next level does not read: frame dropped");
	else if (!queue_push_frame(&to_next, &down))
		upstream_error(f->chan, f->type, "out of memory: frame dropped");
	else if (f->type == NVH_EXEC)
		open_below[f->chan] = true;
}

bool relay_blocks_upstream(void)
{
	return queue_full(&to_next) && !queue_stalled(&to_next);
}

static void from_below(const struct nvh_frame *f)
{
	if (f->hop == 255)
		return;
	if (f->type == NVH_EXIT || f->type == NVH_ERROR)
		open_below[f->chan] = false;
	upstream_send((uint8_t)(f->hop + 1), f->type, f->chan, f->payload, f->len);
}

static void skipped(size_t bytes)
{
	upstream_error(0, 0, "next level's stream resynchronised: %zu bytes skipped", bytes);
}

void relay_watch(struct pollset *s)
{
	if (wanted && fd < 0) {
		if (now_ms() - tried_ms >= RETRY_MS)
			connect_next();
		if (fd < 0)
			pollset_wake_within(s, RETRY_MS);
	}
	if (fd < 0)
		return;
	if (!queue_full(&upstream_out))
		pollset_add(s, fd, POLLIN);
	if (to_next.size)
		pollset_add(s, fd, POLLOUT);
}

void relay_serve(const struct pollset *s)
{
	if (fd < 0)
		return;
	if (to_next.size && queue_flush(&to_next, fd)) {
		disconnect();
		return;
	}
	if (pollset_revents(s, fd) & (POLLIN | POLLHUP | POLLERR)) {
		long n = parser_read(&parser, fd, from_below, skipped);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			disconnect();
	}
}
