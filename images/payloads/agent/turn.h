/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking turns with the harness over two FIFOs in the model's working directory, agent.up and agent.down.
 * The agent writes what it has and a TURN frame, then reads frames until the harness's own TURN. Through
 * semihosting (Arm IHI 0100) both happen inside one instruction: while the harness thinks no virtual time
 * passes, so the host's timing leaves no trace in the machine.
 */
#ifndef NVH_TURN_H
#define NVH_TURN_H

#include "proto.h"

struct queue;

/* Use plain files in `directory` (native tests); NULL: semihosting. Nothing is opened yet. */
void turn_init(const char *directory);

/* Make sure both ends are open. Returns -1 when they are not there yet, 1 when they were opened anew, else 0. */
int turn_open(void);

/* Give `out` and take frames. Returns -1 when the other end has changed; `out` may be lost in part then. */
int turn_take(struct queue *out, void (*take)(const struct nvh_frame *));

#endif
