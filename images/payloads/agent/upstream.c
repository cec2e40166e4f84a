// SPDX-License-Identifier: GPL-2.0-only
/*
 * The link towards the harness: the virtio-serial port named nvh.agent, turns at L0 under icount (turn.h), or
 * a listening socket or stdin/stdout in native tests. Commands outlive a reader that goes away (a restored snapshot gets a
 * new one); only the end of --stdio ends the agent.
 */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "turn.h"

#define PORT_NAME "nvh.agent"
#define PORT_DIR "/sys/class/virtio-ports"

struct queue upstream_out = { .frames = true };

static enum upstream_kind kind;
static const char *level;
static int listener = -1;
static int in = -1, out = -1;
static bool connected;
static struct parser parser;
static unsigned long lost_frames;
static int64_t turn_ms;

void upstream_send(uint8_t hop, uint8_t type, uint16_t chan, const void *payload, uint32_t len)
{
	struct nvh_frame f = { hop, type, chan, len, payload };

	if (!queue_push_frame(&upstream_out, &f))
		lost_frames++;
}

void upstream_error(uint16_t chan, uint8_t type, const char *format, ...)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "chan=%u type=%u: ", chan, type);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	upstream_send(0, NVH_ERROR, chan, text, (uint32_t)strlen(text));
}

static void tell_lost(void)
{
	unsigned long n = lost_frames;

	if (!n)
		return;
	lost_frames = 0;
	upstream_error(0, 0, "out of memory: %lu frames lost", n);
	if (lost_frames)
		lost_frames = n;
}

static void skipped(size_t bytes)
{
	upstream_error(0, 0, "resynchronised: %zu bytes skipped", bytes);
}

static int open_port(void)
{
	DIR *dir = opendir(PORT_DIR);
	struct dirent *entry;
	int fd = -1;

	if (!dir)
		return -1;
	while (fd < 0 && (entry = readdir(dir))) {
		char path[600], name[64] = "";
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), PORT_DIR "/%s/name", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (!fgets(name, sizeof(name), file))
			name[0] = 0;
		fclose(file);
		name[strcspn(name, "\n")] = 0;
		if (strcmp(name, PORT_NAME))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	closedir(dir);
	return fd;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) || listen(fd, 4))
		return -1;
	return fd;
}

static void hello(void)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "nvh-agent 1 %s\n", level);

	connected = true;
	upstream_send(0, NVH_HELLO, 0, text, (uint32_t)n);
}

/* The reader has gone: what it sent by half and got by half means nothing to the next one. */
static void hang_up(bool close_it)
{
	connected = false;
	parser.size = parser.skipped = 0;
	queue_drop_partial(&upstream_out);
	if (close_it && in >= 0) {
		close(in);
		in = out = -1;
	}
}

int upstream_start(enum upstream_kind how, const char *path, const char *level_name)
{
	kind = how;
	level = level_name;
	if (kind == UPSTREAM_SOCKET) {
		listener = listen_at(path);
		return listener < 0 ? -1 : 0;
	}
	if (kind == UPSTREAM_TURNS)
		turn_init(path);
	if (kind == UPSTREAM_STDIO) {
		in = STDIN_FILENO;
		out = STDOUT_FILENO;
		fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
		fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
		hello();
	}
	return 0;
}

static void take_turn(void (*take)(const struct nvh_frame *))
{
	int opened = turn_open();

	if (opened > 0)
		hello();
	if (opened < 0 || turn_take(&upstream_out, take))
		connected = false;
	turn_ms = now_ms();
}

static void reconnect(void)
{
	struct pollfd now;

	if (kind == UPSTREAM_SOCKET && in < 0) {
		in = out = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (in >= 0)
			hello();
	}
	if (kind != UPSTREAM_PORT)
		return;
	if (in < 0)
		in = out = open_port();
	if (in < 0 || connected)
		return;
	/* The driver reports POLLHUP for as long as the host side is closed. */
	now = (struct pollfd){ .fd = in, .events = POLLIN };
	if (poll(&now, 1, 0) >= 0 && !(now.revents & (POLLHUP | POLLERR | POLLNVAL)))
		hello();
}

void upstream_watch(struct pollset *s)
{
	/* Answers made from frames (PONG, ERROR) count too, so a reader that only writes is paused. */
	bool paused = upstream_out.size > 4 * QUEUE_LIMIT || command_blocks_upstream() ||
		      relay_blocks_upstream();

	if (kind == UPSTREAM_TURNS) {
		tell_lost();
		pollset_wake_within(s, upstream_out.size ? 0 : connected ? TICK_MS : 1);
		return;
	}
	if (!connected)
		reconnect();
	tell_lost();
	if (!connected) {
		if (kind == UPSTREAM_SOCKET)
			pollset_add(s, listener, POLLIN);
		else
			pollset_wake_within(s, TICK_MS);
		return;
	}
	if (paused)
		pollset_wake_within(s, TICK_MS);
	if (!paused)
		pollset_add(s, in, POLLIN);
	if (upstream_out.size) {
		pollset_add(s, out, POLLOUT);
		pollset_wake_within(s, 5 * TICK_MS);
	}
}

bool upstream_serve(const struct pollset *s, void (*take)(const struct nvh_frame *))
{
	short ready;

	if (kind == UPSTREAM_TURNS && (upstream_out.size || !connected || now_ms() - turn_ms >= TICK_MS))
		take_turn(take);
	if (!connected || kind == UPSTREAM_TURNS)
		return true;
	if (upstream_out.size && queue_flush(&upstream_out, out)) {
		hang_up(true);
		return kind != UPSTREAM_STDIO;
	}
	ready = pollset_revents(s, in);
	if (ready & (POLLIN | POLLHUP | POLLERR)) {
		long n = parser_read(&parser, in, take, skipped);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			/* An open port reads 0 while the host side is closed: keep it. */
			hang_up(!(n == 0 && kind == UPSTREAM_PORT));
			return kind != UPSTREAM_STDIO;
		}
	}
	return true;
}
