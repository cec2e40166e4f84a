// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page of VNCR_EL2 apart from L1's operations: L0's own events (vncr-l0), the abort that vEL2 takes when the page
 * is not there (vncr-syndrome, vncr-far), and EL2 operations of an L2 that is a hypervisor itself (trap-nv).
 */
#include "families/families.h"
#include "families/vncr.h"
#include "host/events.h"

#define PAGE 4096u

static void read_own(struct litmus *l, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	add_access(l, CTX_L2, ACCESS_VNCR_READ, at, false, role, old, now);
}

/* ONLY_READ: L2 has only read the page before the memslot becomes read-only; READ_FIRST: it was so from the beginning. */
enum { DONTNEED, MOVE, DELETE, READ_ONLY, DIRTY, ONLY_READ, READ_FIRST, EVENTS };
static const char *const event_words[] = { "dontneed", "memslot-move", "memslot-delete", "memslot-read-only",
					   "dirty-log", "memslot-only-read", "memslot-read-first" };

/* L0's own events for the page behind VNCR_EL2, which may be mapped by no stage 2 at all. */
static void build_event(struct litmus *l)
{
	static const enum event_action actions[] = { EVENT_DONTNEED, EVENT_MOVE, EVENT_DELETE };
	uint64_t at = vncr_va(l), page = 5 * PAGE, offset = page + VNCR_TPIDR;
	bool skip = l->vm->shared->skip;

	add_host(l, EVENT_SET_UP, offset);
	if (l->variant == READ_FIRST && !skip)
		add_host(l, EVENT_READ_ONLY, offset);
	vncr_contexts(l, at);
	add_write(l, STEP_E2, 0, at, vncr_descriptor(EVENT_PA + page, 3, false), 3);
	read_own(l, at, ROLE_BEFORE, event_old(offset), 0);
	switch (l->variant) {
	case DONTNEED:
	case MOVE:
		if (!skip)
			add_host(l, actions[l->variant], offset);
		read_own(l, at, ROLE_AFTER, event_old(offset), event_new(offset));
		break;
	case DELETE:
		if (!skip)
			add_host(l, EVENT_DELETE, offset);
		read_own(l, at, ROLE_GONE, event_old(offset), 0);
		last_probe(l)->fault = FAULT_EXTERNAL;
		break;
	case READ_ONLY: /* KVM: an External abort, for it has no better answer to a write */
		vncr_write(l, at, ROLE_DONE, event_old(offset));
		/* fall through */
	case ONLY_READ:
		if (!skip)
			add_host(l, EVENT_READ_ONLY, offset);
		/* fall through */
	case READ_FIRST:
		vncr_write(l, at, ROLE_GONE, 1);
		last_probe(l)->fault = FAULT_EXTERNAL;
		read_own(l, at, ROLE_AFTER, 1, event_old(offset));
		break;
	case DIRTY:
		vncr_write(l, at, ROLE_DONE, 1);
		add_host(l, EVENT_DIRTY_ON, offset);
		expect_host(l, EVENT_DIRTY_READ, offset, 1);
		for (unsigned i = 0; i < 2; i++) {
			if (!skip)
				vncr_write(l, at, ROLE_DONE, 2 + i);
			expect_host(l, EVENT_DIRTY_READ, offset, 2);
		}
		break;
	}
	vncr_cleanup(l, at);
}

enum { SYNDROME_READ, SYNDROME_WRITE, SYNDROME_PERMISSION, SYNDROMES };
static const char *const syndrome_words[] = { "read", "write", "permission" };

/*
 * The abort that vEL2 takes for L2's access: EC 0x25, ISS.VNCR, WnR and DFSC (D24.2 ESR_EL2); FAR_EL2 is the address
 * of the access, BADDR and the register's offset (D8.14).
 */
static void build_syndrome(struct litmus *l)
{
	uint64_t at = vncr_va(l), read_only = vncr_descriptor(DATA_PA, 3, false) | PTE_S1_RO;
	bool permission = l->variant == SYNDROME_PERMISSION, write = l->variant != SYNDROME_READ;
	struct probe *p;

	vncr_contexts(l, at);
	add_poke(l, DATA_PA + VNCR_TPIDR, value_at(DATA_PA));
	add_write(l, STEP_E2, 0, at, permission ? read_only : vncr_descriptor(DATA_PA, 3, false), 3);
	read_own(l, at, ROLE_BEFORE, value_at(DATA_PA), 0);
	/* --self-test: no fault, or another. */
	if (permission == l->vm->shared->skip) {
		add_write(l, STEP_E2, 0, at, 0, 3);
		add_tlbi(l, CTX_CLEANUP, op_named("vmalle1is"), 0, 0);
	}
	if (write)
		vncr_write(l, at, ROLE_GONE, 1);
	else
		read_own(l, at, ROLE_GONE, value_at(DATA_PA), 0);
	p = last_probe(l);
	p->fault = permission ? FAULT_PERMISSION : FAULT_TRANSLATION;
	if (l->level) /* the case is about FAR_EL2 */
		p->far = at + VNCR_TPIDR;
	else
		p->esr = PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_VNCR | (write ? ESR_WNR : 0) |
			 PLACE(ESR_FSC_TYPE, permission ? ESR_FSC_TYPE_PERMISSION : ESR_FSC_TYPE_TRANSLATION) | 3; /* level */
	vncr_cleanup(l, at);
}

/* With HCR_EL2.NV the EL2 operations of L2 are for L1, which has to see them (D24.2 HCR_EL2.NV). */
static void build_trap(struct litmus *l)
{
	struct step *s;
	struct probe *p;

	vncr_contexts(l, vncr_fresh_va());
	s = add(l, 0, STEP_L2_TLBI);
	s->c = true;
	s->ctx = CTX_L2;
	s->op = l->op;
	s->flags = STEP_UNDER_TEST;
	p = add_probe(l, 0, l->steps[0] - 1, ROLE_TRAP);
	p->now = syndrome_of(&operations[l->op], L2_OPERAND_REGISTER(l->op));
}

static void add_traps(struct list *list)
{
	for (unsigned op = 0; op < operation_count; op++) {
		const struct operation *o = &operations[op];
		bool stage2 = o->family == ipas2e1 || o->family == vmalls12e1 || o->family == alle1;
		struct litmus l = { .op = op,
				    .config = { .cpus = 1, .spare = 2 },
				    .build = build_trap,
				    .regime = stage2 ? "el1&0-stage2" : "el2&0",
				    .shift = 12,
				    .any_stage2 = true,
				    .nv = true };

		if (stage2 || o->regime == EL2)
			list_add(list, &l, "trap-nv/%s", o->name);
	}
}

void cases_vncr_more(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1 },
			    .build = build_event,
			    .regime = "el2&0",
			    .shift = 12,
			    .any_stage2 = true,
			    .level = 3,
			    .own = true,
			    .nv = true,
			    .slow = true };

	add_traps(list);
	for (l.place = PLACE_LOW; l.place < PLACE_LAST; l.place++)
		for (l.variant = 0; l.variant < EVENTS; l.variant++)
			list_add(list, &l, "vncr-l0-%s%s%s", event_words[l.variant], l.place ? "/4k" : "", place_words[l.place]);
	l.place = PLACE_LOW;
	l.build = build_syndrome;
	l.slow = false;
	l.config.spare = 2; /* the VM of the others */
	for (unsigned i = 0; i < 2 * PLACES; i++)
		for (l.variant = 0; l.variant < SYNDROMES; l.variant++) {
			l.level = i % 2;
			l.place = (int)(i / 2);
			list_add(list, &l, "vncr-%s/%s%s", l.level ? "far" : "syndrome", syndrome_words[l.variant],
				 place_words[l.place]);
		}
}
