// SPDX-License-Identifier: GPL-2.0-only
/* Uses, traps and returns; aborts and AT are in model_walk.c. */
#include "model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model_tell.h"

#define PRINT(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)

/* Reports of one kind, instruction, operation and syndrome say the same: the first is told, all are counted. */
void model_tell(struct judge *judge, struct report *report)
{
	unsigned number = (unsigned)report->finding - MODEL_FIRST;
	uint64_t what = report->use.pc >> 2 ^ (report->tlbi ? report->tlbi->op->sys : 0) ^
			(report->near_count ? (uint64_t)report->near[0].tlbi->op->sys << 20 : 0) ^ (report->esr_did & (ESR_EC | 0x3ff)) ^
			report->esr_must << 3 ^ report->word;
	unsigned slot = (unsigned)(what * 0x9e3779b97f4a7c15ull >> 58) % TOLD;

	judge->counters.model_wrong++;
	report->use.program = judge->counters.programs;
	if (judge->told[number][slot] || judge->told_of[number] >= MOST_OF_A_KIND)
		return;
	judge->told[number][slot]++;
	judge->told_of[number]++;
	judge->counters.reports++;
	judge->report(report, judge->data);
}

static const char letters[] = "rwx";

static void say_kind(char *to, size_t size, unsigned kind, bool user)
{
	char words[4] = "";
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++)
		if (kind >> i & 1)
			words[n++] = letters[i];
	snprintf(to, size, "%s at EL%d", n ? words : "an access", user ? 0 : 1);
}

/* Of stage 2 on the way, what an operation has taken and the tables no longer give: the walk may have gone that way. */
static const struct grave *grave_on_walk(struct judge *judge, unsigned pe, const struct used *used)
{
	for (unsigned i = 0; i < used->now->steps; i++) {
		const struct step *step = &used->now->step[i];
		struct translation key = { .stage = STAGE_2, .regime = EL10, .vmid = used->context->vmid };
		uint64_t out = step->outcome == MAPPED ? (step->leaf.out | (step->ipa & (step->leaf.size - 1))) & PAGE_MASK : 0;
		const struct grave *grave = grave_find(&judge->graves, pe, &key, step->ipa & PAGE_MASK, UNKNOWN_OUT, out);

		if (grave)
			return grave;
	}
	return NULL;
}

static void wrong_output(struct judge *judge, unsigned pe, const struct used *used, const struct event *use)
{
	struct report report = { .finding = MODEL_OUTPUT, .pe = pe, .now = used->now, .context = used->context, .use = *use,
				 .va = used->va, .rule = "D8.2, D8.17" };
	const struct grave *grave = grave_find(&judge->graves, pe, used->key, used->page, used->used, 0);
	const struct grave *on_walk = grave_on_walk(judge, pe, used), *also = NULL;
	char kind[24];

	say_kind(kind, sizeof(kind), used->kind, used->user);
	if (!grave || grave->entry.out == used->out)
		grave = on_walk;
	else
		also = on_walk;
	if (used->now->outcome == MAPPED)
		PRINT(report.must, "%s: output %#" PRIx64, kind, used->out);
	else
		PRINT(report.must, "%s: a fault, %s in stage %u, level %d", kind, outcome_text(used->now->outcome), used->now->stage,
		      used->now->leaf.level);
	if (grave) {
		report.finding = MODEL_STALE;
		report.entry = &grave->entry;
		report.tlbi = &grave->tlbi;
		report.rule = "R_TVTYQ, R_LGSCG, C5.5";
		if (also) /* which of the two was without effect cannot be told */
			report.near[report.near_count++] = (struct near){ &also->tlbi, 1u << STAGE_2_ON_WALK };
		PRINT(report.did, "used output %#" PRIx64 ", by a translation that a completed %s%s%s had taken", used->used,
		      grave->tlbi.op->name, also ? " or " : "", also ? also->tlbi.op->name : "");
	} else if ((report.entry = tlb_other(&judge->pe[pe].tlb, &judge->progress, used->key, used->page, used->used))) {
		PRINT(report.did, "used output %#" PRIx64 ", which is that of VMID %u, ASID %u, with VMID %u, ASID %u", used->used,
		      report.entry->extent.vmid, report.entry->extent.asid, used->key->vmid, used->key->asid);
	} else {
		PRINT(report.did, "used output %#" PRIx64 ", which neither the tables nor any entry give", used->used);
	}
	model_tell(judge, &report);
}

/* Hardware management of flags: the tables as they are behind the use. */
static void wrong_flags(struct judge *judge, unsigned pe, const struct used *used, const struct event *use)
{
	const char *flag = flag_not_written(used->context, used->now, used->kind);
	struct report report = { .finding = MODEL_FLAGS, .pe = pe, .now = used->now, .context = used->context, .use = *use,
				 .va = used->va, .rule = "D8.5, TCR_ELx.{HA,HD}, VTCR_EL2.{HA,HD}" };
	char kind[24];

	if (!flag)
		return;
	say_kind(kind, sizeof(kind), used->kind, used->user);
	PRINT(report.must, "%s sets %s", kind, flag);
	PRINT(report.did, "went to %#" PRIx64 " and left it", used->used);
	model_tell(judge, &report);
}

void model_used(struct judge *judge, unsigned pe, const struct used *used, const struct event *use)
{
	struct tlb *tlb = &judge->pe[pe].tlb;
	unsigned wanted = used->user ? used->kind << 3 : used->kind;
	struct expected expected;
	char kind[24];

	judge->counters.model_uses++;
	if (used->now->outcome == NO_MEMORY || used->now->outcome == BAD_SIZE)
		return;
	if (tlb_holds(tlb, &judge->progress, used->key, used->page, used->used, wanted) || used->differs)
		return; /* rule "held" */
	if (used->now->outcome != MAPPED || used->out != used->used) {
		wrong_output(judge, pe, used, use);
		return;
	}
	if (!used->kind)
		return;
	expected = expect(used->context, used->va, used->now, used->kind, used->user, false, false);
	if (expected.fault == NO_FAULT)
		wrong_flags(judge, pe, used, use);
	if (expected.fault == NO_FAULT || expected.fault == NOT_JUDGED)
		return;
	say_kind(kind, sizeof(kind), used->kind, used->user);
	struct report report = { .finding = MODEL_PERMISSION, .pe = pe, .now = used->now, .context = used->context, .use = *use,
				 .va = used->va, .rule = "D8.4" };
	PRINT(report.must, "%s: %s of stage %u, level %d%s", kind, fault_text[expected.fault], expected.stage, expected.level,
	      expected.on_walk ? ", on a walk of stage 1" : "");
	PRINT(report.did, "went to %#" PRIx64 " without a fault", used->used);
	model_tell(judge, &report);
}

static const char *const became_text[] = { [EXECUTED] = "executed", [UNDEFINED_AT_EL1] = "took it as UNDEFINED to EL1",
					 [TRAPPED] = "trapped to EL2" };
static const char *const fate_text[FATES] = {
	[EXECUTES] = "execute",		  [HIDDEN] = "be UNDEFINED: the feature is not there",
	[NOT_AT_EL1] = "be UNDEFINED below EL2", [BY_TTLB] = "trap by HCR_EL2.TTLB",
	[BY_TTLBIS] = "trap by HCR_EL2.TTLBIS",	 [BY_TTLBOS] = "trap by HCR_EL2.TTLBOS",
	[BY_HFGITR] = "trap by HFGITR_EL2",	 [BY_NV] = "trap by HCR_EL2.NV",
};

void model_tlbi(struct judge *judge, const struct tlbi *tlbi, unsigned rt, enum became became, uint64_t esr)
{
	enum fate fate = tlbi->state.el ? fate_of(tlbi->op, &tlbi->state) : NOT_AT_EL1;
	enum became must = is_trapped(fate) ? TRAPPED : is_undefined(fate) ? UNDEFINED_AT_EL1 : EXECUTED;
	uint64_t syndrome = must == TRAPPED ? syndrome_of(tlbi->op, rt) | ESR_IL : 0;
	struct report report = { .finding = MODEL_TRAP, .pe = tlbi->pe, .tlbi = tlbi, .rule = "D24.2.62, D24.2.71, C5.5",
				 .use = { .seq = judge->seq, .pc = tlbi->pc, .el = tlbi->state.el } };

	judge->counters.model_traps++;
	if (became == must && (must != TRAPPED || (esr & 0xffffffff) == syndrome))
		return;
	PRINT(report.must, "%s at EL%u must %s", tlbi->op->name, tlbi->state.el, fate_text[fate]);
	if (must == TRAPPED)
		report.esr_must = syndrome;
	PRINT(report.did, "%s with HCR_EL2 %#" PRIx64 ", HFGITR_EL2 %#" PRIx64, became_text[became], tlbi->state.hcr,
	      tlbi->state.hfgitr);
	report.esr_did = became == EXECUTED ? 0 : esr;
	report.esr_known = became != EXECUTED;
	model_tell(judge, &report);
}

void model_eret(struct judge *judge, unsigned pe, const struct eret *eret)
{
	struct report report = { .finding = MODEL_RETURN, .pe = pe, .use = { .seq = judge->seq, .pc = eret->pc, .el = eret->el } };

	judge->counters.model_returns++;
	if (eret->trap != eret->trapped) {
		report.rule = "HCR_EL2.NV, HFGITR_EL2.ERET";
		PRINT(report.must, "ERET at EL%u must %s", eret->el, eret->trap ? "trap to EL2" : "return");
		PRINT(report.did, "%s", eret->trapped ? "trapped to EL2" : "returned");
		report.esr_did = eret->esr;
		report.esr_known = eret->trapped;
	} else if (!eret->trap && (eret->to != eret->came || eret->to_el != eret->came_el)) {
		report.rule = "D1.4, ERET";
		PRINT(report.must, "ERET at EL%u leads to %#" PRIx64 " at EL%u", eret->el, eret->to, eret->to_el);
		PRINT(report.did, "came to %#" PRIx64 " at EL%u", eret->came, eret->came_el);
	} else {
		return;
	}
	model_tell(judge, &report);
}

void model_level(struct judge *judge, unsigned pe, uint64_t pc, uint8_t el, uint64_t hcr, uint64_t value)
{
	uint64_t must = (el == 1 && hcr & HCR_NV ? 2ull : el) << 2;
	struct report report = { .finding = MODEL_LEVEL, .pe = pe, .rule = "HCR_EL2.NV, CurrentEL",
				 .use = { .seq = judge->seq, .pc = pc, .el = el } };

	if (value == must)
		return;
	PRINT(report.must, "CurrentEL at EL%u with HCR_EL2 %#" PRIx64 " reads %#" PRIx64, el, hcr, must);
	PRINT(report.did, "read %#" PRIx64, value);
	model_tell(judge, &report);
}

void model_vncr(struct judge *judge, unsigned pe, uint64_t pc, uint64_t vncr, uint64_t va)
{
	struct report report = { .finding = MODEL_VNCR, .pe = pe, .va = va, .rule = "D8.14, VNCR_EL2",
				 .use = { .seq = judge->seq, .pc = pc, .el = 1 } };

	if (((va ^ vncr) & VNCR_EL2_BADDR) == 0)
		return;
	PRINT(report.must, "an access to the page %#" PRIx64, (uint64_t)(vncr & VNCR_EL2_BADDR));
	PRINT(report.did, "accessed %#" PRIx64, va);
	model_tell(judge, &report);
}
