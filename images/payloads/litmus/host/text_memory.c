// SPDX-License-Identifier: GPL-2.0-only
/* What is in memory: descriptors of three kinds of tables, and data. */
#include "host/text_memory.h"
#include "host/program.h"

#include <string.h>

/* MemAttr of stage 2 (Arm ARM D8.6): Write-Back, which with FWB has another encoding, unless a letter says otherwise. */
static uint64_t memattr(const char *letters, bool fwb)
{
	static const struct {
		char letter;
		uint8_t memattr;
	} types[] = { { 'D', 0 }, { 'E', 1 }, { 'N', 5 }, { 'T', 10 }, { 'S', 7 } };

	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strchr(letters, types[i].letter))
			return PLACE(PTE_S2_MEMATTR, types[i].memattr);
	return PLACE(PTE_S2_MEMATTR, fwb ? 6 : 15);
}

/* Bits of an output address: without DS, with it, and with it in their own places, the others being where SH was (Arm ARM D8.3.2). */
enum { NARROW_BITS = 48, WIDE_BITS = 52, PLACED_BITS = 50 };

static uint64_t wide(uint64_t descriptor, uint64_t pa)
{
	return (descriptor & ~PTE_SH) | PLACE(PTE_SH, pa >> PLACED_BITS);
}

/* `none` or a physical address and the letters of what it permits; `c`: for all that the contiguous bit groups. */
static bool descriptor(struct text *t, char **w, unsigned n, enum step_kind kind, const struct context *c,
		       unsigned level, uint64_t *out)
{
	const char *letters = n > 1 ? w[1] : "";
	bool ds = (kind == STEP_S2 && c->vtcr & VTCR_DS) || (kind == STEP_S1 && c->tcr & TCR_DS);
	uint64_t pa, low, d, keep;

	*out = 0;
	if ((n == 1 || (n == 2 && !strcmp(w[1], "c"))) && !strcmp(w[0], "none"))
		return true;
	if (n != 2 || !text_number(t, w[0], &pa))
		return text_wrong(t, "expected `none`, or an address and permissions");
	if (strspn(letters, kind == STEP_S2   ? "rwxocdDENTS-"
			    : kind == STEP_S1 ? "wuxXgocd1234567-"
					      : "wuxXgoc-") != strlen(letters))
		return text_wrong(t, "%s: unknown permissions", letters);
	if (pa >> (ds ? WIDE_BITS : NARROW_BITS))
		return text_wrong(t, "0x%lx has more than %d bits", pa, ds ? WIDE_BITS : NARROW_BITS);
	low = pa & ((1ull << PLACED_BITS) - 1);
	keep = strchr(letters, 'o') ? ~PTE_AF : ~0ull;
	d = (strchr(letters, 'c') ? PTE_CONTIGUOUS : 0) | (strchr(letters, 'd') ? PTE_DBM : 0);
	if (kind == STEP_S2) {
		d |= (strchr(letters, 'r') ? PTE_S2_R : 0) | (strchr(letters, 'w') ? PTE_S2_W : 0) |
		     (strchr(letters, 'x') ? 0 : PTE_S2_XN);
		*out = (leaf_s2(low, level, d) & ~PTE_S2_MEMATTR & keep) | memattr(letters, c->hcr & HCR_FWB);
		*out = ds ? wide(*out, pa) : *out;
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
	if (letters[strcspn(letters, "1234567")])
		d |= PLACE(PTE_S1_ATTR, letters[strcspn(letters, "1234567")] - '0');
	*out = leaf_s1(low, level, d) & keep;
	*out = ds ? wide(*out, pa) : *out;
	return true;
}

/* s2|s1 CTX ADDRESS LEVEL DESCRIPTOR, e2 ADDRESS LEVEL DESCRIPTOR */
bool text_map(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	enum step_kind kind = w[0][0] == 'e' ? STEP_E2 : w[0][1] == '2' ? STEP_S2 : STEP_S1;
	unsigned skip = kind == STEP_E2 ? 1 : 2;
	uint64_t ctx = 0, at, level, d;
	struct step *s;

	if (n < skip + 3 || (skip == 2 && !text_declared(t, w[1], &ctx)) || !text_number(t, w[skip], &at) ||
	    !text_below(t, w[skip + 1], 4, &level) ||
	    !descriptor(t, w + skip + 2, n - skip - 2, kind, &t->litmus.vm->shared->context[ctx], (unsigned)level, &d))
		return text_wrong(t, "expected `%s %sADDRESS LEVEL none|PA PERMISSIONS`", w[0], skip == 2 ? "CTX " : "");
	s = text_step(t, t->cpu, kind);
	s->ctx = (uint8_t)ctx;
	s->a = at;
	s->b = d;
	s->c = level;
	s->flags |= STEP_AS_IS;
	if (strchr(w[n - 1], 'c') && level >= 2)
		s->d = contiguous(kind == STEP_E2 ? 12 : t->litmus.shift, (unsigned)level);
	return true;
}

static bool in_data(struct text *t, const char *word, uint64_t *pa)
{
	return text_number(t, word, pa) && ((*pa >= DATA_PA && *pa <= DATA_PA + DATA_SIZE - 8 && !(*pa & 7)) ||
					    text_wrong(t, "%s is not in the data memory, 0x%lx to 0x%lx", word,
						       (uint64_t)DATA_PA, (uint64_t)DATA_PA + DATA_SIZE - 8));
}

bool text_frames(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	struct shared *shared = t->litmus.vm->shared;

	for (unsigned i = 1; i < n; i++) {
		if (t->frame_count == FRAMES_MAX)
			return text_wrong(t, "more than %u frames", FRAMES_MAX);
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
bool text_poke(struct text *t, const struct line *line)
{
	char **w = line->words;
	unsigned n = line->count;
	uint64_t pa, value;

	if (n != 3 || !in_data(t, w[1], &pa) || !text_number(t, w[2], &value))
		return text_wrong(t, "expected `%s PA VALUE`", w[0]);
	if (!strcmp(w[0], "poke")) {
		memcpy(t->litmus.vm->data + (pa - DATA_PA), &value, sizeof(value));
	} else {
		struct step *s = text_step(t, t->cpu, STEP_POKE);

		s->a = pa;
		s->b = value;
		s->c = 1;
	}
	return true;
}
