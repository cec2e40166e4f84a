/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent's parts: upstream (towards the harness), commands, next level. One thread, one poll(). */
#ifndef NVH_AGENT_H
#define NVH_AGENT_H

#include <poll.h>

#include "queue.h"

#define TICK_MS 100

/* What one round of the loop waits for; each part adds its descriptors and later looks them up. */
struct pollset {
	struct pollfd *fds;
	size_t n, room;
	int timeout_ms;
};

void pollset_add(struct pollset *s, int fd, short events);
void pollset_wake_within(struct pollset *s, int ms);
short pollset_revents(const struct pollset *s, int fd);

/* upstream.c */
enum upstream_kind { UPSTREAM_PORT, UPSTREAM_SOCKET, UPSTREAM_STDIO, UPSTREAM_TURNS };
extern struct queue upstream_out;

int upstream_start(enum upstream_kind kind, const char *path, const char *level);
void upstream_send(uint8_t hop, uint8_t type, uint16_t chan, const void *payload, uint32_t len);
void upstream_error(uint16_t chan, uint8_t type, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void upstream_watch(struct pollset *s);
/* False when the agent has nobody left to serve (end of --stdio). */
bool upstream_serve(const struct pollset *s, void (*take)(const struct nvh_frame *));

/* main.c: answer with PONG, this level's clocks and the frame's payload. */
void pong(const struct nvh_frame *f);

/* resume.c */
void resume(const struct nvh_frame *f);

/* command.c */
void command_exec(const struct nvh_frame *f);
void command_stdin(const struct nvh_frame *f);
void command_kill(const struct nvh_frame *f);
bool command_blocks_upstream(void);
void command_watch(struct pollset *s);
void command_serve(const struct pollset *s);
void command_children_changed(void);
void command_end_all(void);

/* relay.c */
void relay_init(const char *path);
void relay_forward(const struct nvh_frame *f);
bool relay_blocks_upstream(void);
void relay_watch(struct pollset *s);
void relay_serve(const struct pollset *s);

#endif
