// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->at, text->left, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= text->left) {
		text->left = 0;
		return;
	}
	text->at += length;
	text->left -= (size_t)length;
}

static void add_event(struct text *text, const char *name, const struct event *event)
{
	add(text, ",\"%s\":{\"seq\":%llu,\"pc\":\"%#llx\",\"el\":%u}", name, (unsigned long long)event->seq,
	    (unsigned long long)event->pc, event->el);
}

static void add_perms(struct text *text, const char *name, unsigned perms)
{
	static const char letters[] = "rwxRWX";

	add(text, ",\"%s\":\"", name);
	for (unsigned i = 0; i < 6; i++)
		if (perms >> i & 1)
			add(text, "%c", letters[i]);
	add(text, "\"");
}

static void add_hex(struct text *text, const char *name, uint64_t value)
{
	add(text, ",\"%s\":\"%#llx\"", name, (unsigned long long)value);
}

static void add_entry(struct text *text, const struct entry *entry)
{
	const struct translation *extent = &entry->extent;

	add(text, ",\"entry\":{\"kind\":\"%s\",\"regime\":\"%s\",\"vmid\":%u,\"asid\":%u,\"global\":%s,\"level\":%d",
	    extent->stage == STAGE_2 ? "stage2" : "combined", extent->regime == EL2 ? "el2" : "el1&0", extent->vmid,
	    extent->asid, extent->global ? "true" : "false", extent->level);
	add_hex(text, "page", entry->page);
	add_hex(text, "ipa", entry->ipa);
	add_hex(text, "out", entry->out);
	add_hex(text, "start", extent->start);
	add_hex(text, "size", extent->size);
	add_perms(text, "perms", entry->perms);
	for (int stage = 0; stage < 2; stage++)
		if (entry->where[stage]) {
			add_hex(text, stage ? "where2" : "where1", entry->where[stage]);
			add_hex(text, stage ? "descriptor2" : "descriptor1", entry->value[stage]);
		}
	add_hex(text, "root1", entry->roots[0]);
	add_hex(text, "root2", entry->roots[1]);
	add_event(text, "filled", &entry->filled);
	add(text, "}");
}

static void add_walk(struct text *text, const struct walk *walk, const struct entry *entry)
{
	const struct leaf *leaf = &walk->leaf;
	unsigned perms = walk->perms;
	uint64_t out = walk->pa;
	enum outcome outcome = walk->outcome;

	for (unsigned i = 0; entry && i < walk->steps; i++) {
		const struct step *step = &walk->step[i];

		if (entry->extent.stage != STAGE_2 || step->ipa != entry->page)
			continue;
		leaf = &step->leaf;
		perms = leaf->perms;
		out = leaf->out | (step->ipa & (leaf->size - 1));
		outcome = step->outcome;
	}
	add(text, ",\"now\":{\"outcome\":\"%s\",\"stage\":%u,\"level\":%d", outcome_text(outcome), walk->stage,
	    leaf->level);
	add_hex(text, "out", outcome == MAPPED ? out & PAGE_MASK : 0);
	add_hex(text, "ipa", entry && entry->extent.stage == STAGE_2 ? entry->page : walk->ipa);
	add_perms(text, "perms", perms);
	add_hex(text, "where", leaf->where);
	add_hex(text, "descriptor", leaf->value);
	if ((!entry || entry->extent.stage == COMBINED) && walk->steps) {
		const struct leaf *second = &walk->step[walk->steps - 1].leaf;

		add_hex(text, "where2", second->where);
		add_hex(text, "descriptor2", second->value);
	}
	add(text, "}");
}

static void add_tlbi(struct text *text, const struct tlbi *tlbi)
{
	static const char *const scopes[] = { "local", "is", "os" };

	add(text, "{\"op\":\"%s\",\"seq\":%llu,\"pe\":%u,\"el\":%u,\"vmid\":%u,\"scope\":\"%s\"", tlbi->op->name,
	    (unsigned long long)tlbi->seq, tlbi->pe, tlbi->state.el, tlbi->state.vmid, scopes[tlbi->scope]);
	add_hex(text, "xt", tlbi->xt);
	add_hex(text, "pc", tlbi->pc);
}

static void add_misses(struct text *text, uint32_t misses)
{
	bool more = false;

	for (unsigned miss = 0; miss <= STAGE_2_ON_WALK; miss++)
		if (misses & 1u << miss) {
			add(text, "%s%s", more ? ", and " : "",
			    miss == STAGE_2_ON_WALK ? "it had taken stage 2 of a table of stage 1, and is complete" :
			    miss == NOT_COMPLETE    ? "it covers it, but no DSB of that PE has completed it" :
						      miss_text[miss]);
			more = true;
		}
}

static void add_model(struct text *text, const struct report *report)
{
	add(text, ",\"must\":\"%s\",\"did\":\"%s\",\"rule\":\"%s\"", report->must, report->did, report->rule);
	if (report->esr_must)
		add_hex(text, "esr_must", report->esr_must);
	if (report->esr_known)
		add_hex(text, "esr_did", report->esr_did);
	if (report->word)
		add_hex(text, "word", report->word);
}

size_t report_json(const struct report *report, char line[REPORT_SIZE])
{
	struct text text = { line, REPORT_SIZE };

	add(&text, "{\"finding\":\"%s\",\"pe\":%u,\"program\":%llu", finding_name[report->finding], report->pe,
	    (unsigned long long)report->use.program);
	add_hex(&text, "va", report->va);
	add_event(&text, "use", &report->use);
	if (report->context) {
		add_hex(&text, "hcr", report->context->hcr);
		add_hex(&text, "vttbr", report->context->vttbr);
	}
	if (report->entry)
		add_entry(&text, report->entry);
	if (report->now)
		add_walk(&text, report->now, report->entry);
	if (report->tlbi) {
		add(&text, ",\"tlbi\":");
		add_tlbi(&text, report->tlbi);
		add(&text, "}");
	}
	if (report->finding >= MODEL_FIRST)
		add_model(&text, report);
	add(&text, ",\"near\":[");
	for (unsigned i = 0; i < report->near_count; i++) {
		add(&text, i ? "," : "");
		add_tlbi(&text, report->near[i].tlbi);
		add(&text, ",\"why\":\"");
		add_misses(&text, report->near[i].misses);
		add(&text, "\"%s}", report->far ? ",\"far\":true" : "");
	}
	add(&text, "]}\n");
	return text.left ? (size_t)(text.at - line) : 0;
}
