/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs as text (docs/hunt.md): one action a line, and what may be observed of it. */
#ifndef NVH_LITMUS_HOST_TEXT_H
#define NVH_LITMUS_HOST_TEXT_H

#include "host/case.h"

#define WORDS_MAX 24
#define WATCHES_MAX 192
#define NOBODY 0xff

/* A step with an observation, and the line that it came from. */
struct watch {
	uint8_t cpu;
	uint16_t step;
	unsigned line;
	uint64_t at;	     /* the VA of the access: FAR_EL2 or FAR_EL1 has to be it; 0: not looked at */
	const char *allowed; /* `|` between tokens; NULL: nothing is said about it */
};

struct text {
	struct litmus litmus; /* what is put together; its probes are not used */
	char name[64], world[32]; /* programs of one world share a VM */
	struct config config;
	struct operation needs;	 /* what L1 must have for it: needs_os, needs_range, nxs */
	bool needs_ha;		 /* and FEAT_HAFDBS */
	uint16_t declared;	 /* contexts, a bit each */
	bool fresh;		 /* in a VM of its own */
	unsigned pressure;	 /* pages; guest/pressure.c */
	bool loose;		 /* all of it, as STEP_LOOSE says */
	unsigned cpu, turns;	 /* whose the next step is; how often that has changed */
	uint8_t spinning[CPUS_MAX];
	uint64_t frames[FRAMES_MAX];
	unsigned frame_count;
	struct watch watch[WATCHES_MAX];
	unsigned watches;
	char error[200]; /* of a line that is not understood */
};

/* The line of a program, cut into words; `line` is its number. False: t->error says why. */
bool text_begin(struct text *t, char **words, unsigned count);
bool text_line(struct text *t, struct vm *vm, unsigned line, char **words, unsigned count, const char *allowed);
/* Between text_begin() and the first text_line(). */
void text_start(struct text *t, struct vm *vm);

#endif
