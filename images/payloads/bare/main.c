// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-bare: programs as text (docs/hunt.md) on the bare machine, at true EL2. It runs on the host and starts the
 * model's QEMU, which boots the hypervisor of nvh-litmus; both map the RAM. No kernel is involved.
 *
 *     nvh-bare FILE|--features QEMU [OPTION]...
 */
#include "host/break.h"
#include "host/exits.h"
#include "host/qemu.h"
#include "host/run.h"
#include "host/text_run.h"
#include "host/vcpu.h"
#include "host/vm.h"

#include <stdio.h>
#include <string.h>

bool vm_create(struct vm *vm, const struct config *config)
{
	memset(vm, 0, sizeof(*vm));
	vm->config = *config;
	vm->config.bare = true;
	if (config->hide_os || config->hide_range || config->hide_xs) {
		vm->ram = vm->image = -1;
		vm_break(vm, "the bare machine hides no feature");
		return false;
	}
	if (!qemu_create(vm))
		return false;
	vm->config = *config; /* as it was asked for: the next program's is compared with it */
	return true;
}

bool kvm_has_e2h0(void)
{
	return true; /* the payload finds out */
}

void vm_destroy(struct vm *vm)
{
	qemu_destroy(vm);
}

void vm_leave(struct vm *vm)
{
	qemu_destroy(vm);
}

enum ran vm_run(struct vm *vm, unsigned timeout_s)
{
	return qemu_run(vm, timeout_s);
}

void vm_where(struct vm *vm, char *out, size_t size)
{
	(void)vm;
	snprintf(out, size, "why=\"no answer in time\"");
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc - 2 > QEMU_WORDS_MAX) {
		fputs("usage: nvh-bare FILE|--features QEMU [OPTION]...\n", stderr);
		return EXIT_USAGE;
	}
	qemu_words = argv + 2;
	return strcmp(argv[1], "--features") ? text_run(argv[1], 0, false, NULL) : text_features();
}
