// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses and VMIDs of all bits: stage 2 of 44 and 48 bits, with an IPA for each bit above those that other families
 * reach and the last page, for operations by address and for a whole VMID, and for L0's own events; each bit of a VMID.
 */
#include "families/families.h"
#include "host/events.h"
#include "host/program.h"

#define GIB (1ull << 30)
#define LEAST_BIT 36
#define VMID_BITS 16
#define VMID_SIXTEEN VMID_BITS /* of struct litmus.variant: all of them */
#define VMID_EIGHT (VMID_BITS + 1) /* VTCR_EL2.VS = 0: 8 bits, and the others mean nothing */

/* struct litmus.position: the bit of the IPA that is 1, or the last leaf below L1's input size. */
static uint64_t ipa_of(const struct litmus *l)
{
	unsigned bits = l->config.pa_bits;
	uint64_t leaf = leaf_size(l), end = 1ull << bits;

	return l->position == (int)bits ? end - leaf : (1ull << l->position) + 8 * GIB + (l->level == 3 ? 0 : 8 * GIB);
}

static void read_at(struct litmus *l, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	add_access(l, 0, ACCESS_READ, at, false, role, old, now);
}

/*
 * L2 uses the last page of the leaf. Its neighbour without the bit has another page, which stays: an operation that loses
 * the bit takes the wrong one. struct litmus.variant: that neighbour is a page, where the operand's page would be, and of the
 * block L2 uses the first page: a search for the size of the leaf that loses the bit finds the wrong one.
 */
static void build_address(struct litmus *l)
{
	bool other = l->variant;
	uint64_t last = leaf_size(l) - (1ull << l->shift), page = other ? 0 : last;
	uint64_t at = ipa_of(l), low = (at & ~(1ull << l->position)) + (other ? last : 0);
	uint64_t pa = DATA_PA, next = DATA_PA + leaf_size(l), beside = next + leaf_size(l), all = PTE_S2_R | PTE_S2_W;
	uint64_t operand = operand_whole(l, at, 0, l->hint ? l->level : 0);
	bool has_low = l->position != l->config.pa_bits;
	unsigned low_level = other ? 3 : l->level;

	add_context(l, 0, VMID, 0, false, true);
	context_wide(l, 0, l->config.pa_bits);
	add_poke(l, pa + page, value_at(pa + page));
	add_poke(l, next + page, value_at(next + page));
	add_poke(l, beside + page, value_at(beside + page));
	add_write(l, STEP_S2, 0, at, leaf_s2(pa, l->level, all), l->level);
	if (has_low) {
		add_write(l, STEP_S2, 0, low, leaf_s2(beside, low_level, all), low_level);
		read_at(l, low + page, ROLE_AFTER, value_at(pa + page), value_at(beside + page));
	}
	read_at(l, at + page, ROLE_BEFORE, value_at(pa + page), 0);
	add_write(l, STEP_S2, 0, at, 0, l->level);
	read_at(l, at + page, ROLE_STALE, value_at(pa + page), 0);
	add_tlbi(l, 0, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
	read_at(l, at + page, stage2_obliged(l, operand, at, l->level) ? ROLE_GONE : ROLE_FREE, value_at(pa + page), 0);
	if (has_low)
		read_at(l, low + page, ROLE_AFTER, value_at(pa + page), value_at(beside + page));
	add_write(l, STEP_S2, 0, at, leaf_s2(next, l->level, all), l->level);
	read_at(l, at + page, ROLE_AFTER, value_at(pa + page), value_at(next + page));
	add_write(l, STEP_S2, 0, at, 0, l->level);
	if (has_low)
		add_write(l, STEP_S2, 0, low, 0, low_level);
	for (unsigned i = 0; i < 2; i++)
		if (!i || has_low)
			add_tlbi(l, 0, op_named("ipas2e1is"), operand_address(false, i ? low : at, 0, 0), 0);
	add_tlbi(l, 0, op_named("vmalle1is"), 0, 0);
}

/* L0 drops or moves the page behind an IPA up there. */
static void build_event(struct litmus *l)
{
	uint64_t at = ipa_of(l), offset = 3 * (1ull << l->shift);
	bool skip = l->vm->shared->skip;

	add_host(l, EVENT_SET_UP, offset);
	add_context(l, 0, VMID, 0, false, true);
	context_wide(l, 0, l->config.pa_bits);
	add_write(l, STEP_S2, 0, at, leaf_s2(EVENT_PA + offset, 3, PTE_S2_R | PTE_S2_W), 3);
	read_at(l, at, ROLE_BEFORE, event_old(offset), 0);
	if (l->variant == 2) {
		add_access(l, 0, ACCESS_WRITE, at, false, ROLE_DONE, 0, 0);
		add_host(l, EVENT_DIRTY_ON, offset);
		expect_host(l, EVENT_DIRTY_READ, offset, 1);
		if (!skip)
			add_access(l, 0, ACCESS_WRITE, at, false, ROLE_DONE, 0, 0);
		expect_host(l, EVENT_DIRTY_READ, offset, 2);
	} else {
		if (!skip)
			add_host(l, l->variant ? EVENT_MOVE : EVENT_DONTNEED, offset);
		read_at(l, at, ROLE_AFTER, event_old(offset), event_new(offset));
	}
	add_cleanup(l, 0, at, 3, 1);
}

static unsigned vmid_of(const struct litmus *l)
{
	return l->variant < VMID_BITS ? 1u << l->variant : l->variant == VMID_SIXTEEN ? 0xffff : 0x5a;
}

/*
 * A VMID with one bit set, and the one without a bit: each has its page at the IPA, and the operation is for the former.
 * With VTCR_EL2.VS = 0 the upper half of VTTBR_EL2.VMID is no part of it.
 */
static void build_vmid(struct litmus *l)
{
	uint64_t at = fresh_ipa(l->shift, l->level, 1), leaf = leaf_size(l), operand = operand_whole(l, at, 0, 0);
	uint64_t pa = DATA_PA, next = pa + leaf, beside = next + leaf, all = PTE_S2_R | PTE_S2_W;
	struct context *c = l->vm->shared->context;

	add_context(l, 0, vmid_of(l), 0, false, true);
	add_context(l, 1, 0, 0, false, true);
	add_context(l, 2, vmid_of(l), 0, false, true);
	last_step(l)->a = 1;
	if (l->variant == VMID_EIGHT) {
		for (unsigned i = 0; i < 3; i++)
			c[i].vtcr &= ~VTCR_VS;
		c[2].vttbr |= PLACE(VTTBR_VMID, 0xff00);
	}
	add_poke(l, pa, value_at(pa));
	add_poke(l, next, value_at(next));
	add_poke(l, beside, value_at(beside));
	add_write(l, STEP_S2, 0, at, leaf_s2(pa, l->level, all), l->level);
	add_write(l, STEP_S2, 1, at, leaf_s2(beside, l->level, all), l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_BEFORE, value_at(pa), 0);
	add_access(l, 1, ACCESS_READ, at, false, ROLE_AFTER, value_at(pa), value_at(beside));
	add_write(l, STEP_S2, 0, at, 0, l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_STALE, value_at(pa), 0);
	add_tlbi(l, 2, l->op, operand, STEP_UNDER_TEST);
	add_tlbi(l, 2, op_named("vmalle1is"), 0, 0);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_GONE, value_at(pa), 0);
	add_access(l, 1, ACCESS_READ, at, false, ROLE_AFTER, value_at(pa), value_at(beside));
	add_write(l, STEP_S2, 0, at, leaf_s2(next, l->level, all), l->level);
	add_access(l, 0, ACCESS_READ, at, false, ROLE_AFTER, value_at(pa), value_at(next));
	add_tlbi(l, 0, op_named("vmalls12e1is"), 0, 0); /* the next case's tables are others */
	add_tlbi(l, 1, op_named("vmalls12e1is"), 0, 0);
}

/*
 * The address that L1's leaf gives is one of a device, with a single bit: the VMM has to hear of it as it is. struct litmus.position:
 * the bit. --self-test: another device's.
 */
static void build_device(struct litmus *l)
{
	uint64_t at = fresh_ipa(12, 3, 1), offset = 0x128, last = l->config.pa_bits - 1;
	uint64_t pa = 1ull << l->position,
		 skipped = 1ull << (l->position == (int)last ? DEVICE_FIRST_BIT : l->position + 1);

	add_context(l, 0, VMID, 0, false, true);
	context_wide(l, 0, l->config.pa_bits);
	add_write(l, STEP_S2, 0, at, leaf_s2(l->vm->shared->skip ? skipped : pa, 3, PTE_S2_R | PTE_S2_W), 3);
	add_access(l, 0, ACCESS_READ, at + offset, false, ROLE_AFTER, 0, device_value(pa + offset));
	add_cleanup(l, 0, at, 3, 1);
}

static void add_devices(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2, .pa_bits = 48 },
			    .build = build_device,
			    .regime = "el1&0-stage2",
			    .level = 3,
			    .own = true };

	for (l.position = DEVICE_FIRST_BIT; l.position < l.config.pa_bits; l.position++) {
		l.shift = 12 + 2 * ((unsigned)l.position % 3);
		list_add(list, &l, "s2-device/%s/bit%d", granule_word(l.shift), l.position);
	}
}

static void add_addresses(struct list *list, struct litmus l)
{
	const struct operation *op = &operations[l.op];
	bool all = op->operand == NONE;

	l.build = build_address;
	l.slow = all;
	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.level = all ? 3 : 2; l.level <= 3; l.level++)
			for (l.config.pa_bits = 44; l.config.pa_bits <= 48; l.config.pa_bits += 4)
				for (l.position = LEAST_BIT; l.position <= l.config.pa_bits; l.position++) {
					l.place = l.config.pa_bits == 44;
					/* What 44 bits have beside the last leaf 48 have, too. */
					if (l.config.pa_bits == 44 && l.position < 44)
						continue;
					/* Whole contexts take long: one form of an operation has each bit with 4K pages. */
					if (all && l.position < l.config.pa_bits && (l.shift != 12 || op->nxs || op->scope != IS))
						continue;
					l.hint = !all && l.position & 1;
					list_add(list, &l, "s2-wide%s/%s/%s/%s/%u-%s%d/%s", all ? "-all" : "", op->name,
						 granule_word(l.shift), size_word(leaf_size(&l)), l.config.pa_bits,
						 l.position == l.config.pa_bits ? "last" : "bit", l.position, l.hint ? "ttl" : "no-ttl");
					/* A hint, and a range, say the size themselves. */
					if (op->operand != IPA || l.level == 3 || l.position == l.config.pa_bits)
						continue;
					l.hint = 0;
					l.variant = 1;
					list_add(list, &l, "s2-wide/%s/%s/%s/%u-bit%d-beside-page/no-ttl", op->name,
						 granule_word(l.shift), size_word(leaf_size(&l)), l.config.pa_bits,
						 l.position);
					l.variant = 0;
				}
}

static void add_events(struct list *list)
{
	static const char *const words[] = { "dontneed", "memslot-move", "dirty-log" };
	struct litmus l = { .op = NO_OPERATION, .config = { .cpus = 1 }, .build = build_event, .regime = "el1&0-stage2",
			    .level = 3, .own = true, .slow = true };

	for (l.shift = 12; l.shift <= 16; l.shift += 2)
		for (l.config.pa_bits = 44; l.config.pa_bits <= 48; l.config.pa_bits += 4)
			for (l.position = 40, l.place = l.config.pa_bits == 44; l.position <= l.config.pa_bits; l.position += 4)
				for (l.variant = 0; l.variant < 3; l.variant++)
					list_add(list, &l, "l0-wide-%s/%s/%u-%s%d", words[l.variant], granule_word(l.shift), l.config.pa_bits,
						 l.position == l.config.pa_bits ? "last" : "bit", l.position);
}

void cases_wide(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];
		bool all = o->operand == NONE;
		/* A context for each granule, and no more than one where each is walked. */
		struct litmus l = { .op = op, .config = { .cpus = 1, .spare = all ? 0 : 2 }, .regime = "el1&0-stage2", .own = true };

		if (o->family != ipas2e1 && o->family != vmalls12e1 && o->family != alle1)
			continue;
		add_addresses(list, l);
		/* Each is another context or two: one form of an operation stands for its others. */
		if (o->nxs || o->scope == OS || o->family == alle1)
			continue;
		l.config.spare = 0;
		l.build = build_vmid;
		l.shift = 12;
		l.level = 3;
		l.slow = l.any_stage2 = true;
		for (l.variant = 0; l.variant <= VMID_EIGHT; l.variant++) {
			l.position = l.variant;
			if (l.variant < VMID_BITS)
				list_add(list, &l, "s2-vmid-bits/%s/bit%d", o->name, l.variant);
			else
				list_add(list, &l, "s2-vmid-bits/%s/%s", o->name, l.variant == VMID_EIGHT ? "vs8" : "all");
		}
	}
	add_events(list);
	add_devices(list);
}
