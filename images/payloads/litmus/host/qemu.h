/* SPDX-License-Identifier: GPL-2.0-only */
/* --vmm qemu: vm_create() and so on for a VM whose VMM is QEMU. */
#ifndef NVH_LITMUS_HOST_QEMU_H
#define NVH_LITMUS_HOST_QEMU_H

#include "host/vm_state.h"

#define QEMU_WORDS_MAX 64
/* How QEMU is started, in front of the machine's own options; NULL ends them. */
extern char *const *qemu_words;

bool qemu_create(struct vm *vm);
enum ran qemu_run(struct vm *vm, unsigned timeout_s);
void qemu_destroy(struct vm *vm);

#endif
