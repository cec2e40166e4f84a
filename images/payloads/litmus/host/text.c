// SPDX-License-Identifier: GPL-2.0-only
/* From a line of text to steps of a program: one function per action. */
#include "host/text.h"
#include "host/events.h"
#include "host/program.h"
#include "host/text_context.h"
#include "host/text_memory.h"

#include <string.h>

/* read|execute CTX VA [el0], write CTX VA VALUE [el0], vncr CTX */
static bool do_access(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	bool write = !strcmp(w[0], "write"), vncr = !strcmp(w[0], "vncr");
	unsigned fixed = write ? 4 : vncr ? 2 : 3;
	bool el0 = n > fixed && !strcmp(w[n - 1], "el0");
	uint64_t ctx, va = 0, value = 0;
	struct step *s;

	if (n != fixed + el0 || !text_declared(t, w[1], &ctx) || (!vncr && !text_number(t, w[2], &va)) ||
	    (write && !text_number(t, w[3], &value)))
		return text_wrong(t, "expected `%s CTX%s%s`", w[0], vncr ? "" : " VA", write ? " VALUE" : "");
	s = text_step(t, t->cpu, STEP_L2);
	s->op = write ? ACCESS_WRITE : vncr ? ACCESS_VNCR_READ : w[0][0] == 'e' ? ACCESS_EXECUTE : ACCESS_READ;
	s->ctx = (uint8_t)ctx;
	s->a = va;
	s->b = value;
	s->c = el0;
	s->flags = write ? STEP_WHERE : 0;
	text_watch(t, t->cpu, line, va);
	return true;
}

/* tlbi|l2-tlbi CTX OPERATION [OPERAND] */
static bool do_tlbi(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	uint64_t ctx, operand = 0;
	unsigned op = 0;
	struct step *s;

	if (n < 3 || n > 4 || !text_declared(t, w[1], &ctx) || (n == 4 && !text_number(t, w[3], &operand)))
		return text_wrong(t, "expected `%s CTX OPERATION [OPERAND]`", w[0]);
	while (op < operation_count && strcmp(operations[op].name, w[2]))
		op++;
	if (op == operation_count)
		return text_wrong(t, "%s is not an operation", w[2]);
	if ((operations[op].operand != NONE) != (n == 4))
		return text_wrong(t, "%s %s", w[2], n == 4 ? "takes no operand" : "needs its operand");
	s = text_step(t, t->cpu, w[0][0] == 'l' ? STEP_L2_TLBI : STEP_TLBI);
	s->ctx = (uint8_t)ctx;
	s->op = (uint16_t)op;
	s->a = operand;
	text_watch(t, t->cpu, line, 0);
	return true;
}

/* at CTX OPERATION VA [attr] */
static bool do_at(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	static const char *const names[AT_TEXT] = { "s1e1r",  "s1e1w",	"s1e0r",  "s1e0w",
						    "s12e1r", "s12e1w", "s12e0r", "s12e0w" };
	bool attributes = n == 5 && !strcmp(w[4], "attr");
	uint64_t ctx, va;
	struct step *s;

	if (n != 4u + attributes || !text_declared(t, w[1], &ctx) || !text_number(t, w[3], &va))
		return text_wrong(t, "expected `at CTX OPERATION VA [attr]`");
	for (unsigned i = 0; i < AT_TEXT; i++) {
		if (strcmp(names[i], w[2]))
			continue;
		s = text_step(t, t->cpu, STEP_AT);
		s->ctx = (uint8_t)ctx;
		s->op = (uint16_t)i;
		s->a = va;
		text_watch(t, t->cpu, line, va);
		t->watch[t->watches - 1].attributes = attributes;
		return !t->error[0];
	}
	return text_wrong(t, "%s is not an operation of AT", w[2]);
}

/* entry s1|s2 CTX ADDRESS LEVEL */
static bool do_entry(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	uint64_t ctx, at, level;
	bool second = n > 1 && !strcmp(w[1], "s2");
	struct step *s;

	if (n != 5 || (!second && strcmp(w[1], "s1")) || !text_declared(t, w[2], &ctx) || !text_number(t, w[3], &at) ||
	    !text_below(t, w[4], 4, &level))
		return text_wrong(t, "expected `entry s1|s2 CTX ADDRESS LEVEL`");
	s = text_step(t, t->cpu, STEP_LOOK);
	s->ctx = (uint8_t)ctx;
	s->op = second ? 2 : 1;
	s->a = at;
	s->c = level;
	text_watch(t, t->cpu, line, 0);
	return true;
}

static bool do_peek(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	uint64_t va;

	if (n != 2 || !text_number(t, w[1], &va))
		return text_wrong(t, "expected `peek VA`");
	text_step(t, t->cpu, STEP_READ)->a = va;
	text_watch(t, t->cpu, line, va);
	return true;
}

static bool do_host(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	static const struct {
		const char *name;
		enum event_action action;
	} actions[] = { { "set-up", EVENT_SET_UP },
			{ "dontneed", EVENT_DONTNEED },
			{ "move", EVENT_MOVE },
			{ "delete", EVENT_DELETE },
			{ "read-only", EVENT_READ_ONLY },
			{ "dirty-on", EVENT_DIRTY_ON },
			{ "dirty-read", EVENT_DIRTY_READ },
			{ "online", EVENT_ONLINE },
			{ "kick", EVENT_KICK },
			{ "other-vm", EVENT_OTHER_VM },
			{ "other-vm-begins", EVENT_OTHER_VM_BEGINS },
			{ "other-vm-ends", EVENT_OTHER_VM_ENDS },
			{ "preempt", EVENT_PREEMPT },
			{ "hop", EVENT_HOP },
			{ "share", EVENT_SHARE } };
	uint64_t offset;
	struct step *s;

	if (n != 3 || !text_below(t, w[2], EVENT_SIZE, &offset))
		return text_wrong(t, "expected `host ACTION OFFSET`");
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].name, w[1]))
			continue;
		/* The doorbell is the first CPU's. */
		if (t->cpu)
			return text_wrong(t, "`host` is for CPU 0");
		s = text_step(t, 0, STEP_HOST);
		s->a = actions[i].action;
		s->b = offset;
		text_watch(t, 0, line, 0);
		return true;
	}
	return text_wrong(t, "%s is not an action of the host", w[1]);
}

/*
 * spin CPU CTX VA l2|vel2|vncr|el0|l2w|vncrw|l2-halts|l2w-halts|vncr-halts|vncrw-halts|l2-turns|vncr-turns|tlbi-turns|
 * drop-turns|l2-own|vncr-own, sample CPU, stop CPU
 */
static bool do_spin(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	uint64_t cpu, ctx, va;
	struct step *s;

	if (n < 2 || !text_below(t, w[1], t->config.cpus, &cpu) || !cpu)
		return text_wrong(t, "expected `%s CPU`, not the first one", w[0]);
	if (!strcmp(w[0], "spin")) {
		static const struct {
			const char *name;
			enum spin_where where;
		} places[] = { { "l2", SPIN_L2 },
			       { "vel2", SPIN_VEL2 },
			       { "vncr", SPIN_L2_VNCR },
			       { "el0", SPIN_L2_EL0 },
			       { "l2w", SPIN_L2_WRITE },
			       { "vncrw", SPIN_L2_VNCR_WRITE },
			       { "l2-halts", SPIN_L2_HALTS },
			       { "l2w-halts", SPIN_L2_WRITE_HALTS },
			       { "vncr-halts", SPIN_L2_VNCR_HALTS },
			       { "vncrw-halts", SPIN_L2_VNCR_WRITE_HALTS },
			       { "l2-turns", SPIN_L2_TURNS },
			       { "vncr-turns", SPIN_VNCR_TURNS },
			       { "tlbi-turns", SPIN_TLBI_TURNS },
			       { "drop-turns", SPIN_DROP_TURNS },
			       { "l2-own", SPIN_L2_OWN },
			       { "vncr-own", SPIN_VNCR_OWN } };

		if (n != 5 || !text_declared(t, w[2], &ctx) || !text_number(t, w[3], &va) || t->spinning[cpu])
			return text_wrong(t, "expected `spin CPU CTX VA WHERE`, once for a CPU");
		s = text_step(t, (unsigned)cpu, STEP_SPIN);
		s->ctx = (uint8_t)ctx;
		s->a = va;
		s->d = 64 - (uint64_t)__builtin_clzl(t->declared);
		s->c = NOBODY;
		for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++)
			if (!strcmp(places[i].name, w[4]))
				s->c = places[i].where;
		if (s->c == NOBODY)
			return text_wrong(t, "%s is not where a CPU can spin", w[4]);
		if (s->c >= SPIN_L2_HALTS && s->c <= SPIN_L2_VNCR_WRITE_HALTS && !t->config.halts)
			return text_wrong(t, "%s needs `halts` in the line of `program`", w[4]);
		t->spinning[cpu] = 1;
		text_step(t, t->cpu, STEP_START)->c = cpu;
	} else {
		if (n != 2 || t->spinning[cpu] != 1)
			return text_wrong(t, "CPU %lu does not spin", cpu);
		text_step(t, t->cpu, w[0][1] == 'a' ? STEP_SAMPLE : STEP_STOP)->c = cpu;
		t->spinning[cpu] = w[0][1] == 'a' ? 1 : 2;
	}
	if (strcmp(w[0], "stop"))
		text_watch(t, t->cpu, line, 0);
	return true;
}

/* The steps that follow are another CPU's; it waits for this one, and this one later for it. */
static bool do_cpu(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	uint64_t cpu;

	if (n != 2 || !text_below(t, w[1], t->config.cpus, &cpu) || t->spinning[cpu] == 1)
		return text_wrong(t, "expected `cpu N`, of one that does not spin");
	if (cpu == t->cpu)
		return true;
	text_step(t, t->cpu, STEP_PASS)->a = ++t->turns;
	text_step(t, (unsigned)cpu, STEP_AWAIT)->a = t->turns;
	t->cpu = (unsigned)cpu;
	return true;
}

static const struct {
	const char *verb;
	bool (*put)(struct text *t, const struct line *line);
} actions[] = {
	{ "at", do_at },	{ "code", text_poke },	{ "context", text_context }, { "cpu", do_cpu },
	{ "e2", text_map },	{ "entry", do_entry },	{ "execute", do_access },    { "frames", text_frames },
	{ "host", do_host },	{ "l2-tlbi", do_tlbi }, { "peek", do_peek },	     { "poke", text_poke },
	{ "read", do_access },	{ "s1", text_map },	{ "s2", text_map },	     { "sample", do_spin },
	{ "spin", do_spin },	{ "stop", do_spin },	{ "tlbi", do_tlbi },	     { "vncr", do_access },
	{ "write", do_access },
};

/* A last word `loose` is of the step that the line makes. */
bool text_line(struct text *t, struct vm *vm, unsigned number, char **words, unsigned count, const char *allowed)
{
	bool loose = count > 1 && !strcmp(words[count - 1], "loose");
	const struct line line = { number, words, count - loose, allowed };

	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].verb, words[0]))
			continue;
		if (!actions[i].put(t, &line) || t->error[0])
			return false;
		if (loose)
			vm->shared->program[t->cpu].step[t->litmus.steps[t->cpu] - 1].flags |= STEP_LOOSE;
		return true;
	}
	return text_wrong(t, "%s is no action", words[0]);
}
