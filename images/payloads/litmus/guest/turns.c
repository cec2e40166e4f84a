// SPDX-License-Identifier: GPL-2.0-only
/*
 * At vEL2, on another PE than the one that takes translations away: all contexts in turn, so that L0 looks for one of its own for
 * each entry into L2; or an operation after each.
 */
#include "guest/turns.h"
#include "guest/doorbell.h"
#include "guest/l2.h"
#include "guest/own.h"
#include "guest/spin_entry.h"
#include "guest/stubs.h"
#include "guest/tlbi.h"
#include "tlbi_ops.h"

#define DROP_ROUNDS 16

/* L2 sees these: where it writes what nobody asks for, and what ends a spin after one access. */
__attribute__((section(".l2.data"), aligned(64))) static volatile struct spin unasked[CPUS_MAX];
__attribute__((section(".l2.data"), aligned(64))) static uint64_t once = 1;

#define X(name, ...) OP_##name,
enum { TLBI_OPERATIONS(X) };
#undef X

void spin_in_turns(struct pe *cpu, volatile struct spin *spin, const struct step *s, const uint64_t *stop)
{
	bool vncr = s->c == SPIN_VNCR_TURNS;

	for (uint64_t i = s->ctx; i < s->d && !__atomic_load_n(stop, __ATOMIC_ACQUIRE); i++) {
		const struct context *c = &shared->context[i];

		if (c->hcr & HCR_TGE || (vncr && !c->vncr))
			continue;
		load_context(c);
		spin_in_l2(cpu, i == s->ctx ? spin : &unasked[cpu->index], s, vncr ? l2_vncr_spin : l2_spin, &once);
	}
}

/* What follows is of EL2&0, until a context is loaded. */
static void host_regime(void)
{
	if (!shared->e2h)
		return;
	MSR(hcr_el2, MRS(hcr_el2) | HCR_TGE);
	__asm__ volatile("isb" ::: "memory");
}

/*
 * Of both stages of L2 and of vEL2's own regime, under the last context, each with the operand 0: nothing is mapped at address 0.
 * All of that context's VMID goes. L0 looks for VNCR pages at operations of vEL2's regime where HCR_EL2.{E2H,TGE} is {1,1} only.
 * Each other time AT instead, of what L2 reads: L0 looks for the context's shadow, and has the CPU walk L2's stage 1 with it.
 */
void spin_with_tlbi(struct pe *cpu, volatile struct spin *spin, const struct step *s, unsigned round)
{
	static const unsigned operations[] = { OP_ipas2e1is, OP_vae2is, OP_vmalls12e1is, OP_vae1is };
	unsigned half = round / 2, op = operations[half % (sizeof(operations) / sizeof(*operations))];

	load_context(&shared->context[s->ctx]);
	spin_in_l2(cpu, spin, s, l2_spin, &once);
	load_context(&shared->context[s->d - 1]);
	if (round % 2) {
		translate(half % 2 ? AT_S12E1R : AT_S1E1R, s->a);
		return;
	}
	if (op == OP_vae2is)
		host_regime();
	tlbi(op, 0, half);
	barrier_ish();
}

/* Rarely: for each L0 walks all shadows of the other VM. */
void spin_with_drops(struct pe *cpu, volatile struct spin *spin, const struct step *s, unsigned round)
{
	load_context(&shared->context[s->ctx]);
	spin_in_l2(cpu, spin, s, l2_spin, &once);
	if (!(round % DROP_ROUNDS))
		doorbell(DOORBELL_DROP);
}

/*
 * Of what it has read itself, which another PE may take away at the same time: both invalidate the same translations. The TTL of
 * an operand is 0, no hint. IPAS2 only where the address is an IPA: that of a VA may be beyond the PA size, of which L0 warns.
 */
void spin_with_own_tlbi(struct pe *cpu, volatile struct spin *spin, const struct step *s, unsigned round)
{
	static const unsigned of_l2[] = { OP_ipas2e1is, OP_vae1is, OP_vmalls12e1is, OP_vaae1is };
	static const unsigned of_vel2[] = { OP_vaae1is, OP_alle2is, OP_vmalle1is };
	bool vncr = s->c == SPIN_VNCR_OWN;
	unsigned op = vncr ? of_vel2[round % (sizeof(of_vel2) / sizeof(*of_vel2))]
			   : of_l2[round % (sizeof(of_l2) / sizeof(*of_l2))];
	bool whole, flat = !(shared->context[s->ctx].sctlr & SCTLR_M);

	if (op == OP_ipas2e1is && !flat)
		op = OP_aside1is;
	whole = op == OP_vmalls12e1is || op == OP_alle2is || op == OP_vmalle1is || op == OP_aside1is;
	load_context(&shared->context[s->ctx]);
	spin_in_l2(cpu, spin, s, vncr ? l2_vncr_spin : l2_spin, &once);
	if (vncr)
		host_regime();
	tlbi(op, whole ? 0 : s->a >> 12, round);
	barrier_ish();
}
