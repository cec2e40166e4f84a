// SPDX-License-Identifier: GPL-2.0-only
/* Aborts and AT instructions against a walk of our own. */
#include <inttypes.h>
#include <stdio.h>

#include "model.h"
#include "model_tell.h"

#define PRINT(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)
#define FSC_LEVEL_MINUS_1 0x2b

static bool is_instruction(unsigned ec)
{
	return ec == ESR_EC_IABT_LOW || ec == ESR_EC_IABT_SAME;
}

static bool is_same_level(unsigned ec)
{
	return ec == ESR_EC_IABT_SAME || ec == ESR_EC_DABT_SAME;
}

/* Address size, translation, access flag and permission faults; everything else has other causes than the tables. */
static bool is_of_tables(unsigned code)
{
	return code < 16 || code == FSC_LEVEL_MINUS_1;
}

/* Rule "held": whether an entry that may still be there says something else than the tables. */
static bool may_be_held(struct judge *judge, unsigned pe, const struct context *context, uint64_t va, const struct walk *now,
			unsigned wanted)
{
	return judge_differs(judge, pe, context, va, now, wanted);
}

static void say(char *to, size_t size, const struct expected *expected)
{
	if (expected->fault == NO_FAULT)
		snprintf(to, size, "no fault");
	else
		snprintf(to, size, "%s of stage %u, level %d%s, taken to EL%u", fault_text[expected->fault], expected->stage,
			 expected->level, expected->on_walk ? ", on a walk of stage 1" : "", expected->stage);
}

/* What is wrong with the syndrome, or NULL. */
static const char *wrong(const struct context *context, const struct abort *abort, const struct expected *expected)
{
	unsigned ec = (unsigned)FIELD(abort->esr, ESR_EC), origin = FIELD(abort->spsr, SPSR_EL) ? 1 : 0;
	bool to_el2 = expected->stage == 2 || context->regime == EL2;
	bool same = abort->vncr || (!to_el2 && origin == 1);
	bool hpfar = expected->stage == 2 && (expected->fault != PERMISSION_FAULT || expected->on_walk);

	if (abort->to_el2 != to_el2)
		return "the Exception level wrong, taken";
	if (is_same_level(ec) != same)
		return "ESR.EC wrong, taken";
	if (FIELD(abort->esr, ESR_FSC) != fault_code(expected))
		return "ESR.FSC wrong, taken";
	if (!!(abort->esr & ESR_S1PTW) != expected->on_walk)
		return "ESR.S1PTW wrong, taken";
	if (!is_instruction(ec) && !(abort->esr & ESR_CM) && (abort->access.kind == P_R || abort->access.kind == P_W) &&
	    !expected->on_walk && !!(abort->esr & ESR_WNR) != (abort->access.kind == P_W))
		return "ESR.WnR wrong, taken";
	if (is_instruction(ec) && abort->far != abort->elr)
		return "FAR wrong, taken";
	if (!is_instruction(ec) && abort->access.size && !abort->access.register_offset &&
	    ((abort->far - abort->address) & ~(0xffull << 56)) >= abort->access.size)
		return "FAR wrong, taken";
	if (to_el2 && hpfar && FIELD(abort->hpfar, HPFAR_FIPA) != expected->ipa >> 12)
		return "HPFAR_EL2 wrong, taken";
	return NULL;
}

void model_abort(struct judge *judge, unsigned pe, const struct context *context, const struct abort *abort)
{
	unsigned ec = (unsigned)FIELD(abort->esr, ESR_EC), code = (unsigned)FIELD(abort->esr, ESR_FSC), kind;
	bool fetch = ec == ESR_EC_IABT_LOW || ec == ESR_EC_IABT_SAME;
	uint64_t va = fetch ? canonical_pc(context, abort->far) : canonical(context, abort->far);
	bool user = !FIELD(abort->spsr, SPSR_EL) || abort->access.unprivileged;
	struct report report = { .finding = MODEL_FAULT, .pe = pe, .context = context, .va = va, .rule = "D8.2, D24.2.46",
				 .use = { .seq = judge->seq, .pc = abort->elr, .el = FIELD(abort->spsr, SPSR_EL) ? 1 : 0 } };
	struct expected expected;
	const char *field;
	struct walk now;
	char text[112];

	if (!is_of_tables(code) || abort->esr & (ESR_FNV | ESR_CM) || abort->spsr & SPSR_AARCH32)
		return;
	kind = is_instruction(ec) ? P_X : abort->access.kind ? abort->access.kind : abort->esr & ESR_WNR ? P_W : P_R;
	if (context->regime == EL2)
		user = false;
	walk(context, judge->read, va, &now);
	expected = expect(context, va, &now, kind, user, abort->spsr & SPSR_PAN, false);
	judge->counters.model_faults++;
	if (expected.fault == NOT_JUDGED || !outputs_fit(context, &now) ||
	    may_be_held(judge, pe, context, va, &now, user ? kind << 3 : kind))
		return;
	if (expected.fault == NO_FAULT) {
		if (abort->access.kind == 0 && !is_instruction(ec)) /* it may have been of another kind */
			expected = expect(context, va, &now, P_R | P_W, user, abort->spsr & SPSR_PAN, false);
		if (expected.fault != NO_FAULT)
			return;
		report.finding = MODEL_UNDUE;
		field = "a fault";
	} else {
		field = wrong(context, abort, &expected);
	}
	if (!field)
		return;
	say(text, sizeof(text), &expected);
	PRINT(report.must, "%s", text);
	if (expected.stage == 2 && expected.fault != NO_FAULT)
		PRINT(report.must, "%s, IPA %#" PRIx64, text, expected.ipa);
	PRINT(report.did, "%s%s to EL%d with FAR %#" PRIx64 ", HPFAR_EL2 %#" PRIx64, expected.fault == NO_FAULT ? "took " : "got ",
	      field, abort->to_el2 ? 2 : 1, abort->far, abort->hpfar);
	report.esr_did = abort->esr;
	report.esr_known = true;
	report.word = abort->word;
	report.now = &now;
	model_tell(judge, &report);
}

/* AT S1E1R, S1E1W, S1E0R, S1E0W (op1 0) and S12E1R to S12E0W (op1 4, op2 4 to 7). */
bool model_is_at(uint32_t word, struct at *at)
{
	unsigned op1 = word >> 16 & 7, op2 = word >> 5 & 7;

	if ((word & 0xfff8ff00) != 0xd5087800 || !((op1 == 0 && op2 < 4) || (op1 == 4 && op2 >= 4)))
		return false;
	at->word = word;
	at->kind = op2 & 1 ? P_W : P_R;
	at->user = op2 & 2;
	at->one_stage = op1 == 0;
	return true;
}

void model_at(struct judge *judge, unsigned pe, const struct context *context, const struct at *at, uint64_t par)
{
	uint64_t va = canonical(context, at->va), address, must, mask;
	struct report report = { .finding = MODEL_AT, .pe = pe, .context = context, .va = va, .rule = "C5.4, PAR_EL1",
				 .word = at->word, .use = { .seq = judge->seq, .pc = at->pc, .el = at->el } };
	struct expected expected;
	struct walk now;

	walk(context, judge->read, va, &now);
	expected = expect(context, va, &now, at->kind, at->user, false, at->one_stage);
	judge->counters.model_ats++;
	if (expected.fault == NOT_JUDGED || !outputs_fit(context, &now) || (par & PAR_F && !is_of_tables((unsigned)FIELD(par, PAR_FST))) ||
	    may_be_held(judge, pe, context, va, &now, at->user ? at->kind << 3 : at->kind))
		return;
	if (expected.fault == NO_FAULT) {
		address = at->one_stage ? now.ipa : now.pa & PAGE_MASK;
		must = address & PAR_PA;
		mask = PAR_F | PAR_PA;
	} else {
		must = PAR_F | PLACE(PAR_FST, fault_code(&expected)) | (expected.stage == 2 ? PAR_S : 0) |
		       (expected.on_walk ? PAR_PTW : 0);
		mask = PAR_F | PAR_FST | PAR_S | PAR_PTW;
	}
	if ((par & mask) == must)
		return;
	PRINT(report.must, "AT S%sE%d%c of %#" PRIx64 ": PAR_EL1 %#" PRIx64 " in the bits %#" PRIx64, at->one_stage ? "1" : "12",
	      at->user ? 0 : 1, at->kind == P_W ? 'W' : 'R', at->va, must, mask);
	PRINT(report.did, "gave PAR_EL1 %#" PRIx64, par);
	report.now = &now;
	model_tell(judge, &report);
}
