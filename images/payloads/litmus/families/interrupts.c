// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual interrupts that vEL2 gives L2 by its list registers, by polling: nobody takes one. L2 acknowledges what a list
 * register has and ends it, and vEL2 finds that there, in the active priorities and in ICH_VMCR_EL2; ICH_MISR_EL2, ICH_EISR_EL2
 * and ICH_ELRSR_EL2 are what the list registers and ICH_HCR_EL2 make of them (Arm IHI 0069H.b, 12.4, 12.5 and 4.6).
 */
#include "families/families.h"
#include "families/registers.h"

/* Registers of the CPU interface, by CRm and op2; of its hypervisor control, likewise. */
#define ICC(crn, crm, op2, read) REGISTER_WORD(0, crn, crm, op2, read)
#define ICH(crm, op2, read) REGISTER_WORD(4, 12, crm, op2, read)
#define PMR(read) ICC(4, 6, 0, read)
#define IAR(group, read) ICC(12, (group) ? 12 : 8, 0, read)
#define EOIR(group, read) ICC(12, (group) ? 12 : 8, 1, read)
#define HPPIR(group, read) ICC(12, (group) ? 12 : 8, 2, read)
#define BPR1(read) ICC(12, 12, 3, read)
#define IGRPEN(group, read) ICC(12, 12, (group) ? 7 : 6, read)
#define AP_R0(group, read) ICH((group) ? 9 : 8, 0, read)
#define ICH_HCR(read) ICH(11, 0, read)
#define MISR(read) ICH(11, 2, read)
#define EISR(read) ICH(11, 3, read)
#define ELRSR(read) ICH(11, 5, read)
#define VMCR(read) ICH(11, 7, read)

/* ICH_VTR_EL2, ICH_HCR_EL2 and ICH_MISR_EL2, ICH_VMCR_EL2, ICH_LR<n>_EL2 (IHI 0069H.b, 12.4). */
#define LIST_REGISTERS 31u
#define ICH_EN 1u
enum { UIE = 1, LRENPIE, NPIE, VGRP0EIE, VGRP0DIE, VGRP1EIE, VGRP1DIE, ENABLES };
static const char *const enable_words[ENABLES] = { "none",	"underflow",  "end",	   "none-pending",
						   "group0-on", "group0-off", "group1-on", "group1-off" };
#define MISR_EOI 1u
#define EOI_COUNT_SHIFT 27
#define EOI_COUNT (31u << EOI_COUNT_SHIFT)
#define VENG(group) (1u << (group))
#define VBPR1_SHIFT 18
#define VBPR1 (7u << VBPR1_SHIFT)
#define VPMR_SHIFT 24
#define VPMR (0xffu << VPMR_SHIFT)
#define LR_STATE_SHIFT 62
#define LR_STATE (3ull << LR_STATE_SHIFT)
enum { INVALID, PENDING, ACTIVE, BOTH, STATES };
#define LR_HARDWARE (1ull << 61)
#define LR_GROUP_1 (1ull << 60)
#define LR_PRIORITY_STEP 0x8000000000000ull /* of five bits, which there are at least */
#define URGENT 30 /* priority 0; 0 is one that VPMR does not mask */
#define LR_END_SHIFT 41
#define LR_END (1ull << LR_END_SHIFT) /* EOI; with LR_HARDWARE the highest bit of pINTID */

static uint32_t list_register(unsigned n, bool read)
{
	return ICH(12 + n / 8, n % 8, read);
}

static unsigned list_registers(const struct litmus *l)
{
	return (unsigned)(l->vm->shared->ich_vtr & LIST_REGISTERS) + 1;
}

static uint64_t state(unsigned which)
{
	return (uint64_t)which << LR_STATE_SHIFT;
}

/* SPIs, from the last one down. */
static unsigned intid(unsigned n)
{
	return 1019 - 61 * n;
}

/* `urgent`: more is more, up to URGENT. */
static uint64_t entry(unsigned n, unsigned which, bool group1, unsigned urgent)
{
	return state(which) | (group1 ? LR_GROUP_1 : 0) | LR_PRIORITY_STEP * (URGENT - urgent) | intid(n);
}

/* L2 has virtual interrupts, and its next step does not take them. */
static void begin(struct litmus *l)
{
	add_context(l, 0, VMID, 0, false, true);
	l->vm->shared->context[0].hcr |= HCR_IMO | HCR_FMO;
	for (unsigned i = 0; i < list_registers(l); i++)
		register_set(l, SYS_AT_EL2, list_register(i, false), 0);
	for (unsigned group = 0; group < 2; group++)
		register_set(l, SYS_AT_EL2, AP_R0(group, false), 0);
	register_set(l, SYS_AT_EL2, VMCR(false), VPMR | VENG(0) | VENG(1));
	register_set(l, SYS_AT_EL2, ICH_HCR(false), ICH_EN);
}

/* What is pending is nobody's afterwards. */
static void end(struct litmus *l)
{
	register_set(l, SYS_AT_EL2, ICH_HCR(false), 0);
	for (unsigned i = 0; i < list_registers(l); i++)
		register_set(l, SYS_AT_EL2, list_register(i, false), 0);
	for (unsigned group = 0; group < 2; group++)
		register_set(l, SYS_AT_EL2, AP_R0(group, false), 0);
}

static void in_l2(struct litmus *l)
{
	masked_next(l, MASK_I | MASK_F, 0);
}

/* All list registers are in use, the last one has the highest priority, and L2 takes them in turn. */
static void build_all(struct litmus *l)
{
	unsigned count = list_registers(l);
	bool group1 = l->variant;

	begin(l);
	for (unsigned i = 0; i < count; i++)
		register_set(l, SYS_AT_EL2, list_register(i, false), entry(i, PENDING, group1, i));
	for (unsigned i = count; i--;) {
		in_l2(l);
		register_is(l, SYS_AT_EL1, IAR(group1, true), ~0ull, intid(i));
		register_is(l, SYS_AT_EL2, list_register(i, true), LR_STATE, state(ACTIVE));
		in_l2(l);
		register_set(l, SYS_AT_EL1, EOIR(group1, false), intid(i));
	}
	for (unsigned i = 0; i < count; i++)
		register_is(l, SYS_AT_EL2, list_register(i, true), ~0ull, entry(i, INVALID, group1, i));
	end(l);
}

/* The first list register, or the last: its state and the active priority, of the highest there is, by what L2 does. */
static void build_one(struct litmus *l)
{
	unsigned n = l->position ? list_registers(l) - 1 : 0, urgent = URGENT;
	bool group1 = l->variant;

	begin(l);
	for (unsigned which = PENDING; which < STATES; which += BOTH - PENDING) {
		unsigned left = which == BOTH ? PENDING : INVALID;

		register_set(l, SYS_AT_EL2, list_register(n, false), entry(n, which, group1, urgent));
		register_set(l, SYS_AT_EL2, AP_R0(group1, false), which == BOTH);
		if (which == PENDING) {
			in_l2(l);
			register_is(l, SYS_AT_EL1, HPPIR(group1, true), ~0ull, intid(n));
			in_l2(l);
			register_is(l, SYS_AT_EL1, IAR(group1, true), ~0ull, intid(n));
			register_is(l, SYS_AT_EL2, list_register(n, true), ~0ull, entry(n, ACTIVE, group1, urgent));
			register_is(l, SYS_AT_EL2, AP_R0(group1, true), ~0ull, 1);
		}
		register_is(l, SYS_AT_EL2, AP_R0(!group1, true), ~0ull, 0);
		in_l2(l);
		register_set(l, SYS_AT_EL1, EOIR(group1, false), intid(n));
		register_is(l, SYS_AT_EL2, list_register(n, true), ~0ull, entry(n, left, group1, urgent));
		register_is(l, SYS_AT_EL2, AP_R0(group1, true), ~0ull, 0);
		register_is(l, SYS_AT_EL2, ELRSR(true), 1u << n, left == INVALID ? 1u << n : 0);
	}
	end(l);
}

/* L2 ends what no list register has: each value that ICH_HCR_EL2.EOIcount may begin with counts. */
static void build_count(struct litmus *l)
{
	static const unsigned from[] = { 0, 1, 2, 3, 6, 7, 15, 30 };

	begin(l);
	for (unsigned i = 0; i < sizeof(from) / sizeof(*from); i++) {
		register_set(l, SYS_AT_EL2, AP_R0(true, false), 1);
		register_set(l, SYS_AT_EL2, ICH_HCR(false), ICH_EN | from[i] << EOI_COUNT_SHIFT);
		in_l2(l);
		register_set(l, SYS_AT_EL1, EOIR(true, false), intid(0));
		register_is(l, SYS_AT_EL2, ICH_HCR(true), EOI_COUNT, (from[i] + 1) << EOI_COUNT_SHIFT);
		register_is(l, SYS_AT_EL2, AP_R0(true, true), ~0ull, 0);
	}
	end(l);
}

/* ICH_VMCR_EL2 and L2's own registers are one. */
static void build_interface(struct litmus *l)
{
	static const struct {
		uint32_t read, write;
		uint32_t field;
		unsigned shift, value[2];
	} of[] = {
		{ PMR(true), PMR(false), VPMR, VPMR_SHIFT, { 0xa8, 0x50 } },
		{ BPR1(true), BPR1(false), VBPR1, VBPR1_SHIFT, { 5, 6 } },
		{ IGRPEN(0, true), IGRPEN(0, false), VENG(0), 0, { 1, 0 } },
		{ IGRPEN(1, true), IGRPEN(1, false), VENG(1), 1, { 1, 0 } },
	};

	begin(l);
	for (unsigned i = 0; i < sizeof(of) / sizeof(*of); i++)
		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned mine = of[i].value[turn], its = of[i].value[!turn];

			register_set(l, SYS_AT_EL2, VMCR(false), mine << of[i].shift);
			in_l2(l);
			register_is(l, SYS_AT_EL1, of[i].read, ~0ull, mine);
			in_l2(l);
			register_set(l, SYS_AT_EL1, of[i].write, its);
			register_is(l, SYS_AT_EL2, VMCR(true), of[i].field, its << of[i].shift);
		}
	end(l);
}

/* Of ICH_MISR_EL2, with the bit of ICH_HCR_EL2 that asks for it. */
static uint64_t maintenance(unsigned asks, unsigned valid, unsigned pending, unsigned count, uint64_t vmcr)
{
	bool is = false;

	switch (asks) {
	case UIE:
		is = valid <= 1;
		break;
	case LRENPIE:
		is = count;
		break;
	case NPIE:
		is = !pending;
		break;
	case VGRP0EIE:
	case VGRP1EIE:
		is = vmcr & VENG(asks == VGRP1EIE);
		break;
	case VGRP0DIE:
	case VGRP1DIE:
		is = !(vmcr & VENG(asks == VGRP1DIE));
		break;
	default:
		break;
	}
	return is ? 1u << asks : 0;
}

/* What the first list register may have beside its state. */
static const uint64_t kinds[] = { 0, LR_END, LR_HARDWARE, LR_HARDWARE | LR_END };
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static bool ends(unsigned which, uint64_t kind)
{
	return which == INVALID && kind == LR_END;
}

/* struct litmus.position: the last list register is pending, too. struct litmus.variant: what ICH_HCR_EL2 asks for. */
static void build_status(struct litmus *l)
{
	unsigned asks = (unsigned)l->variant, last = list_registers(l) - 1;
	bool beside = l->position && last;

	begin(l);
	register_set(l, SYS_AT_EL2, list_register(last, false), beside ? entry(last, PENDING, true, 0) : 0);
	for (unsigned which = INVALID; which < STATES; which++)
		for (unsigned kind = 0; kind < KINDS; kind++) {
			unsigned count = asks == LRENPIE ? which + kind : 0;
			uint64_t vmcr = VPMR | VENG(0) * (which & 1) | VENG(1) * (which >> 1);
			bool end_of = ends(which, kinds[kind]);

			register_set(l, SYS_AT_EL2, VMCR(false), vmcr);
			register_set(l, SYS_AT_EL2, list_register(0, false), state(which) | kinds[kind] | LR_GROUP_1);
			register_set(l, SYS_AT_EL2, ICH_HCR(false),
				     ICH_EN | (asks ? 1u << asks : 0) | count << EOI_COUNT_SHIFT);
			register_is(l, SYS_AT_EL2, MISR(true), ~0ull,
				    maintenance(asks, (which != INVALID) + beside, (which == PENDING) + beside, count,
						vmcr) |
					    (end_of ? MISR_EOI : 0));
			register_is(l, SYS_AT_EL2, EISR(true), ~0ull, end_of);
		}
	end(l);
}

/* A list register is free where its state is invalid and nothing waits for its end: State 0, and HW 1 or EOI 0. */
static void build_free(struct litmus *l)
{
	begin(l);
	for (unsigned which = INVALID; which < STATES; which++)
		for (unsigned kind = 0; kind < KINDS; kind++) {
			bool is = which == INVALID && !ends(which, kinds[kind]);

			register_set(l, SYS_AT_EL2, list_register(0, false), state(which) | kinds[kind] | LR_GROUP_1);
			register_is(l, SYS_AT_EL2, ELRSR(true), 1, is);
		}
	end(l);
}

/* struct litmus.place: what the covering run takes for another case. */
enum { OF_ALL, OF_ONE, OF_STATUS, OF_COUNT, OF_INTERFACE, OF_FREE };

void cases_interrupts(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .level = 3,
			    .any_stage2 = true,
			    .own = true,
			    .shift = 12,
			    .regime = "el1&0" };

	for (unsigned nvhe = 0; nvhe < 2; nvhe++) {
		const char *of = nvhe ? "nvhe-" : "";

		l.config.e2h0 = nvhe;
		for (l.variant = 0; l.variant < 2; l.variant++) {
			l.position = 0;
			l.place = OF_ALL;
			l.build = build_all;
			list_add(list, &l, "%sinterrupts/all/group%d", of, l.variant);
			l.place = OF_ONE;
			l.build = build_one;
			for (l.position = 0; l.position < 2; l.position++)
				list_add(list, &l, "%sinterrupts/%s/group%d", of, l.position ? "last" : "first",
					 l.variant);
		}
		l.place = OF_STATUS;
		l.build = build_status;
		for (l.variant = 0; l.variant < ENABLES; l.variant++)
			for (l.position = 0; l.position < 2; l.position++)
				list_add(list, &l, "%sinterrupts/status/%s%s", of, enable_words[l.variant],
					 l.position ? "-beside" : "");
		l.variant = l.position = 0;
		l.place = OF_COUNT;
		l.build = build_count;
		list_add(list, &l, "%sinterrupts/count", of);
		l.place = OF_INTERFACE;
		l.build = build_interface;
		list_add(list, &l, "%sinterrupts/interface", of);
		l.place = OF_FREE;
		l.build = build_free;
		list_add(list, &l, "%sinterrupts-free/each", of);
	}
}
