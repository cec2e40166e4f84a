// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L1 has at addresses above 40 bits: a part of its memory is there once more, at an address of each bit (shared/shared.h). far-s2: its
 * stage 2 begins there, goes on there in a table of each level, or maps a page there; far-vncr: the page of VNCR_EL2 is there, or the
 * table that maps it; far-vncr-dontneed: and L0 takes its memory away. at-far-table: L2's own table is at such an IPA, and AT walks it
 * (Arm ARM DDI 0487 M.a.a, D8.3, D8.14, D24.2 VTTBR_EL2).
 */
#include "families/at.h"
#include "families/families.h"
#include "families/known.h"
#include "families/vncr.h"
#include "host/events.h"

#define LEAST_BIT PHYSICAL_BITS
#define MOST_BITS 48
#define ROOT_OFFSET 0x100000
#define PAGE 4096u

#define PS_48_BITS 5
#define PS_MOST \
	7 /* with 4K and 16K pages and 52-bit descriptors off, and in a PA size of 48 bits, these are 48 bits, too */

/*
 * struct litmus.variant of far-s2; struct litmus.level is that of the leaf, the first of its table, or the page; struct litmus.scale:
 * VTCR_EL2.PS.
 */
enum { LEAF, TABLE, ROOT };
static const char *const kind_words[] = { "leaf", "table", "root" };

/* --self-test: there is nothing. */
static void build_stage2(struct litmus *l)
{
	unsigned bit = (unsigned)l->position;
	uint64_t at = l->variant == TABLE ? FAR_IPA : fresh_ipa(l->shift, 3, 1), all = PTE_S2_R | PTE_S2_W;
	uint64_t from = l->variant == LEAF ? FAR_MEMORY_PA : DATA_PA;
	struct step *s;

	add_context(l, 0, VMID, 0, false, true);
	context_wide(l, 0, MOST_BITS);
	if (l->scale)
		l->vm->shared->context[0].vtcr ^= PLACE(VTCR_PS, PS_48_BITS ^ l->scale);
	if (l->variant == ROOT) {
		s = last_step(l);
		s->flags |= STEP_ROOT;
		s->d = FAR_MEMORY_PA + ROOT_OFFSET;
		s->op = (uint16_t)bit;
	}
	add_poke(l, from, value_at(from));
	if (l->variant == TABLE) {
		uint64_t table = (uint64_t)1 << 16; /* of the memory: a table of any granule */

		add_write(l, STEP_S2, 0, at, (FAR_MEMORY(bit) + table) | PTE_VALID | PTE_TABLE, l->level - 1);
		add_poke(l, FAR_MEMORY_PA + table, l->vm->shared->skip ? 0 : leaf_s2(from, l->level, all));
	} else if (!l->vm->shared->skip) {
		add_write(l, STEP_S2, 0, at, leaf_s2(l->variant == LEAF ? FAR_MEMORY(bit) : from, 3, all), 3);
	}
	add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, 0, value_at(from));
	add_cleanup(l, 0, at, l->variant == TABLE ? l->level - 1 : 3, 1);
}

/* struct litmus.variant: the table is there, and not the page. --self-test: the page is another one's. */
static void build_vncr(struct litmus *l)
{
	unsigned bit = (unsigned)l->position;
	uint64_t at = vncr_va(l), page = 5 * PAGE, offset = page + VNCR_TPIDR;
	uint64_t mapped = (l->slow ? FAR_EVENT(bit) : l->variant == TABLE ? FAR_MEMORY_PA : FAR_MEMORY(bit)) + page;
	uint64_t leaf = vncr_descriptor(mapped + (l->vm->shared->skip ? PAGE : 0), 3, false);
	uint64_t old = l->slow ? event_old(offset) : value_at(FAR_MEMORY_PA + offset);

	l->vm->shared->vel2_tcr ^= PLACE(TCR_IPS, 2 ^ 5); /* 48 bits, not 40 */
	if (l->slow)
		add_host(l, EVENT_SET_UP, offset);
	else
		add_poke(l, FAR_MEMORY_PA + offset, old);
	vncr_contexts(l, at);
	if (l->variant == TABLE) {
		add_write(l, STEP_E2, 0, at, FAR_MEMORY(bit) | PTE_VALID | PTE_TABLE, 2);
		add_poke(l, FAR_MEMORY_PA, leaf);
	} else {
		add_write(l, STEP_E2, 0, at, leaf, 3);
	}
	add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_AFTER, 0, old);
	if (l->slow) {
		add_host(l, EVENT_DONTNEED, offset);
		add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, ROLE_AFTER, old, event_new(offset));
	}
	vncr_cleanup(l, at);
}

/* struct litmus.position: the bit of the table's IPA. --self-test: the table is where the bit is 0. */
static void build_at(struct litmus *l)
{
	uint64_t bits = PTE_S1_PXN | PTE_S1_UXN | PTE_S1_NG | PTE_S1_EL0, all = PTE_S2_R | PTE_S2_W;
	uint64_t va = fresh_ipa(l->shift, 2, 1), ipa = fresh_ipa(12, 3, 1), low = fresh_ipa(12, 3, 1);
	uint64_t table = low | 1ull << l->position;
	struct context *c = &l->vm->shared->context[0];

	add_context(l, 0, VMID, ASID_KNOWN, true, true);
	context_wide(l, 0, MOST_BITS);
	c->tcr = (c->tcr & ~TCR_IPS) | PLACE(TCR_IPS, 5);
	add_poke(l, PAGE_PA, value_at(PAGE_PA));
	add_poke(l, TABLE_PA, leaf_s1(ipa, 3, bits));
	add_poke(l, TABLE_NEXT_PA, 0);
	add_write(l, STEP_S1, 0, va, (l->vm->shared->skip ? low : table) | PTE_VALID | PTE_TABLE, 2);
	known_stage2(l, table, TABLE_PA, all, 0);
	known_stage2(l, low, TABLE_NEXT_PA, all, 0);
	known_stage2(l, ipa, PAGE_PA, all, 0);
	if (l->hint)
		add_access(l, 0, ACCESS_READ, va, false, ROLE_AFTER, 0, value_at(PAGE_PA));
	at_ask(l, va, ipa, PAGE_PA);
	known_stage2(l, table, 0, 0, 0);
	known_forget(l, op_named("ipas2e1is"), table, 0);
	at_ask(l, va, AT_FAILED(AT_TRANSLATION, 3) | PAR_S | PAR_PTW, AT_FAILED(AT_TRANSLATION, 3) | PAR_S | PAR_PTW);
	for (unsigned i = 0; i < 2; i++) {
		known_stage2(l, i ? low : ipa, 0, 0, 0);
		known_forget(l, op_named("ipas2e1is"), i ? low : ipa, 0);
	}
	add_write(l, STEP_S1, 0, va, 0, 2);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

static void add_stage2(struct list *list, struct litmus l)
{
	l.build = build_stage2;
	l.regime = "el1&0-stage2";
	for (l.position = LEAST_BIT; l.position < MOST_BITS; l.position++) {
		l.variant = LEAF;
		l.level = 3;
		l.shift = 12 + 2 * ((unsigned)l.position % 3);
		list_add(list, &l, "far-s2/%s/%s/bit%d", granule_word(l.shift), kind_words[l.variant], l.position);
		if (l.shift == 12 && l.position > 43) /* each PS is a context of L0 */
			for (l.scale = PS_48_BITS + 1; l.scale <= PS_MOST; l.scale++)
				list_add(list, &l, "far-s2/4k/%s/bit%d-ps%u", kind_words[l.variant], l.position, l.scale);
		l.scale = 0;
		l.variant = TABLE;
		for (l.level = l.shift == 12 ? 1 : 2; l.level <= 3; l.level++)
			list_add(list, &l, "far-s2/%s/%s-level%u/bit%d", granule_word(l.shift), kind_words[l.variant],
				 l.level, l.position);
		/* Each is a context of L0, of which the VM has eight. */
		if (l.position % 4 && l.position != MOST_BITS - 1)
			continue;
		l.variant = ROOT;
		l.shift = 12;
		l.level = 3;
		list_add(list, &l, "far-s2/4k/%s/bit%d", kind_words[l.variant], l.position);
	}
}

static void add_vncr(struct list *list, struct litmus l)
{
	l.build = build_vncr;
	l.regime = "el2&0";
	l.shift = 12;
	l.level = 3;
	l.nv = l.any_stage2 = true;
	for (l.position = LEAST_BIT; l.position < MOST_BITS; l.position++)
		for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++) {
			for (l.variant = LEAF; l.variant <= TABLE; l.variant++)
				list_add(list, &l, "far-vncr/%s/bit%d%s", kind_words[l.variant], l.position,
					 place_words[l.place]);
			/* Each of these walks the contexts of 48 bits. */
			if ((l.position + 4 * l.place) % 8)
				continue;
			l.variant = LEAF;
			l.slow = true;
			list_add(list, &l, "far-vncr-dontneed/bit%d%s", l.position, place_words[l.place]);
			l.slow = false;
		}
}

void cases_far(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 3, .pa_bits = MOST_BITS, .far = true },
			    .own = true };

	add_stage2(list, l);
	add_vncr(list, l);
	/* As at-far, in whose VM these are (families/at_combined.c). */
	l.config = (struct config){ .cpus = 1, .spare = 1, .pa_bits = MOST_BITS };
	l.build = build_at;
	l.regime = "el1&0";
	l.any_stage2 = true;
	l.level = 3;
	for (l.position = 36; l.position < MOST_BITS; l.position++)
		for (l.hint = 0; l.hint < 2; l.hint++) {
			l.shift = 12 + 2 * ((unsigned)l.position % 3);
			list_add(list, &l, "at-far-table/%s/bit%d/%s", granule_word(l.shift), l.position,
				 l.hint ? "used" : "fresh");
		}
}
