// SPDX-License-Identifier: GPL-2.0-only
/* What a step asks of the VMM, handed to whose action it is. */
#include "host/action.h"
#include "host/events.h"
#include "host/huge.h"
#include "host/migrate.h"
#include "host/window.h"

bool host_action(struct vm *vm, uint64_t action, uint64_t argument, uint64_t *answer)
{
	*answer = 0;
	if (action == MIGRATE)
		return migrate_action(vm, argument, answer);
	if (action >= HUGE_SET_UP)
		return huge_action(vm, action, argument, answer);
	if (action >= WINDOW_OPEN)
		return window_action(vm, action, argument, answer);
	return event_action(vm, action, argument, answer);
}
