// SPDX-License-Identifier: GPL-2.0-only
/* Commands: each a session of its own, so that one signal to -pid reaches the whole group. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMANDS_MAX 256
#define LINGER_MS 1000 /* how long a grandchild may keep the streams of an ended command open */

struct stream {
	int fd;
	uint8_t type;
	bool drained;	       /* empty since the command ended: nothing of its own is left */
	size_t after_exit, capacity;
};

struct command {
	bool used;
	uint16_t chan;
	pid_t pid;
	int in;
	bool close_in; /* once its queue is written */
	struct queue in_queue;
	struct stream stream[2];
	bool ended; /* still a zombie, so that its process group id cannot be taken by another */
	int32_t status;
	int64_t ended_ms;
};

static struct command commands[COMMANDS_MAX];

extern char **environ;

static struct command *find(uint16_t chan)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].used && commands[i].chan == chan)
			return &commands[i];
	return NULL;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int spawn(pid_t *pid, char *text, int in, int out, int err)
{
	char *argv[] = { "sh", "-c", text, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int why;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_adddup2(&files, err, 2);
	posix_spawn_file_actions_addchdir_np(&files, "/");
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	/* SETSID is done before posix_spawn returns: a KILL right behind finds the group. */
	posix_spawnattr_setflags(&attributes,
				 POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	why = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return why;
}

static int start(struct command *c, char *text)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int why = 0;

	for (int i = 0; i < 3 && !why; i++)
		if (pipe2(pipes[i], O_CLOEXEC))
			why = errno;
	if (!why)
		why = spawn(&c->pid, text, pipes[0][0], pipes[1][1], pipes[2][1]);
	shut(&pipes[0][0]);
	shut(&pipes[1][1]);
	shut(&pipes[2][1]);
	if (why) {
		shut(&pipes[0][1]);
		shut(&pipes[1][0]);
		shut(&pipes[2][0]);
		return why;
	}
	c->in = pipes[0][1];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 2; i++) {
		struct stream *s = &c->stream[i];
		int capacity = fcntl(pipes[i + 1][0], F_GETPIPE_SZ);

		s->fd = pipes[i + 1][0];
		s->type = i ? NVH_STDERR : NVH_STDOUT;
		s->capacity = capacity > 0 ? (size_t)capacity : 1u << 20;
		fcntl(s->fd, F_SETFL, O_NONBLOCK);
	}
	return 0;
}

void command_exec(const struct nvh_frame *f)
{
	struct command *c = NULL;
	char *text;
	int why;

	if (find(f->chan)) {
		upstream_error(f->chan, f->type, "a command is already running on this chan");
		return;
	}
	for (size_t i = 0; i < COMMANDS_MAX && !c; i++)
		if (!commands[i].used)
			c = &commands[i];
	if (!c) {
		upstream_error(f->chan, f->type, "more than %d commands", COMMANDS_MAX);
		return;
	}
	if (memchr(f->payload, 0, f->len)) {
		upstream_error(f->chan, f->type, "the command holds a NUL byte");
		return;
	}
	text = malloc(f->len + 1);
	if (!text) {
		upstream_error(f->chan, f->type, "out of memory");
		return;
	}
	memcpy(text, f->payload, f->len);
	text[f->len] = 0;
	*c = (struct command){ .chan = f->chan, .in = -1 };
	why = start(c, text);
	free(text);
	if (why)
		upstream_error(f->chan, f->type, "spawn failed: %s", strerror(why));
	else
		c->used = true;
}

static void close_stdin(struct command *c)
{
	shut(&c->in);
	queue_clear(&c->in_queue);
}

void command_stdin(const struct nvh_frame *f)
{
	struct command *c = find(f->chan);

	if (!c || c->in < 0 || c->close_in)
		return;
	if (!f->len) {
		c->close_in = true;
		if (!c->in_queue.size)
			close_stdin(c);
	} else if (queue_stalled(&c->in_queue)) {
		upstream_error(f->chan, f->type, "the command does not read its stdin: input dropped");
		close_stdin(c);
	} else if (!queue_push(&c->in_queue, f->payload, f->len)) {
		upstream_error(f->chan, f->type, "out of memory: input dropped");
		close_stdin(c); /* better an early end than a gap */
	}
}

void command_kill(const struct nvh_frame *f)
{
	struct command *c = find(f->chan);
	uint32_t sig = f->len == 4 ? nvh_get32(f->payload) : UINT32_MAX;

	if (!c)
		return;
	if (sig > 64)
		upstream_error(f->chan, f->type, "not a signal number");
	else if (kill(-c->pid, (int)sig) && errno != ESRCH)
		upstream_error(f->chan, f->type, "kill: %s", strerror(errno));
}

bool command_blocks_upstream(void)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].used && queue_full(&commands[i].in_queue) &&
		    !queue_stalled(&commands[i].in_queue))
			return true;
	return false;
}

void command_children_changed(void)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &commands[i];
		siginfo_t info = { 0 };

		if (!c->used || c->ended ||
		    waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
			continue;
		c->ended = true;
		c->ended_ms = now_ms();
		c->status = info.si_code == CLD_EXITED ? info.si_status : 256 + info.si_status;
		close_stdin(c);
	}
}

static void read_stream(struct command *c, struct stream *s)
{
	uint8_t chunk[NVH_CHUNK];
	ssize_t n = read(s->fd, chunk, sizeof(chunk));

	if (n > 0) {
		upstream_send(0, s->type, c->chan, chunk, (uint32_t)n);
		if (c->ended)
			s->after_exit += (size_t)n;
		s->drained |= s->after_exit >= s->capacity;
	} else if (!n || (errno != EAGAIN && errno != EINTR)) {
		shut(&s->fd);
	} else if (errno == EAGAIN) {
		s->drained = c->ended;
	}
}

static bool finished(const struct command *c)
{
	const struct stream *s = c->stream;

	if (!c->ended)
		return false;
	if (s[0].fd < 0 && s[1].fd < 0)
		return true;
	return now_ms() - c->ended_ms >= LINGER_MS && (s[0].fd < 0 || s[0].drained) &&
	       (s[1].fd < 0 || s[1].drained);
}

static void finish(struct command *c)
{
	uint8_t status[4];

	nvh_put(status, (uint32_t)c->status, 4);
	upstream_send(0, NVH_EXIT, c->chan, status, 4);
	waitpid(c->pid, NULL, 0);
	shut(&c->stream[0].fd);
	shut(&c->stream[1].fd);
	c->used = false;
}

void command_watch(struct pollset *s)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &commands[i];

		if (!c->used)
			continue;
		if (c->in >= 0 && c->in_queue.size)
			pollset_add(s, c->in, POLLOUT);
		for (int j = 0; j < 2; j++)
			if (c->stream[j].fd >= 0 && !queue_full(&upstream_out))
				pollset_add(s, c->stream[j].fd, POLLIN);
		if (c->ended)
			pollset_wake_within(s, TICK_MS);
	}
}

void command_serve(const struct pollset *s)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &commands[i];

		if (!c->used)
			continue;
		if (c->in >= 0 && queue_flush(&c->in_queue, c->in))
			close_stdin(c); /* EPIPE: it does not want more */
		if (c->in >= 0 && c->close_in && !c->in_queue.size)
			close_stdin(c);
		for (int j = 0; j < 2; j++)
			if (c->stream[j].fd >= 0 && !queue_full(&upstream_out) &&
			    (c->ended || pollset_revents(s, c->stream[j].fd)))
				read_stream(c, &c->stream[j]);
		if (finished(c))
			finish(c);
	}
}

void command_end_all(void)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].used)
			kill(-commands[i].pid, SIGKILL);
}
