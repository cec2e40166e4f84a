// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-agent: runs at every level (L0, L1, L2) and serves the harness over a virtio-serial port: runs
 * commands, and passes frames on to the agent of the next level. Wire format: proto.h.
 *
 *   nvh-agent                  the virtio port named nvh.agent, waited for; with nvh.link=turns on the kernel
 *                              command line, turns over semihosting
 *   nvh-agent --turns DIR      turns over FIFOs in DIR
 *   nvh-agent --socket PATH    listens there instead (one client at a time)
 *   nvh-agent --stdio          stdin and stdout instead; ends with them
 *   --next PATH                the next level's socket, default /run/nvh/next.sock
 *   --level NAME               instead of nvh.level= from /proc/cmdline
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

void pollset_add(struct pollset *s, int fd, short events)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->fds[i].fd == fd) {
			s->fds[i].events |= events;
			return;
		}
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct pollfd *fds = realloc(s->fds, room * sizeof(*fds));

		if (!fds) { /* served late, by the tick */
			pollset_wake_within(s, TICK_MS);
			return;
		}
		s->fds = fds;
		s->room = room;
	}
	s->fds[s->n++] = (struct pollfd){ .fd = fd, .events = events };
}

void pollset_wake_within(struct pollset *s, int ms)
{
	if (s->timeout_ms < 0 || s->timeout_ms > ms)
		s->timeout_ms = ms;
}

short pollset_revents(const struct pollset *s, int fd)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->fds[i].fd == fd)
			return s->fds[i].revents;
	return 0;
}

/* CNTVCT_EL0, so that the harness can relate the levels' clocks; 0 on another architecture. */
static uint64_t counter(void)
{
	uint64_t value = 0;
#ifdef __aarch64__
	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
#endif
	return value;
}

void pong(const struct nvh_frame *f)
{
	static uint8_t payload[NVH_PAYLOAD_MAX];
	struct timespec t;

	if (f->len > sizeof(payload) - 16) {
		upstream_error(f->chan, f->type, "a PING carries at most %zu bytes", sizeof(payload) - 16);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	nvh_put(payload + 8, counter(), 8);
	nvh_put(payload, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec, 8);
	memcpy(payload + 16, f->payload, f->len);
	upstream_send(0, NVH_PONG, f->chan, payload, f->len + 16);
}

static void dispatch(const struct nvh_frame *f)
{
	if (f->hop) {
		relay_forward(f);
		return;
	}
	switch (f->type) {
	case NVH_EXEC:
		command_exec(f);
		break;
	case NVH_STDIN:
		command_stdin(f);
		break;
	case NVH_KILL:
		command_kill(f);
		break;
	case NVH_PING:
		pong(f);
		break;
	case NVH_RESUME:
		resume(f);
		break;
	default:
		upstream_error(f->chan, f->type, "unknown frame type");
	}
}

/* The value of a kernel parameter, up to 31 bytes; `absent` without it. */
static const char *parameter(const char *name, char value[static 32], const char *absent)
{
	static char line[4096];
	FILE *file = fopen("/proc/cmdline", "re");
	char *at;

	if (file) {
		if (!fgets(line, sizeof(line), file))
			line[0] = 0;
		fclose(file);
	}
	at = strstr(line, name);
	if (!at)
		return absent;
	at += strlen(name);
	snprintf(value, 32, "%.*s", (int)strcspn(at, " \n"), at);
	return value;
}

/*
 * A VM for as long as the agent lives. Without it KVM changes its static key with L0's first VM and the last one, under load,
 * and a model with a thread for each CPU may go on executing the old code (docs/models.md, "Threads and modified code"). It is
 * a process of its own, in whose memory nothing happens: MMU notifiers of the agent's memory would be events of KVM.
 */
static void keep_vm(void)
{
	pid_t agent = getpid(), child = fork();
	int kvm;

	if (child) {
		if (child < 0)
			perror("nvh-agent: fork");
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	kvm = getppid() == agent ? open("/dev/kvm", O_RDWR | O_CLOEXEC) : -1;
	if (kvm < 0)
		_exit(0); /* a kernel without KVM has no such key */
	if (ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("nvh-agent: KVM_CREATE_VM");
		_exit(1);
	}
	for (;;)
		pause();
}

static int usage(void)
{
	fprintf(stderr, "usage: nvh-agent [--stdio | --socket PATH | --turns DIR] [--next PATH] [--level NAME]\n");
	return 2;
}

/* True while the agent should go on. */
static bool take_signals(int fd)
{
	struct signalfd_siginfo info;
	bool go_on = true;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			go_on = false;
	command_children_changed();
	return go_on;
}

int main(int argc, char **argv)
{
	const char *path = NULL, *next = "/run/nvh/next.sock", *level = NULL;
	enum upstream_kind kind = UPSTREAM_PORT;
	struct pollset set = { 0 };
	sigset_t signals;
	int signal_fd;
	char level_value[32], link_value[32];
	bool go_on = true;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--stdio")) {
			kind = UPSTREAM_STDIO;
		} else if (!strcmp(argv[i], "--socket") && i + 1 < argc) {
			kind = UPSTREAM_SOCKET;
			path = argv[++i];
		} else if (!strcmp(argv[i], "--turns") && i + 1 < argc) {
			kind = UPSTREAM_TURNS;
			path = argv[++i];
		} else if (!strcmp(argv[i], "--next") && i + 1 < argc) {
			next = argv[++i];
		} else if (!strcmp(argv[i], "--level") && i + 1 < argc) {
			level = argv[++i];
		} else {
			return usage();
		}
	}
	if (!level)
		level = parameter("nvh.level=", level_value, "unknown");
	if (kind == UPSTREAM_PORT && !strcmp(parameter("nvh.link=", link_value, ""), "turns"))
		kind = UPSTREAM_TURNS;
	if (kind == UPSTREAM_PORT && !strcmp(level, "l0"))
		keep_vm();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	relay_init(next);
	if (signal_fd < 0 || upstream_start(kind, path, level)) {
		perror("nvh-agent");
		return 1;
	}
	while (go_on) {
		set.n = 0;
		set.timeout_ms = -1;
		pollset_add(&set, signal_fd, POLLIN);
		upstream_watch(&set);
		command_watch(&set);
		relay_watch(&set);
		if (poll(set.fds, set.n, set.timeout_ms) < 0 && errno != EINTR && errno != ENOMEM)
			break;
		go_on = take_signals(signal_fd);
		command_serve(&set);
		relay_serve(&set);
		go_on = upstream_serve(&set, dispatch) && go_on;
	}
	command_end_all();
	return 0;
}
