// SPDX-License-Identifier: GPL-2.0-only
/* From a line of text to steps of a program: one function per action. */
#include "host/text.h"
#include "host/events.h"
#include "host/program.h"
#include "host/features.h"
#include "number.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BITS 31 /* L2's own page and its tables lie below 2 GiB */

static bool wrong(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!t->error[0])
		vsnprintf(t->error, sizeof(t->error), format, args);
	va_end(args);
	return false;
}

static bool number(struct text *t, const char *word, uint64_t *out)
{
	return number_parse(word, 0, 0, UINT64_MAX, out) || wrong(t, "%s is not a number", word);
}

static bool limited(struct text *t, const char *word, uint64_t limit, uint64_t *out)
{
	return number(t, word, out) && (*out < limit || wrong(t, "%s is not below %lu", word, limit));
}

/* Of a context that a line before has declared: without tables L2 would run at address 0. */
static bool declared(struct text *t, const char *word, uint64_t *ctx)
{
	return limited(t, word, CONTEXTS_MAX, ctx) &&
	       (t->declared >> *ctx & 1 || wrong(t, "context %lu is not declared", *ctx));
}

/* The value of `name=value`, or NULL when the word is another one. */
static const char *value_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(word, name, n) && word[n] == '=' ? word + n + 1 : NULL;
}

static struct step *step(struct text *t, unsigned cpu, enum step_kind kind)
{
	/* Room for the end, and for the turns that follow. */
	if (t->litmus.steps[cpu] >= STEPS_MAX - 4) {
		static struct step nowhere;

		wrong(t, "more than %u steps", STEPS_MAX - 4);
		return &nowhere;
	}
	return add(&t->litmus, cpu, kind);
}

static void watch(struct text *t, unsigned cpu, unsigned line, uint64_t at, const char *allowed)
{
	struct watch *w = &t->watch[t->watches];

	if (t->watches == WATCHES_MAX) {
		wrong(t, "more than %u observations", WATCHES_MAX);
		return;
	}
	t->watches++;
	*w = (struct watch){ .cpu = cpu, .step = t->litmus.steps[cpu] - 1, .line = line, .at = at, .allowed = allowed };
}

static bool set_hide(struct text *t, const char *what)
{
	t->config.hide_os = !strcmp(what, "os");
	t->config.hide_range = !strcmp(what, "range");
	t->config.hide_xs = !strcmp(what, "xs");
	return t->config.hide_os || t->config.hide_range || t->config.hide_xs || wrong(t, "hide=%s: os, range or xs", what);
}

/* `os,range`: features of operations that L1 must have for the program to mean something. */
static bool set_needs(struct text *t, const char *what)
{
	for (size_t n; *what; what += n + (what[n] == ',')) {
		n = strcspn(what, ",");
		if (n == 2 && !strncmp(what, "os", n))
			t->needs.needs_os = true;
		else if (n == 5 && !strncmp(what, "range", n))
			t->needs.needs_range = true;
		else if (n == 2 && !strncmp(what, "xs", n))
			t->needs.nxs = true;
		else if (n == 2 && !strncmp(what, "ha", n))
			t->needs_ha = true;
		else
			return wrong(t, "needs=%s: some of os, range, xs, ha", what);
	}
	return true;
}

static unsigned shift_named(const char *word)
{
	return !strcmp(word, "4k") ? 12 : !strcmp(word, "16k") ? 14 : !strcmp(word, "64k") ? 16 : 0;
}

bool text_begin(struct text *t, char **words, unsigned count)
{
	uint64_t n;

	memset(t, 0, sizeof(*t));
	t->config = (struct config){ .cpus = 1 };
	if (count < 2 || strcmp(words[0], "program"))
		return wrong(t, "expected `program NAME`");
	snprintf(t->name, sizeof(t->name), "%s", words[1]);
	for (unsigned i = 2; i < count; i++) {
		const char *value;

		if ((value = value_of(words[i], "cpus"))) {
			if (!limited(t, value, CPUS_MAX + 1, &n) || !n)
				return wrong(t, "cpus=%s: 1 to %u", value, CPUS_MAX);
			t->config.cpus = (uint8_t)n;
		} else if ((value = value_of(words[i], "spare"))) {
			if (!limited(t, value, CPUS_MAX, &n))
				return false;
			t->config.spare = (uint8_t)n;
		} else if ((value = value_of(words[i], "pressure"))) {
			if (!limited(t, value, PRESSURE_PAGES + 1, &n))
				return false;
			t->pressure = (unsigned)n;
		} else if ((value = value_of(words[i], "world"))) {
			snprintf(t->world, sizeof(t->world), "%s", value);
		} else if ((value = value_of(words[i], "vel2"))) {
			t->config.vel2_shift = (uint8_t)shift_named(value);
		} else if ((value = value_of(words[i], "hide"))) {
			if (!set_hide(t, value))
				return false;
		} else if ((value = value_of(words[i], "needs"))) {
			if (!set_needs(t, value))
				return false;
		} else if (!strcmp(words[i], "fresh")) {
			t->fresh = true;
		} else if (!strcmp(words[i], "late")) {
			t->config.late = true;
		} else if (!strcmp(words[i], "e2h0")) {
			t->config.e2h0 = true;
		} else if (!strcmp(words[i], "loose")) {
			t->loose = true;
		} else {
			return wrong(t, "%s: unknown word of `program`", words[i]);
		}
	}
	if (t->config.cpus + t->config.spare > CPUS_MAX)
		return wrong(t, "cpus and spare together are at most %u", CPUS_MAX);
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

/* VTCR_EL2.PS and TCR_EL1.IPS for an output size, or -1 (Arm ARM D24.2 VTCR_EL2). */
static int output_size(uint64_t bits)
{
	static const uint8_t sizes[] = { 32, 36, 40, 42, 44, 48 };

	for (unsigned i = 0; i < sizeof(sizes); i++)
		if (sizes[i] == bits)
			return (int)i;
	return -1;
}

static bool do_context(struct text *t, char **w, unsigned n)
{
	uint64_t ctx, vmid = 1, asid = 0, s2_of = 0, s1_of = 0, vncr = 0, hcr = 0, s2_bits = 0, s1_bits = 0, sl0 = 4, pe = 0, ps = 0, ips = 0;
	bool s2_ha = false, s1_ha = false, cnp = false, vmid8 = false, asid8 = false, s1 = false, s2 = false, s2_shared = false, s1_shared = false, el0 = false;
	unsigned s1_least, s1_most;
	struct context *c;
	struct step *s;

	if (n < 2 || !limited(t, w[1], CONTEXTS_MAX, &ctx))
		return wrong(t, "expected `context NUMBER ...`");
	for (unsigned i = 2; i < n; i++) {
		const char *value;
		bool fine = true;

		if ((value = value_of(w[i], "granule")))
			fine = (t->litmus.shift = shift_named(value)) != 0;
		else if ((value = value_of(w[i], "vmid")))
			fine = limited(t, value, 1 << 16, &vmid);
		else if ((value = value_of(w[i], "asid")))
			fine = limited(t, value, 1 << 16, &asid);
		else if ((value = value_of(w[i], "s2-of")))
			s2_shared = fine = limited(t, value, ctx, &s2_of);
		else if ((value = value_of(w[i], "s1-of")))
			s1_shared = fine = limited(t, value, ctx, &s1_of);
		else if ((value = value_of(w[i], "s2-bits")))
			fine = limited(t, value, PHYSICAL_BITS + 1, &s2_bits) && s2_bits >= LEAST_BITS;
		else if ((value = value_of(w[i], "s1-bits")))
			fine = limited(t, value, 49, &s1_bits) && s1_bits >= LEAST_BITS;
		else if ((value = value_of(w[i], "sl0")))
			fine = limited(t, value, 4, &sl0);
		else if ((value = value_of(w[i], "pe"))) /* for whoever judges */
			fine = limited(t, value, t->config.cpus, &pe);
		else if ((value = value_of(w[i], "ps")))
			fine = limited(t, value, 49, &ps) && output_size(ps) >= 0;
		else if ((value = value_of(w[i], "ips")))
			fine = limited(t, value, 49, &ips) && output_size(ips) >= 0;
		else if (!strcmp(w[i], "cnp"))
			cnp = true;
		else if (!strcmp(w[i], "s2-ha"))
			s2_ha = true;
		else if (!strcmp(w[i], "s1-ha"))
			s1_ha = true;
		else if (!strcmp(w[i], "vmid8"))
			vmid8 = true;
		else if (!strcmp(w[i], "asid8"))
			asid8 = true;
		else if ((value = value_of(w[i], "vncr"))) {
			fine = number(t, value, &vncr);
			hcr |= HCR_NV | HCR_NV2;
		} else if (!strcmp(w[i], "s1"))
			s1 = true;
		else if (!strcmp(w[i], "s2"))
			s2 = true;
		else if (!strcmp(w[i], "el0"))
			el0 = true;
		else if (!strcmp(w[i], "tge"))
			hcr |= HCR_TGE;
		else if (!strcmp(w[i], "ttlb"))
			hcr |= HCR_TTLB;
		else if (!strcmp(w[i], "ttlbis"))
			hcr |= HCR_TTLBIS;
		else if (!strcmp(w[i], "ttlbos"))
			hcr |= HCR_TTLBOS;
		else
			fine = false;
		if (!fine)
			return wrong(t, "%s: not understood in `context`", w[i]);
	}
	if (!t->litmus.shift)
		return wrong(t, "a context needs granule=4k, 16k or 64k");
	/* Stage 1 begins where it always does, with one table. */
	s1_least = LEAST_BITS;
	s1_most = level_shift(t->litmus.shift, start_level(t->litmus.shift)) + t->litmus.shift - 3;
	t->declared |= (uint16_t)(1u << ctx);
	add_context(&t->litmus, (unsigned)ctx, (unsigned)vmid, (unsigned)asid, s1, s2);
	c = &t->litmus.vm->shared->context[ctx];
	s = &t->litmus.vm->shared->program[0].step[t->litmus.steps[0] - 1];
	c->hcr |= hcr;
	c->vncr = vncr;
	c->el0_data = el0;
	if (s1_bits && (s1_bits < s1_least || s1_bits > s1_most))
		return wrong(t, "s1-bits=%lu: %u to %u with this granule", s1_bits, s1_least, s1_most);
	context_sizes(c, s2_bits ? (unsigned)s2_bits : c->s2_shape.bits, s1_bits ? (unsigned)s1_bits : c->s1_shape.bits,
		      sl0 == 4 ? -1 : (int)sl0);
	c->vttbr |= cnp ? VTTBR_CNP : 0;
	c->ttbr0 |= cnp ? TTBR_CNP : 0;
	c->vtcr |= s2_ha ? VTCR_HA : 0;
	c->tcr |= s1_ha ? TCR_HA : 0;
	if (ps)
		c->vtcr = (c->vtcr & ~VTCR_PS) | PLACE(VTCR_PS, output_size(ps));
	if (ips)
		c->tcr = (c->tcr & ~TCR_IPS) | PLACE(TCR_IPS, output_size(ips));
	c->vtcr &= ~(vmid8 ? (uint64_t)VTCR_VS : 0);
	c->tcr &= ~(asid8 ? (uint64_t)TCR_AS : 0);
	s->a = s2_shared ? s2_of + 1 : 0;
	s->b = s1_shared ? s1_of + 1 : 0;
	s->c = 1;
	return true;
}

/* `none` or a physical address and the letters of what it permits; `c`: for all that the contiguous bit groups. */
static bool descriptor(struct text *t, char **w, unsigned n, enum step_kind kind, unsigned level, uint64_t *out)
{
	const char *letters = n > 1 ? w[1] : "";
	uint64_t pa, d, keep;

	*out = 0;
	if ((n == 1 || (n == 2 && !strcmp(w[1], "c"))) && !strcmp(w[0], "none"))
		return true;
	if (n != 2 || !number(t, w[0], &pa))
		return wrong(t, "expected `none`, or an address and permissions");
	if (strspn(letters, kind == STEP_S2 ? "rwxoc-" : "wuxXgoc-") != strlen(letters))
		return wrong(t, "%s: unknown permissions", letters);
	keep = strchr(letters, 'o') ? ~PTE_AF : ~0ull;
	d = strchr(letters, 'c') ? PTE_CONTIGUOUS : 0;
	if (kind == STEP_S2) {
		d |= (strchr(letters, 'r') ? PTE_S2_R : 0) | (strchr(letters, 'w') ? PTE_S2_W : 0) |
		     (strchr(letters, 'x') ? 0 : PTE_S2_XN);
		*out = leaf_s2(pa, level, d) & keep;
		return true;
	}
	/* Without E2H vEL2's regime has one privilege level: AP[1] is RES1, XN in place of UXN, nG and PXN RES0 (D8.3.2). */
	if (kind == STEP_E2 && t->config.e2h0) {
		d |= PTE_S1_EL0 | PTE_S1_UXN | (strchr(letters, 'w') ? 0 : PTE_S1_RO);
		*out = leaf_s1(pa, level, d) & keep;
		return true;
	}
	d |= (strchr(letters, 'u') ? PTE_S1_EL0 : 0) | (strchr(letters, 'w') ? 0 : PTE_S1_RO) |
	     (strchr(letters, 'x') ? 0 : PTE_S1_PXN) | (strchr(letters, 'X') ? 0 : PTE_S1_UXN) |
	     (strchr(letters, 'g') ? 0 : PTE_S1_NG);
	*out = leaf_s1(pa, level, d) & keep;
	return true;
}

/* s2|s1 CTX ADDRESS LEVEL DESCRIPTOR, e2 ADDRESS LEVEL DESCRIPTOR */
static bool do_map(struct text *t, char **w, unsigned n)
{
	enum step_kind kind = w[0][0] == 'e' ? STEP_E2 : w[0][1] == '2' ? STEP_S2 : STEP_S1;
	unsigned skip = kind == STEP_E2 ? 1 : 2;
	uint64_t ctx = 0, at, level, d;
	struct step *s;

	if (n < skip + 3 || (skip == 2 && !declared(t, w[1], &ctx)) || !number(t, w[skip], &at) ||
	    !limited(t, w[skip + 1], 4, &level) || !descriptor(t, w + skip + 2, n - skip - 2, kind, (unsigned)level, &d))
		return wrong(t, "expected `%s %sADDRESS LEVEL none|PA PERMISSIONS`", w[0], skip == 2 ? "CTX " : "");
	s = step(t, t->cpu, kind);
	s->ctx = (uint8_t)ctx;
	s->a = at;
	s->b = d;
	s->c = level;
	if (strchr(w[n - 1], 'c') && level >= 2)
		s->d = contiguous(kind == STEP_E2 ? 12 : t->litmus.shift, (unsigned)level);
	return true;
}

static bool in_data(struct text *t, const char *word, uint64_t *pa)
{
	return number(t, word, pa) && ((*pa >= DATA_PA && *pa <= DATA_PA + DATA_SIZE - 8 && !(*pa & 7)) ||
				       wrong(t, "%s is not in the data memory, 0x%lx to 0x%lx", word, (uint64_t)DATA_PA,
					     (uint64_t)DATA_PA + DATA_SIZE - 8));
}

static bool do_frames(struct text *t, char **w, unsigned n)
{
	struct shared *shared = t->litmus.vm->shared;

	for (unsigned i = 1; i < n; i++) {
		if (t->frame_count == FRAMES_MAX)
			return wrong(t, "more than %u frames", FRAMES_MAX);
		if (!in_data(t, w[i], &t->frames[t->frame_count]))
			return false;
		/* A program before this one may have written the same value. */
		memset(t->litmus.vm->data + (t->frames[t->frame_count] - DATA_PA), 0, 8);
		shared->frame[t->frame_count] = t->frames[t->frame_count];
		shared->frame_count = ++t->frame_count;
	}
	return true;
}

/* The VMM writes data itself, once; code goes through vEL2, which makes it coherent. */
static bool do_poke(struct text *t, char **w, unsigned n)
{
	uint64_t pa, value;

	if (n != 3 || !in_data(t, w[1], &pa) || !number(t, w[2], &value))
		return wrong(t, "expected `%s PA VALUE`", w[0]);
	if (!strcmp(w[0], "poke")) {
		memcpy(t->litmus.vm->data + (pa - DATA_PA), &value, sizeof(value));
	} else {
		struct step *s = step(t, t->cpu, STEP_POKE);

		s->a = pa;
		s->b = value;
		s->c = 1;
	}
	return true;
}

/* read|execute CTX VA [el0], write CTX VA VALUE [el0], vncr CTX */
static bool do_access(struct text *t, unsigned line, char **w, unsigned n, const char *allowed)
{
	bool write = !strcmp(w[0], "write"), vncr = !strcmp(w[0], "vncr");
	unsigned fixed = write ? 4 : vncr ? 2 : 3;
	bool el0 = n > fixed && !strcmp(w[n - 1], "el0");
	uint64_t ctx, va = 0, value = 0;
	struct step *s;

	if (n != fixed + el0 || !declared(t, w[1], &ctx) || (!vncr && !number(t, w[2], &va)) ||
	    (write && !number(t, w[3], &value)))
		return wrong(t, "expected `%s CTX%s%s`", w[0], vncr ? "" : " VA", write ? " VALUE" : "");
	s = step(t, t->cpu, STEP_L2);
	s->op = write ? ACCESS_WRITE : vncr ? ACCESS_VNCR_READ : w[0][0] == 'e' ? ACCESS_EXECUTE : ACCESS_READ;
	s->ctx = (uint8_t)ctx;
	s->a = va;
	s->b = value;
	s->c = el0;
	s->flags = write ? STEP_WHERE : 0;
	watch(t, t->cpu, line, va, allowed);
	return true;
}

/* tlbi|l2-tlbi CTX OPERATION [OPERAND] */
static bool do_tlbi(struct text *t, unsigned line, char **w, unsigned n, const char *allowed)
{
	uint64_t ctx, operand = 0;
	unsigned op = 0;
	struct step *s;

	if (n < 3 || n > 4 || !declared(t, w[1], &ctx) || (n == 4 && !number(t, w[3], &operand)))
		return wrong(t, "expected `%s CTX OPERATION [OPERAND]`", w[0]);
	while (op < operation_count && strcmp(operations[op].name, w[2]))
		op++;
	if (op == operation_count)
		return wrong(t, "%s is not an operation", w[2]);
	if ((operations[op].operand != NONE) != (n == 4))
		return wrong(t, "%s %s", w[2], n == 4 ? "takes no operand" : "needs its operand");
	s = step(t, t->cpu, w[0][0] == 'l' ? STEP_L2_TLBI : STEP_TLBI);
	s->ctx = (uint8_t)ctx;
	s->op = (uint16_t)op;
	s->a = operand;
	watch(t, t->cpu, line, 0, allowed);
	return true;
}

/* at CTX OPERATION VA */
static bool do_at(struct text *t, unsigned line, char **w, unsigned n, const char *allowed)
{
	static const char *const names[AT_TEXT] = { "s1e1r",  "s1e1w",	 "s1e0r",  "s1e0w",
						     "s12e1r", "s12e1w", "s12e0r", "s12e0w" };
	uint64_t ctx, va;
	struct step *s;

	if (n != 4 || !declared(t, w[1], &ctx) || !number(t, w[3], &va))
		return wrong(t, "expected `at CTX OPERATION VA`");
	for (unsigned i = 0; i < AT_TEXT; i++) {
		if (strcmp(names[i], w[2]))
			continue;
		s = step(t, t->cpu, STEP_AT);
		s->ctx = (uint8_t)ctx;
		s->op = (uint16_t)i;
		s->a = va;
		watch(t, t->cpu, line, va, allowed);
		return true;
	}
	return wrong(t, "%s is not an operation of AT", w[2]);
}

/* entry s1|s2 CTX ADDRESS LEVEL */
static bool do_entry(struct text *t, unsigned line, char **w, unsigned n, const char *allowed)
{
	uint64_t ctx, at, level;
	bool second = n > 1 && !strcmp(w[1], "s2");
	struct step *s;

	if (n != 5 || (!second && strcmp(w[1], "s1")) || !declared(t, w[2], &ctx) || !number(t, w[3], &at) ||
	    !limited(t, w[4], 4, &level))
		return wrong(t, "expected `entry s1|s2 CTX ADDRESS LEVEL`");
	s = step(t, t->cpu, STEP_LOOK);
	s->ctx = (uint8_t)ctx;
	s->op = second ? 2 : 1;
	s->a = at;
	s->c = level;
	watch(t, t->cpu, line, 0, allowed);
	return true;
}

static bool do_peek(struct text *t, unsigned line, char **w, unsigned n, const char *allowed)
{
	uint64_t va;

	if (n != 2 || !number(t, w[1], &va))
		return wrong(t, "expected `peek VA`");
	step(t, t->cpu, STEP_READ)->a = va;
	watch(t, t->cpu, line, va, allowed);
	return true;
}

static bool do_host(struct text *t, unsigned line, char **w, unsigned n, const char *allowed)
{
	static const struct {
		const char *name;
		enum event_action action;
	} actions[] = { { "set-up", EVENT_SET_UP },	{ "dontneed", EVENT_DONTNEED },
			{ "move", EVENT_MOVE },		{ "delete", EVENT_DELETE },
			{ "read-only", EVENT_READ_ONLY }, { "dirty-on", EVENT_DIRTY_ON },
			{ "dirty-read", EVENT_DIRTY_READ }, { "online", EVENT_ONLINE },
			{ "kick", EVENT_KICK }, { "other-vm", EVENT_OTHER_VM } };
	uint64_t offset;
	struct step *s;

	if (n != 3 || !limited(t, w[2], EVENT_SIZE, &offset))
		return wrong(t, "expected `host ACTION OFFSET`");
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].name, w[1]))
			continue;
		/* The doorbell is the first CPU's. */
		if (t->cpu)
			return wrong(t, "`host` is for CPU 0");
		s = step(t, 0, STEP_HOST);
		s->a = actions[i].action;
		s->b = offset;
		watch(t, 0, line, 0, allowed);
		return true;
	}
	return wrong(t, "%s is not an action of the host", w[1]);
}

/* spin CPU CTX VA l2|vel2|vncr|el0|l2w, sample CPU, stop CPU */
static bool do_spin(struct text *t, unsigned line, char **w, unsigned n, const char *allowed)
{
	uint64_t cpu, ctx, va;
	struct step *s;

	if (n < 2 || !limited(t, w[1], t->config.cpus, &cpu) || !cpu)
		return wrong(t, "expected `%s CPU`, not the first one", w[0]);
	if (!strcmp(w[0], "spin")) {
		static const struct {
			const char *name;
			enum spin_where where;
		} places[] = { { "l2", SPIN_L2 }, { "vel2", SPIN_VEL2 }, { "vncr", SPIN_L2_VNCR }, { "el0", SPIN_L2_EL0 },
			       { "l2w", SPIN_L2_WRITE } };

		if (n != 5 || !declared(t, w[2], &ctx) || !number(t, w[3], &va) || t->spinning[cpu])
			return wrong(t, "expected `spin CPU CTX VA WHERE`, once for a CPU");
		s = step(t, (unsigned)cpu, STEP_SPIN);
		s->ctx = (uint8_t)ctx;
		s->a = va;
		s->c = NOBODY;
		for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++)
			if (!strcmp(places[i].name, w[4]))
				s->c = places[i].where;
		if (s->c == NOBODY)
			return wrong(t, "%s is not where a CPU can spin", w[4]);
		t->spinning[cpu] = 1;
		step(t, t->cpu, STEP_START)->c = cpu;
	} else {
		if (n != 2 || t->spinning[cpu] != 1)
			return wrong(t, "CPU %lu does not spin", cpu);
		step(t, t->cpu, w[0][1] == 'a' ? STEP_SAMPLE : STEP_STOP)->c = cpu;
		t->spinning[cpu] = w[0][1] == 'a' ? 1 : 2;
	}
	if (strcmp(w[0], "stop"))
		watch(t, t->cpu, line, 0, allowed);
	return true;
}

/* The steps that follow are another CPU's; it waits for this one, and this one later for it. */
static bool do_cpu(struct text *t, char **w, unsigned n)
{
	uint64_t cpu;

	if (n != 2 || !limited(t, w[1], t->config.cpus, &cpu) || t->spinning[cpu] == 1)
		return wrong(t, "expected `cpu N`, of one that does not spin");
	if (cpu == t->cpu)
		return true;
	step(t, t->cpu, STEP_PASS)->a = ++t->turns;
	step(t, (unsigned)cpu, STEP_AWAIT)->a = t->turns;
	t->cpu = (unsigned)cpu;
	return true;
}

static bool do_action(struct text *t, unsigned line, char **w, unsigned n, const char *allowed)
{
	const char *verb = w[0];

	if (!strcmp(verb, "tlbi") || !strcmp(verb, "l2-tlbi"))
		return do_tlbi(t, line, w, n, allowed) && !t->error[0];
	if (!strcmp(verb, "read") || !strcmp(verb, "write") || !strcmp(verb, "execute") || !strcmp(verb, "vncr"))
		return do_access(t, line, w, n, allowed) && !t->error[0];
	if (!strcmp(verb, "s2") || !strcmp(verb, "s1") || !strcmp(verb, "e2"))
		return do_map(t, w, n) && !t->error[0];
	if (!strcmp(verb, "spin") || !strcmp(verb, "sample") || !strcmp(verb, "stop"))
		return do_spin(t, line, w, n, allowed) && !t->error[0];
	if (!strcmp(verb, "at"))
		return do_at(t, line, w, n, allowed) && !t->error[0];
	if (!strcmp(verb, "entry"))
		return do_entry(t, line, w, n, allowed) && !t->error[0];
	if (!strcmp(verb, "peek"))
		return do_peek(t, line, w, n, allowed) && !t->error[0];
	if (!strcmp(verb, "cpu"))
		return do_cpu(t, w, n) && !t->error[0];
	if (!strcmp(verb, "poke") || !strcmp(verb, "code"))
		return do_poke(t, w, n) && !t->error[0];
	if (!strcmp(verb, "frames"))
		return do_frames(t, w, n) && !t->error[0];
	if (!strcmp(verb, "context"))
		return do_context(t, w, n) && !t->error[0];
	if (!strcmp(verb, "host"))
		return do_host(t, line, w, n, allowed) && !t->error[0];
	return wrong(t, "%s is no action", verb);
}

/* A last word `loose` is of the step that the line makes. */
bool text_line(struct text *t, struct vm *vm, unsigned line, char **w, unsigned n, const char *allowed)
{
	bool loose = n > 1 && !strcmp(w[n - 1], "loose");

	if (!do_action(t, line, w, n - loose, allowed))
		return false;
	if (loose)
		vm->shared->program[t->cpu].step[t->litmus.steps[t->cpu] - 1].flags |= STEP_LOOSE;
	return true;
}
