// SPDX-License-Identifier: GPL-2.0-only
/* What a step of a text program found, as one word (docs/hunt.md), and whether it is among those allowed. */
#include "host/observe.h"

#include <stdio.h>
#include <string.h>

/* ESR_ELx.ISS[5:2] of an abort; the level is in [1:0] (Arm ARM D24.2 ESR_EL2). */
static const char *fault_word(uint64_t esr)
{
	unsigned ec = FIELD(esr, ESR_EC);

	if (ec != ESR_EC_DABT_LOW && ec != ESR_EC_DABT_SAME && ec != ESR_EC_IABT_LOW && ec != ESR_EC_IABT_SAME)
		return NULL;
	switch (FIELD(esr, ESR_FSC_TYPE)) {
	case ESR_FSC_TYPE_ADDRESS_SIZE:
		return "address-size";
	case ESR_FSC_TYPE_TRANSLATION:
		return "translation";
	case ESR_FSC_TYPE_ACCESS_FLAG:
		return "access-flag";
	case ESR_FSC_TYPE_PERMISSION:
		return "permission";
	case ESR_FSC_TYPE_EXTERNAL:
		return "external";
	default:
		return "abort";
	}
}

static void landed(const struct text *t, uint64_t mask, char *out, size_t size)
{
	int used = snprintf(out, size, "at=");

	if (!mask)
		snprintf(out + used, size - (size_t)used, "none");
	for (unsigned i = 0; i < t->frame_count; i++)
		if (mask >> i & 1 && used > 0 && (size_t)used < size)
			used += snprintf(out + used, size - (size_t)used, "%s0x%lx", used > 3 ? "+" : "", t->frames[i]);
}

/* L2 could not even be fetched: which of its instructions it was differs from image to image. */
static bool of_code(const struct text *t, const struct watch *w, uint64_t far)
{
	uint64_t page = t->litmus.vm->shared->l2_page;

	return far - page < L2_PAGE_SIZE && w->at - page >= L2_PAGE_SIZE;
}

/* HPFAR_EL2.FIPA has all of IPA[47:12]; for a permission it is UNKNOWN (DDI 0487 M.a.a, D24.2 HPFAR_EL2). */
static void s2_fault(const struct text *t, const struct watch *w, const struct outcome *o, char *out, size_t size)
{
	const char *word = fault_word(o->esr);
	const char *walk = o->esr & ESR_S1PTW ? "-walk" : "";

	if (!word)
		snprintf(out, size, "esr=0x%lx", o->esr);
	else if (of_code(t, w, o->far))
		snprintf(out, size, "s2-%s%s!code", word, walk);
	else if (w->at && o->far != w->at)
		snprintf(out, size, "s2-%s%s!far=0x%lx", word, walk, o->far);
	else if (strcmp(word, "permission"))
		snprintf(out, size, "s2-%s%s@0x%lx", word, walk, (uint64_t)FIELD(o->hpfar, HPFAR_FIPA) << 12);
	else
		snprintf(out, size, "s2-%s%s", word, walk);
}

/* PAR_EL1 (Arm ARM D24.2): F, FST, and S where stage 2 failed; else PA, and where they are asked for ATTR and SH. */
static void translated(uint64_t par, bool attributes, char *out, size_t size)
{
	static const char *const words[] = { "address-size", "translation", "access-flag", "permission" };
	unsigned fst = (unsigned)FIELD(par, PAR_FST); /* as ESR_ELx.FSC: the kind, and the level in [1:0] */

	if (!(par & PAR_F) && attributes)
		snprintf(out, size, "pa=0x%lx+attr=0x%lx+sh=%lu", (uint64_t)(par & PAR_PA),
			 (uint64_t)FIELD(par, PAR_ATTR), (uint64_t)FIELD(par, PAR_SH));
	else if (!(par & PAR_F))
		snprintf(out, size, "pa=0x%lx", (uint64_t)(par & PAR_PA));
	else if (fst < 16)
		snprintf(out, size, "par-s%u-%s%s", par & PAR_S ? 2 : 1, words[fst >> 2], par & PAR_PTW ? "-walk" : "");
	else
		snprintf(out, size, "par=0x%lx", par);
}

/*
 * Of a descriptor (Arm ARM D8.3.2): whether it is valid, a table's, and its access flag; with DBM its dirty state, which is
 * AP[2] or S2AP[1] (D8.5).
 */
static const char *descriptor_word(uint64_t descriptor, unsigned level, bool second)
{
	bool young = descriptor & PTE_AF, dirty = second ? descriptor & PTE_S2_W : !(descriptor & PTE_S1_RO);

	if (!(descriptor & PTE_VALID))
		return "invalid";
	if (level < 3 && descriptor & PTE_TABLE)
		return "table";
	if (descriptor & PTE_DBM)
		return young ? (dirty ? "young-dirty" : "young-clean") : dirty ? "old-dirty" : "old-clean";
	return young ? "young" : "old";
}

static void own_fault(const struct watch *w, const struct outcome *o, const char *whose, char *out, size_t size)
{
	const char *word = fault_word(o->esr);

	if (!FIELD(o->esr, ESR_EC))
		snprintf(out, size, "undefined");
	else if (!word)
		snprintf(out, size, "esr=0x%lx", o->esr);
	else if (w->at && o->far != w->at)
		snprintf(out, size, "%s-%s!far=0x%lx", whose, word, o->far);
	else
		snprintf(out, size, "%s-%s", whose, word);
}

static bool of_vncr(uint64_t esr)
{
	return FIELD(esr, ESR_EC) == ESR_EC_DABT_SAME && esr & ESR_VNCR;
}

void observation(const struct text *t, const struct watch *w, const struct outcome *o, char *out, size_t size)
{
	const struct step *s = &t->litmus.vm->shared->program[w->cpu].step[w->step];

	switch (o->kind) {
	case OUTCOME_VALUE:
		if (s->flags & STEP_WHERE)
			landed(t, o->more[0], out, size);
		else if (s->kind == STEP_AT)
			translated(o->value, w->attributes, out, size);
		else if (s->kind == STEP_LOOK)
			snprintf(out, size, "%s", descriptor_word(o->value, (unsigned)s->c, s->op == 2));
		else if (s->kind == STEP_L2_TLBI)
			snprintf(out, size, "done");
		else
			snprintf(out, size, "v=0x%lx", o->value);
		break;
	case OUTCOME_S2_FAULT:
		s2_fault(t, w, o, out, size);
		break;
	case OUTCOME_S1_FAULT: /* of a spin: also vEL2's own, on L2's behalf */
		own_fault(w, o, of_vncr(o->esr) ? "vncr" : "s1", out, size);
		break;
	case OUTCOME_EXCEPTION: /* FAR_EL2 of an abort of the VNCR page has a defect of its own (docs/litmus.md) */
		own_fault(w, o, of_vncr(o->esr) && s->kind == STEP_L2 ? "vncr" : "el2", out, size);
		break;
	case OUTCOME_TRAP:
		snprintf(out, size, "trap=0x%lx", (uint64_t)(o->esr & ~ESR_IL));
		break;
	case OUTCOME_DONE:
		snprintf(out, size, "done");
		break;
	case OUTCOME_TIMEOUT:
		snprintf(out, size, "timeout");
		break;
	default:
		snprintf(out, size, "nothing");
		break;
	}
}

bool observation_allowed(const char *allowed, const char *seen)
{
	size_t n = strlen(seen);

	for (const char *at = allowed; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (!strncmp(at, seen, n) && (at[n] == '|' || !at[n]))
			return true;
	}
	return false;
}
