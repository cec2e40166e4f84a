// SPDX-License-Identifier: GPL-2.0-only
/* A program's first line: its name, its machine and what it needs of L1. */
#include "host/text_head.h"

#include <stdio.h>
#include <string.h>

static bool set_hide(struct text *t, const char *what)
{
	t->config.hide_os = !strcmp(what, "os");
	t->config.hide_range = !strcmp(what, "range");
	t->config.hide_xs = !strcmp(what, "xs");
	return t->config.hide_os || t->config.hide_range || t->config.hide_xs ||
	       text_wrong(t, "hide=%s: os, range or xs", what);
}

/* `os,range`: features that L1 must have for the program to mean something: of operations, or of contexts. */
static bool set_needs(struct text *t, const char *what)
{
	static const struct {
		const char *word;
		uint8_t more;
	} contexts[] = { { "ha", CONTEXT_HA },
			 { "hd", CONTEXT_HD },
			 { "s1-ds", CONTEXT_S1_DS },
			 { "s2-ds", CONTEXT_S2_DS },
			 { "fwb", CONTEXT_FWB } };

	for (size_t n; *what; what += n + (what[n] == ',')) {
		uint8_t more = 0;

		n = strcspn(what, ",");
		for (unsigned i = 0; i < sizeof(contexts) / sizeof(*contexts); i++)
			if (n == strlen(contexts[i].word) && !strncmp(what, contexts[i].word, n))
				more = contexts[i].more;
		t->needs_more |= more;
		if (more)
			continue;
		if (n == 2 && !strncmp(what, "os", n))
			t->needs.needs_os = true;
		else if (n == 5 && !strncmp(what, "range", n))
			t->needs.needs_range = true;
		else if (n == 2 && !strncmp(what, "xs", n))
			t->needs.nxs = true;
		else
			return text_wrong(t, "needs=%s: some of os, range, xs, ha, hd, s1-ds, s2-ds, fwb", what);
	}
	return true;
}

bool text_begin(struct text *t, char **words, unsigned count)
{
	uint64_t n;

	memset(t, 0, sizeof(*t));
	t->config = (struct config){ .cpus = 1 };
	if (count < 2 || strcmp(words[0], "program"))
		return text_wrong(t, "expected `program NAME`");
	snprintf(t->name, sizeof(t->name), "%s", words[1]);
	for (unsigned i = 2; i < count; i++) {
		const char *value;

		if ((value = text_value(words[i], "cpus"))) {
			if (!text_below(t, value, CPUS_MAX + 1, &n) || !n)
				return text_wrong(t, "cpus=%s: 1 to %u", value, CPUS_MAX);
			t->config.cpus = (uint8_t)n;
		} else if ((value = text_value(words[i], "spare"))) {
			if (!text_below(t, value, CPUS_MAX, &n))
				return false;
			t->config.spare = (uint8_t)n;
		} else if ((value = text_value(words[i], "pressure"))) {
			if (!text_below(t, value, PRESSURE_PAGES + 1, &n))
				return false;
			t->pressure = (unsigned)n;
		} else if ((value = text_value(words[i], "world"))) {
			snprintf(t->world, sizeof(t->world), "%s", value);
		} else if ((value = text_value(words[i], "vel2"))) {
			t->config.vel2_shift = (uint8_t)text_granule(value);
		} else if ((value = text_value(words[i], "hide"))) {
			if (!set_hide(t, value))
				return false;
		} else if ((value = text_value(words[i], "needs"))) {
			if (!set_needs(t, value))
				return false;
		} else if (!strcmp(words[i], "fresh")) {
			t->fresh = true;
		} else if (!strcmp(words[i], "late")) {
			t->config.late = true;
		} else if (!strcmp(words[i], "halts")) {
			t->config.halts = true;
		} else if (!strcmp(words[i], "e2h0")) {
			t->config.e2h0 = true;
		} else if (!strcmp(words[i], "loose")) {
			t->loose = true;
		} else {
			return text_wrong(t, "%s: unknown word of `program`", words[i]);
		}
	}
	if (t->config.cpus + t->config.spare > CPUS_MAX)
		return text_wrong(t, "cpus and spare together are at most %u", CPUS_MAX);
	return true;
}

void text_start(struct text *t, struct vm *vm)
{
	t->litmus.vm = vm;
	for (unsigned i = 0; i < CPUS_MAX; i++)
		vm->shared->program[i].step[0].kind = STEP_END;
	vm->shared->turn = 0;
	vm->shared->skip = vm->shared->keep_exit = 0;
	vm->shared->pressure = t->pressure;
	vm->shared->loose = t->loose;
	vm->shared->frame_count = 0;
}
