// SPDX-License-Identifier: GPL-2.0-only
/* The words of a program's line, and the step that it becomes. */
#include "host/text_words.h"
#include "host/program.h"
#include "number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool text_wrong(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!t->error[0])
		vsnprintf(t->error, sizeof(t->error), format, args);
	va_end(args);
	return false;
}

bool text_number(struct text *t, const char *word, uint64_t *out)
{
	return number_parse(word, 0, 0, UINT64_MAX, out) || text_wrong(t, "%s is not a number", word);
}

bool text_below(struct text *t, const char *word, uint64_t limit, uint64_t *out)
{
	return text_number(t, word, out) && (*out < limit || text_wrong(t, "%s is not below %lu", word, limit));
}

bool text_declared(struct text *t, const char *word, uint64_t *ctx)
{
	return text_below(t, word, CONTEXTS_MAX, ctx) &&
	       (t->declared >> *ctx & 1 || text_wrong(t, "context %lu is not declared", *ctx));
}

const char *text_value(const char *word, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(word, name, n) && word[n] == '=' ? word + n + 1 : NULL;
}

struct step *text_step(struct text *t, unsigned cpu, enum step_kind kind)
{
	/* Room for the end, and for the turns that follow. */
	if (t->litmus.steps[cpu] >= STEPS_MAX - 4) {
		static struct step nowhere;

		text_wrong(t, "more than %u steps", STEPS_MAX - 4);
		return &nowhere;
	}
	return add(&t->litmus, cpu, kind);
}

void text_watch(struct text *t, unsigned cpu, const struct line *line, uint64_t at)
{
	struct watch *w = &t->watch[t->watches];

	if (t->watches == WATCHES_MAX) {
		text_wrong(t, "more than %u observations", WATCHES_MAX);
		return;
	}
	t->watches++;
	*w = (struct watch){
		.cpu = cpu, .step = t->litmus.steps[cpu] - 1, .line = line->number, .at = at, .allowed = line->allowed
	};
}

unsigned text_granule(const char *word)
{
	return !strcmp(word, "4k") ? 12 : !strcmp(word, "16k") ? 14 : !strcmp(word, "64k") ? 16 : 0;
}
