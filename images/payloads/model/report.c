// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what was asked and what was not as it must be, as lines on the PL011.
 *
 *     group|NAME|CHECKS|FAILED
 *     fail|GROUP|CASE|WHAT|REQUIRED|SEEN|RULE
 *     skip|GROUP|WHY
 *     late|GROUP|CASE|PE|EL|PC|INSTRUCTION     and the end: the PE did not come back
 */
#include "model.h"

#include <stdarg.h>

#define TOLD_MOST 600 /* of a group; the rest is counted */

static const char *current;
static unsigned failed;
#define checks asking.number
/* nvh looks here when the machine does not go on (harness/nightly/model/questions.py). */
struct asking {
	char group[16];
	uint64_t number;
};
volatile struct asking asking;

static void vsay(const char *format, va_list list)
{
	for (; *format; format++) {
		if (*format != '%') {
			print_char(*format);
			continue;
		}
		switch (*++format) {
		case 's': print(va_arg(list, const char *)); break;
		case 'd': print_number(va_arg(list, uint64_t), 10); break;
		case 'x': print_number(va_arg(list, uint64_t), 16); break;
		default: print_char(*format); break;
		}
	}
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsay(format, list);
	va_end(list);
}

static bool nested;

void group_of_groups(const char *name)
{
	nested = false;
	if (!name)
		return;
	group(name);
	nested = true;
}

void group(const char *name)
{
	if (nested)
		return;
	current = name;
	for (unsigned i = 0; i < sizeof(asking.group); i++) {
		asking.group[i] = *name;
		name += !!*name;
	}
	checks = failed = 0;
}

void group_end(void)
{
	if (nested)
		return;
	say("group|%s|%d|%d\n", current, (uint64_t)checks, (uint64_t)failed);
}

void skip(const char *name, const char *why)
{
	say("skip|%s|%s\n", name, why);
}

void expect(uint64_t required, uint64_t seen, const char *what, const char *rule, const char *format, ...)
{
	va_list list;

	if (watch_is_late()) {
		say("late|%s|", current);
		va_start(list, format);
		vsay(format, list);
		va_end(list);
		watch_tell();
	}
	checks++;
	if (required == seen || failed++ >= TOLD_MOST)
		return;
	say("fail|%s|", current);
	va_start(list, format);
	vsay(format, list);
	va_end(list);
	say("|%s|%x|%x|%s\n", what, required, seen, rule);
}
