// SPDX-License-Identifier: GPL-2.0-only
/* Runs a program, hands out its lines as they come, and ends one that says nothing any more. */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_STARTED 127

struct stream {
	int fd;
	size_t used;
	char text[LINE_MOST];
};

static pid_t start(char *const argv[], int ends[3])
{
	int in[2], out[2], err[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		signal(SIGPIPE, SIG_DFL);
		execv(argv[0], argv);
		_exit(NOT_STARTED);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	ends[0] = in[1];
	ends[1] = out[0];
	ends[2] = err[0];
	return pid;
}

/* A line that does not fit is handed out in parts. */
static void take(struct stream *s, bool error, const char *data, size_t size, child_line *line, void *context)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] != '\n')
			s->text[s->used++] = data[i] ? data[i] : '?';
		if (data[i] == '\n' || s->used == sizeof(s->text) - 1) {
			s->text[s->used] = 0;
			s->used = 0;
			line(context, error, s->text);
		}
	}
}

static bool drain(struct stream *s, bool error, child_line *line, void *context)
{
	char data[4096];
	ssize_t n = read(s->fd, data, sizeof(data));

	if (n > 0) {
		take(s, error, data, (size_t)n, line, context);
		return true;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (s->used)
		take(s, error, "\n", 1, line, context);
	close(s->fd);
	s->fd = -1;
	return false;
}

static void feed(int *fd, const char **input, size_t *size)
{
	ssize_t n = *size ? write(*fd, *input, *size) : 0;

	if (n > 0) {
		*input += n;
		*size -= (size_t)n;
	}
	if (!*size || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(*fd);
		*fd = -1;
	}
}

int child_run(char *const argv[], const char *input, size_t size, unsigned patience, child_line *line, void *context)
{
	struct stream streams[2] = { { .fd = -1 }, { .fd = -1 } };
	char why[96];
	int ends[3], status;
	double heard = now();
	pid_t pid = start(argv, ends);

	if (pid < 0)
		return NOT_STARTED;
	streams[0].fd = ends[1];
	streams[1].fd = ends[2];
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	while (streams[0].fd >= 0 || streams[1].fd >= 0) {
		struct pollfd polled[3] = { { ends[0], POLLOUT, 0 },
					    { streams[0].fd, POLLIN, 0 },
					    { streams[1].fd, POLLIN, 0 } };
		int ready = poll(polled, 3, 1000);

		if (ready > 0 && polled[0].revents)
			feed(&ends[0], &input, &size);
		for (int i = 0; ready > 0 && i < 2; i++)
			if (polled[i + 1].revents && drain(&streams[i], i, line, context))
				heard = now();
		if (now() - heard > patience) {
			snprintf(why, sizeof(why), "nothing was said for %u s: the program was ended", patience);
			line(context, true, why);
			kill(-pid, SIGKILL);
			heard = now();
			if (streams[0].fd >= 0)
				drain(&streams[0], false, line, context);
			for (int i = 0; i < 2; i++)
				if (streams[i].fd >= 0)
					close(streams[i].fd);
			break;
		}
	}
	if (ends[0] >= 0)
		close(ends[0]);
	/* One that closed its output and does not end is ended, too. */
	for (double until = now() + patience; waitpid(pid, &status, WNOHANG) == 0;) {
		if (now() > until)
			kill(-pid, SIGKILL), until = now() + patience;
		poll(NULL, 0, 2);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED + WTERMSIG(status);
}

void child_reap(unsigned seconds)
{
	double until = now() + seconds;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && now() < until)
		if (!pid)
			poll(NULL, 0, 10);
}
