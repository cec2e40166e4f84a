/* SPDX-License-Identifier: GPL-2.0-only */
/* A program as text: what is put together of it, the words of a line, and the step that it becomes. A false leaves t->error. */
#ifndef NVH_LITMUS_HOST_TEXT_WORDS_H
#define NVH_LITMUS_HOST_TEXT_WORDS_H

#include "host/case.h"

#define WORDS_MAX 24
#define WATCHES_MAX 192
#define NOBODY 0xff

/* A step with an observation, and the line that it came from. */
struct watch {
	uint8_t cpu;
	uint16_t step;
	unsigned line;
	uint64_t at; /* the VA of the access: FAR_EL2 or FAR_EL1 has to be it; 0: not looked at */
	const char *allowed; /* `|` between tokens; NULL: nothing is said about it */
	bool attributes; /* of PAR_EL1: ATTR and SH, too */
};

struct text {
	struct litmus litmus; /* what is put together; its probes are not used */
	char name[64], world[32]; /* programs of one world share a VM */
	struct config config;
	struct operation needs; /* what L1 must have for it: needs_os, needs_range, nxs */
	uint8_t needs_more; /* and of its contexts: enum context_need, a bit each */
	uint16_t declared; /* contexts, a bit each */
	bool fresh; /* in a VM of its own */
	unsigned pressure; /* pages; guest/pressure.c */
	bool loose; /* all of it, as STEP_LOOSE says */
	unsigned cpu, turns; /* whose the next step is; how often that has changed */
	uint8_t spinning[CPUS_MAX];
	uint64_t frames[FRAMES_MAX];
	unsigned frame_count;
	struct watch watch[WATCHES_MAX];
	unsigned watches;
	char error[200]; /* of a line that is not understood */
};

/* Features that contexts need, by the words of docs/programs.md: bits. */
enum context_need { CONTEXT_HA = 1, CONTEXT_HD = 2, CONTEXT_S1_DS = 4, CONTEXT_S2_DS = 8, CONTEXT_FWB = 16 };

/* A line without its comment and observation; words[0] is the verb. */
struct line {
	unsigned number;
	char **words;
	unsigned count;
	const char *allowed; /* see struct watch */
};

/* The first error of a line counts. Always false. */
bool text_wrong(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool text_number(struct text *t, const char *word, uint64_t *out);
bool text_below(struct text *t, const char *word, uint64_t limit, uint64_t *out);
/* A context that a line before has declared: without tables L2 would run at address 0. */
bool text_declared(struct text *t, const char *word, uint64_t *ctx);
/* The value of `name=value`, or NULL when the word is another one. */
const char *text_value(const char *word, const char *name);
/* log2 of the page size, or 0. */
unsigned text_granule(const char *word);

struct step *text_step(struct text *t, unsigned cpu, enum step_kind kind);
/* The last step of `cpu` is observed. `at`: see struct watch. */
void text_watch(struct text *t, unsigned cpu, const struct line *line, uint64_t at);

#endif
