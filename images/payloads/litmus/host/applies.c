// SPDX-License-Identifier: GPL-2.0-only
/* Whether a case can run on this machine, and what it lacks if not. */
#include "host/applies.h"
#include "host/features.h"

#include <stdio.h>

void not_applicable(struct finding *f, const char *why)
{
	f->control = "none";
	f->verdict = "not-applicable";
	snprintf(f->why, sizeof(f->why), "why=%s", why);
}

static bool hides(const struct config *c)
{
	return c->hide_os || c->hide_range || c->hide_xs || c->hide_flags;
}

/* Why a case cannot have QEMU as its VMM, or NULL. */
static const char *qemu_lacks(const struct litmus *l)
{
	const struct config *c = &l->config;

	if (c->e2h0)
		return "QEMU-offers-no-E2H0";
	if (hides(c))
		return "QEMU-hides-no-feature";
	if ((l->op == NO_OPERATION && !l->provoked) || l->disturb || l->host)
		return "needs-our-own-VMM";
	return NULL;
}

/* What a few cases need of L1 beside the features of their operation. */
enum need {
	NEEDS_NOTHING,
	NEEDS_LPA2,
	NEEDS_XNX,
	NEEDS_PAN2,
	NEEDS_HCX,
	NEEDS_E0PD,
	NEEDS_S1PIE,
	NEEDS_ECV,
	NEEDS_EVT,
	NEEDS_FWB,
	NEEDS_PMU,
	NEEDS_PA44,
	NEEDS_PA48,
	NEEDS
};
static const char *const need_words[NEEDS] = { NULL,  "LPA2", "XNX", "PAN2", "HCX",  "E0PD", "S1PIE",
					       "ECV", "EVT",  "FWB", "PMU",  "PA44", "PA48" };
static const char *const lacks[NEEDS] = { NULL,
					  "no-FEAT_LPA2",
					  "no-FEAT_XNX",
					  "no-FEAT_PAN2",
					  "no-FEAT_HCX",
					  "no-FEAT_E0PD",
					  "no-FEAT_S1PIE",
					  "no-FEAT_ECV",
					  "no-FEAT_EVT",
					  "no-FEAT_S2FWB",
					  "no-FEAT_PMUv3",
					  "PA-below-44-bits",
					  "PA-below-48-bits" };

static enum need need_of(const struct litmus *l)
{
	return l->ds				   ? NEEDS_LPA2
	       : l->needs_xnx			   ? NEEDS_XNX
	       : l->needs_pan2			   ? NEEDS_PAN2
	       : l->needs_hcx			   ? NEEDS_HCX
	       : l->needs_e0pd			   ? NEEDS_E0PD
	       : l->needs_s1pie			   ? NEEDS_S1PIE
	       : l->needs_ecv			   ? NEEDS_ECV
	       : l->needs_evt			   ? NEEDS_EVT
	       : l->needs_fwb			   ? NEEDS_FWB
	       : l->needs_pmu			   ? NEEDS_PMU
	       : l->config.pa_bits > 44		   ? NEEDS_PA48
	       : l->config.pa_bits > PHYSICAL_BITS ? NEEDS_PA44
						   : NEEDS_NOTHING;
}

static bool has(const struct litmus *l, const struct vm *vm)
{
	uint64_t mmfr1 = vm->shared->id_mmfr1;

	switch (need_of(l)) {
	case NEEDS_LPA2:
		return !(l->ds & DS_L2 && !vm_has_lpa2(vm, l->shift)) &&
		       !(l->ds & DS_VEL2 && !vm_has_lpa2(vm, vel2_shift(l)));
	case NEEDS_XNX:
		return FIELD(mmfr1, MMFR1_XNX);
	case NEEDS_PAN2:
		return FIELD(mmfr1, MMFR1_PAN) >= MMFR1_PAN_ATS;
	case NEEDS_HCX: /* and FnXS in it */
		return FIELD(mmfr1, MMFR1_HCX) && FIELD(vm->shared->id_isar1, ISAR1_XS);
	case NEEDS_E0PD:
		return FIELD(vm->shared->id_mmfr2, MMFR2_E0PD);
	case NEEDS_S1PIE:
		return FIELD(vm->shared->id_mmfr3, MMFR3_S1PIE);
	case NEEDS_ECV:
		return FIELD(vm->shared->id_mmfr0, MMFR0_ECV);
	case NEEDS_EVT: /* and HCR_EL2.TICAB and TOCU */
		return FIELD(vm->shared->id_mmfr2, MMFR2_EVT);
	case NEEDS_FWB:
		return FIELD(vm->shared->id_mmfr2, MMFR2_FWB);
	case NEEDS_PMU: /* 15: an IMPLEMENTATION DEFINED one */
		return FIELD(vm->shared->id_dfr0, DFR0_PMUVER) % 15;
	default:
		return true;
	}
}

const char *applies_needs(const struct litmus *l)
{
	return need_words[need_of(l)];
}

void applies_without_vm(const struct litmus *l, const struct machine *m, struct finding *f)
{
	if (l->config.e2h0 && !m->e2h0)
		not_applicable(f, "no-FEAT_E2H0");
	else if (l->config.qemu && qemu_lacks(l))
		not_applicable(f, qemu_lacks(l));
}

bool applies_as_built(const struct litmus *l, const struct vm *vm, struct finding *f)
{
	bool fgt = FIELD(vm->shared->id_mmfr0, MMFR0_FGT);
	const char *why = NULL;

	if (hides(&l->config)) /* such a case has what is hidden, and is UNDEFINED */
		return true;
	for (unsigned cpu = 0; !why && cpu < CPUS_MAX; cpu++)
		for (unsigned i = 0; !why && i < l->steps[cpu]; i++) {
			const struct step *s = &vm->shared->program[cpu].step[i];

			if (s->kind == STEP_TLBI || s->kind == STEP_L2_TLBI)
				why = vm_lacks(vm, &operations[s->op]);
			else if (s->kind == STEP_CONTEXT)
				why = !fgt && (vm->shared->context[s->ctx].hfgitr ||
					       (vm->shared->context[s->ctx].controls.mdcr & MDCR_TDCC) ||
					       vm->shared->context[s->ctx].controls.fgt)
					      ? "no-FEAT_FGT"
					      : NULL;
		}
	if (why)
		not_applicable(f, why);
	return !why;
}

void applies(const struct litmus *l, const struct vm *vm, const struct machine *m, struct finding *f)
{
	const char *why = l->op == NO_OPERATION ? NULL : vm_lacks(vm, &operations[l->op]);

	if (l->nv && !FIELD(vm->shared->id_mmfr2, MMFR2_NV) && !FIELD(vm->shared->id_mmfr4, MMFR4_NV_FRAC))
		why = "no-FEAT_NV2";
	if (!l->any_stage2 && !vm_has_stage2(vm, l->shift))
		why = l->shift == 12 ? "no-stage-2-granule-4k" : "no-stage-2-granule-16k";
	if (!has(l, vm))
		why = lacks[need_of(l)];
	if (l->config.pa_bits &&
	    FIELD(vm->shared->id_mmfr0, MMFR0_PARANGE) < parange(&l->config)) /* whatever else it needs */
		why = lacks[l->config.pa_bits > 44 ? NEEDS_PA48 : NEEDS_PA44];
	if (l->small_pages && m->page_size != 4096)
		why = "needs-4K-pages-at-L0";
	if (m->pes < l->pes)
		why = "too-few-CPUs-at-L0";

	if (why && !hides(&l->config))
		not_applicable(f, why);
}
