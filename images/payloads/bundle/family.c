// SPDX-License-Identifier: GPL-2.0-only
/* One family as a KTAP subtest: nvh-litmus runs its cases, and each of its lines becomes a diagnostic and a result. */
#include "bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_FILE "/proc/self/fd/0"
#define REAP_S 120

struct running {
	const struct family *family;
	size_t next; /* the case that is to come */
	struct counts counts;
	char population[LINE_MOST];
};

static void count(struct running *r, const char *result)
{
	if (!strncmp(result, "not ok", 6))
		r->counts.failed++;
	else if (strstr(result, " # SKIP "))
		r->counts.skipped++;
	else
		r->counts.passed++;
}

static void result(struct running *r, bool ok, const char *note)
{
	char line[LINE_MOST];

	snprintf(line, sizeof(line), "%s %zu %s%s", ok ? "ok" : "not ok", r->next + 1, r->family->names[r->next], note);
	ktap_line(1, "%s", line);
	count(r, line);
	r->next++;
}

/* The value of ` key=` in a line of nvh-litmus: a word, or for the last key what is left. */
static void value(const char *line, const char *key, bool rest, char *out, size_t size)
{
	const char *at = strstr(line, key);
	size_t length;

	*out = 0;
	if (!at)
		return;
	at += strlen(key);
	length = rest ? strlen(at) : strcspn(at, " ");
	snprintf(out, size, "%.*s", (int)length, at);
}

static void ended(struct running *r, const char *line)
{
	char verdict[32], control[32], why[512], note[600] = "";

	value(line, " verdict=", false, verdict, sizeof(verdict));
	value(line, " control=", false, control, sizeof(control));
	value(line, " why=", true, why, sizeof(why));
	ktap_tag(1, "case %zu %s", r->next + 1, line);
	if (!strcmp(verdict, "pass")) {
		result(r, true, strcmp(control, "not-observable") ? "" : " # not-observable");
	} else if (!strcmp(verdict, "not-applicable")) {
		snprintf(note, sizeof(note), " # SKIP %s", why);
		result(r, true, note);
	} else if (!strcmp(verdict, "vacuous")) {
		result(r, true, " # SKIP vacuous, the control was lost");
	} else if (!strcmp(verdict, "unable-to-fail")) {
		result(r, true, " # SKIP unable to fail on this machine");
	} else {
		snprintf(note, sizeof(note), " # %s", verdict);
		result(r, false, note);
	}
}

static void lost(struct running *r, const char *why)
{
	ktap_tag(1, "lost %zu case=%s why=%s", r->next + 1, r->family->names[r->next], why);
	result(r, false, " # did not end");
}

static void take(void *context, bool error, const char *text)
{
	struct running *r = context;
	char name[128];
	size_t at = r->next;

	if (!error && !strncmp(text, "population=", 11)) {
		snprintf(r->population, sizeof(r->population), "%s", text);
		return;
	}
	if (error || strncmp(text, "case=", 5)) {
		if (error || strncmp(text, "cases=", 6)) /* the last line says nothing that the others do not */
			ktap_tag(1, "said %s", text);
		return;
	}
	value(text, "case=", false, name, sizeof(name));
	while (at < r->family->count && strcmp(r->family->names[at], name))
		at++;
	if (at == r->family->count || !strstr(text, " verdict=") || !strstr(text, " ns=")) {
		ktap_tag(1, "said an unexpected case: %s", text);
		return;
	}
	while (r->next < at)
		lost(r, "another case came instead");
	ended(r, text);
}

static int run(struct running *r, const struct options *o, const char *litmus, double left)
{
	char seconds[16], pressure[16];
	char *words[16] = { (char *)litmus, "--case", "*", "--case", "provoke*", "--cases", NAMES_FILE, "--leave" };
	unsigned used = 8;
	size_t size;
	char *text = select_text(r->family, &size);
	int status;

	if (o->seconds) {
		snprintf(seconds, sizeof(seconds), "%u", (unsigned)left + 1);
		words[used++] = "--seconds";
		words[used++] = seconds;
	}
	if (o->pressure) {
		snprintf(pressure, sizeof(pressure), "%u", o->pressure);
		words[used++] = "--pressure";
		words[used++] = pressure;
	}
	if (o->self_test && strcmp(o->self_test, "0"))
		words[used++] = "--self-test";
	if (o->self_test && !strcmp(o->self_test, "exit"))
		words[used++] = "--keep-exit";
	words[used] = NULL;
	status = child_run(words, text, size, o->patience, take, r);
	free(text);
	return status;
}

void family_run(const struct family *f, unsigned number, const struct options *o, const char *litmus, double deadline,
		bool last, struct counts *total)
{
	struct running r = { .family = f };
	double left = deadline - now();
	char why[64];
	int status = 0;

	ktap_line(1, "KTAP version 1");
	ktap_line(1, "# Subtest: %s", f->name);
	ktap_tag(1, "family %u name=%s cases=%zu names=%016lx", number, f->name, f->count, (unsigned long)f->hash);
	ktap_line(1, "1..%zu", f->count);
	if (!o->seconds || left > 0)
		status = run(&r, o, litmus, left);
	snprintf(why, sizeof(why), "nvh-litmus ended with status %d", status);
	while (r.next < f->count) {
		if (o->seconds && status < 2) {
			ktap_tag(1, "cut %zu case=%s", r.next + 1, f->names[r.next]);
			result(&r, true, " # SKIP not run, the time was up");
		} else {
			lost(&r, why);
		}
	}
	child_reap(last ? REAP_S : 0); /* VMs end beside what comes next; the last ones before the machine goes off */
	kernel_tell(1);
	if (*r.population)
		ktap_tag(1, "population %s", r.population);
	ktap_tag(1, "family-end %u status=%d", number, status);
	ktap_line(0, "%s %u %s%s", r.counts.failed ? "not ok" : "ok", number, f->name,
		  r.counts.failed || r.counts.passed ? "" : " # SKIP no case passed or failed");
	total->passed += r.counts.passed;
	total->failed += r.counts.failed;
	total->skipped += r.counts.skipped;
}
