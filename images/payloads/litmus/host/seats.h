/* SPDX-License-Identifier: GPL-2.0-only */
/* The other vCPUs change their CPU of L0 while a program runs. */
#ifndef NVH_LITMUS_HOST_SEATS_H
#define NVH_LITMUS_HOST_SEATS_H

#include "host/vm_state.h"

enum seats_kind {
	SEATS_HOP,   /* each goes on to the next CPU, again and again */
	SEATS_SHARE, /* all are on one CPU, and take turns on it */
};

/* In a thread of its own, for some milliseconds; false: vm->broken says why. */
bool seats_start(struct vm *vm, enum seats_kind kind);
/* Each vCPU is back on its own CPU; nothing where none has left it. */
void seats_stop(struct vm *vm);

#endif
