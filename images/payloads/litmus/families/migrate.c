// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU moves between L0's CPUs in mid-case. To L1 it is one PE all the time: a local operation of its own obliges
 * what it used before on another CPU (Arm ARM D8.17.7 knows only the PE), and a broadcast reaches a victim wherever
 * it is. race-move (families/race.c) moves the victim without pause.
 */
#include "families/families.h"
#include "host/migrate.h"
#include "host/pin.h"
#include "host/program.h"

#define VICTIM 1
#define HERE 0
#define THERE 1
#define ASID_VICTIM 0x15
#define VNCR_VA (E2_TEST_VA + (50ull << 30))

static void move(struct litmus *l, unsigned cpu, unsigned pe)
{
	add_host(l, MIGRATE, cpu << 8 | pe);
	add_probe(l, 0, l->steps[0] - 1, ROLE_BEFORE)->old = 1;
}

/* Where an entry comes from, and who uses it. */
enum kind { STAGE2, STAGE1, VEL2, VNCR, BROADCAST, KINDS };
static const char *const kind_words[] = { "s2", "s1", "vel2", "vncr", "remote" };

static void look(struct litmus *l, uint64_t at, enum role role, uint64_t old, uint64_t now)
{
	switch (l->variant) {
	case BROADCAST:
		add_sample(l, VICTIM, at, role, old, now);
		break;
	case VEL2:
		add_read(l, at, role, old, now);
		break;
	case VNCR:
		add_access(l, 0, ACCESS_VNCR_READ, at, false, role, old, now);
		break;
	default:
		add_access(l, 0, ACCESS_READ, at, false, role, old, now);
		break;
	}
	/* The move itself is an exit, which empties the TLB of this model: what is not software cannot be told. */
	last_probe(l)->observable = l->variant != STAGE1 && l->variant != VEL2;
}

static uint64_t descriptor(const struct litmus *l, uint64_t pa)
{
	switch (l->variant) {
	case STAGE2:
	case BROADCAST:
		return leaf_s2(pa, l->level, PTE_S2_R | PTE_S2_W);
	case STAGE1:
		return leaf_s1(pa, l->level, PTE_S1_UXN | PTE_S1_PXN | PTE_S1_NG);
	default:
		return leaf_s1(pa, l->level, PTE_S1_UXN | PTE_S1_PXN);
	}
}

static void set_up(struct litmus *l, uint64_t at)
{
	struct context *c = l->vm->shared->context;
	unsigned word = l->variant == VNCR ? VNCR_TPIDR : 0;

	add_context(l, 0, VMID, ASID_VICTIM, l->variant == STAGE1, true);
	add_context(l, 1, VMID, 0, false, true);
	if (l->variant == VNCR) {
		c[0].hcr |= HCR_NV | HCR_NV2;
		c[0].vncr = at;
		c[1].hcr |= HCR_TGE;
	}
	for (unsigned i = 0; i < 2; i++) {
		add_poke(l, DATA_PA + i * leaf_size(l) + word, value_at(DATA_PA + i * leaf_size(l)));
		if (l->variant == STAGE1)
			add_write(l, STEP_S2, 0, DATA_PA + i * leaf_size(l),
				  leaf_s2(DATA_PA + i * leaf_size(l), l->level, PTE_S2_R | PTE_S2_W), l->level);
	}
}

static bool obliged(const struct litmus *l, uint64_t at, uint64_t operand)
{
	bool stage2 = l->variant == STAGE2 || l->variant == BROADCAST, vel2 = l->variant == VEL2 || l->variant == VNCR;
	struct translation entry = { .stage = stage2 ? STAGE_2 : STAGE_1,
			       .regime = vel2 ? EL2 : EL10,
			       .vmid = VMID,
			       .asid = vel2 ? E2_ASID : ASID_VICTIM,
			       .global = vel2,
			       .start = at,
			       .size = leaf_size(l),
			       .shift = l->shift,
			       .level = l->level };
	struct state state = { .vmid = VMID, .el = 2, .features = HAS_ALL, .hcr = hcr_of(true, l->tge),
			       .own_pe = l->variant != BROADCAST };

	return tlbi_must(&operations[l->op], operand, &state, &entry);
}

/* Used here, taken away from there, looked at here again; the victim of a broadcast moves instead. */
static void build_migrate(struct litmus *l)
{
	bool stage2 = l->variant == STAGE2 || l->variant == BROADCAST, vel2 = l->variant == VEL2 || l->variant == VNCR;
	enum step_kind stage = stage2 ? STEP_S2 : vel2 ? STEP_E2 : STEP_S1;
	uint64_t at = vel2 ? VNCR_VA : fresh_ipa(l->shift, l->level, 1);
	uint64_t operand = operand_whole(l, at, l->variant == STAGE1 ? ASID_VICTIM : 0, 0);
	uint64_t old = value_at(DATA_PA), now = value_at(DATA_PA + leaf_size(l));
	unsigned cpu = l->variant == BROADCAST ? VICTIM : 0, home = cpu ? THERE : HERE;
	unsigned away = cpu ? (vm_pes() > 2 ? 2 : HERE) : THERE, ctx = l->variant == VNCR ? 1 : 0;
	bool gone = obliged(l, at, operand);

	set_up(l, at);
	add_write(l, stage, 0, at, descriptor(l, DATA_PA), l->level);
	if (cpu)
		add_spin(l, VICTIM, 0, at, SPIN_L2);
	look(l, at, ROLE_BEFORE, old, 0);
	add_write(l, stage, 0, at, 0, l->level);
	look(l, at, ROLE_STALE, old, 0);
	move(l, cpu, away);
	add_tlbi(l, ctx, l->op, operand, STEP_UNDER_TEST);
	if (stage2)
		add_tlbi(l, 0, op_named(l->variant == BROADCAST ? "vmalle1is" : "vmalle1"), 0, 0);
	move(l, cpu, home);
	look(l, at, gone ? ROLE_GONE : ROLE_FREE, old, 0);
	add_write(l, stage, 0, at, descriptor(l, DATA_PA + leaf_size(l)), l->level);
	move(l, cpu, away);
	if (gone)
		look(l, at, ROLE_AFTER, old, now);
	move(l, cpu, home);
	if (cpu)
		add_stop(l, VICTIM);
	if (vel2) {
		add_write(l, STEP_E2, 0, at, 0, 1);
		add_tlbi(l, ctx, op_named("alle2is"), 0, 0);
	} else if (stage2) {
		add_cleanup(l, 0, at, l->level, 1);
	}
}

static bool takes_part(const struct litmus *l)
{
	const struct operation *op = &operations[l->op];

	switch (l->variant) {
	case STAGE2:
	case BROADCAST:
		return op->family == ipas2e1;
	case STAGE1:
		return op->regime == EL10 && op->family != ipas2e1 && op->family != vmalls12e1 && op->family != alle1;
	case VEL2:
		return op->regime == EL2 && (op->family == alle2 || op->family == vae2);
	default: /* with {E2H,TGE} = {1,1} */
		return op->family != ipas2e1 && op->family != vmalls12e1 && op->family != alle1;
	}
}

void cases_migrate(struct list *list)
{
	static const char *const regimes[] = { "el1&0-stage2", "el1&0", "el2&0", "el2&0", "el1&0-stage2" };
	struct litmus l = { .build = build_migrate, .shift = 12, .pes = 2, .host = true };

	for (l.op = 0; l.op < operation_count; l.op++)
		for (l.variant = 0; l.variant < KINDS; l.variant++)
			for (l.level = 2; l.level <= 3; l.level++) {
				bool remote = l.variant == BROADCAST;

				if (!takes_part(&l))
					continue;
				l.config = (struct config){ .cpus = remote ? 2 : 1, .spare = 2 };
				l.regime = regimes[l.variant];
				l.own = !remote;
				l.nv = l.tge = l.variant == VNCR;
				l.any_stage2 = l.variant == VNCR || l.variant == VEL2;
				list_add(list, &l, "migrate-%s/%s/%s", kind_words[l.variant], operations[l.op].name,
					 size_word(leaf_size(&l)));
			}
}
