/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving a VM up: the first reason stays in vm->broken. */
#ifndef NVH_LITMUS_HOST_BREAK_H
#define NVH_LITMUS_HOST_BREAK_H

#include "host/vm_state.h"

void vm_break(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with errno; always false. */
bool vm_fails(struct vm *vm, const char *what);

#endif
