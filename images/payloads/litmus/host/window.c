// SPDX-License-Identifier: GPL-2.0-only
/* A fault that L0 handles and that waits for its page in host memory, until the page is given. */
#include "host/window.h"
#include "host/break.h"
#include "host/value.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WINDOW_PATIENCE_MS 5000

static int window = -1;

static bool window_open(struct vm *vm, uint64_t offset)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (uintptr_t)vm->event[0] + offset, WINDOW_SPACING },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	window = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	return (window >= 0 && !ioctl(window, UFFDIO_API, &api) && !ioctl(window, UFFDIO_REGISTER, &range)) ||
	       vm_fails(vm, "userfaultfd");
}

/* Give the page, whereupon the fault under way goes on. */
static bool window_close(struct vm *vm, uint64_t offset)
{
	static uint8_t page[WINDOW_SPACING] __attribute__((aligned(WINDOW_SPACING)));
	uint64_t value = value_at(EVENT_PA + offset);
	struct uffdio_copy copy = {
		.dst = (uintptr_t)vm->event[0] + offset,
		.src = (uintptr_t)page,
		.len = WINDOW_SPACING,
	};
	bool done;

	memcpy(page, &value, sizeof(value));
	done = !ioctl(window, UFFDIO_COPY, &copy) || vm_fails(vm, "UFFDIO_COPY");
	close(window);
	return done;
}

bool window_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer)
{
	struct pollfd fault = { .fd = window, .events = POLLIN };

	switch (action) {
	case WINDOW_OPEN:
		return window_open(vm, offset);
	case WINDOW_WAIT: /* 1: L0 handles the victim's fault, and waits for the page */
		*answer = poll(&fault, 1, WINDOW_PATIENCE_MS) == 1 ? 1 : 2;
		return true;
	default:
		return window_close(vm, offset);
	}
}
