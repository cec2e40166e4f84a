// SPDX-License-Identifier: GPL-2.0-only
/* What a VM has broken on, for nvh-litmus and nvh-bare: the first reason stays. */
#include "host/break.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void vm_break(struct vm *vm, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!vm->broken[0])
		vsnprintf(vm->broken, sizeof(vm->broken), format, args);
	va_end(args);
}

bool vm_fails(struct vm *vm, const char *what)
{
	vm_break(vm, "%s: %s", what, strerror(errno));
	return false;
}
