/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nvh-bundle: runs litmus cases where nvh is not and prints KTAP (docs/anywhere.md). It is PID 1 of a bundle's initrd, or
 * an ordinary program beside nvh-litmus on a running arm64 host. harness/ktap reads what it prints.
 */
#ifndef NVH_BUNDLE_H
#define NVH_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* kselftest's exit statuses; and that of wrong use. */
enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_WRONG = 2, EXIT_SKIPPED = 4 };

#define LINE_MOST 3072 /* bytes of a line that a program prints; harness/ktap reads lines of 4096 */
#define SIGNALLED 256  /* a status above: the program ended by this signal less it */

struct options {
	char *cases, *skip; /* globs, with commas between them; NULL: all, none */
	char *list;	    /* a file of lists/, or NULL */
	char *console, *off;
	unsigned cpus, seconds, patience;
	unsigned pressure;
	char *self_test; /* "0"; "1": without the operation; "exit": but with its exit to L0; NULL: "0" */
};

/* Words of a command line, `nvh.KEY=VALUE` of the kernel's or `--KEY=VALUE`. False: `why` says what is wrong. */
bool options_word(struct options *o, const char *word, char *why, size_t size);
extern const char options_usage[];

/* ktap.c: every line of ours, on stdout. */
void ktap_begin(const char *bundle);
extern const char *ktap_run; /* the run's own number */
/* What programs and the kernel say may hold anything: a line has printable ASCII only, and no space at its end. */
void ktap_tidy(char *text);
void ktap_line(unsigned depth, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ktap_tag(unsigned depth, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ktap_end(unsigned families, unsigned passed, unsigned failed, unsigned skipped, int status, double seconds);

/* child.c */
typedef void child_line(void *context, bool error, const char *text);
/*
 * Runs a program to its end, with `input` on its stdin, and hands out each line of its stdout and stderr. Returns its
 * status, or SIGNALLED + signal. One that prints nothing for `patience` seconds is killed, with its process group.
 */
int child_run(char *const argv[], const char *input, size_t size, unsigned patience, child_line *line, void *context);
/* Waits for what programs left running, at most so many seconds. */
void child_reap(unsigned seconds);

/* select.c */
struct family {
	char *name;
	char **names; /* of cases, in the order in which they will run */
	size_t count;
	uint64_t hash; /* the sum of the FNV-1a hashes of the names */
};

struct selection {
	struct family *families;
	size_t count, cases;
	uint64_t hash;
};

/* False: `why` says why. */
bool select_cases(const struct options *o, const char *directory, struct selection *s, char *why, size_t size);
/* The names of a family, one a line, for `nvh-litmus --cases`; to be freed. */
char *select_text(const struct family *f, size_t *size);
void select_order(struct family *f, const char *litmus, unsigned patience);

/* family.c */
struct counts {
	unsigned passed, failed, skipped;
};

void family_run(const struct family *f, unsigned number, const struct options *o, const char *litmus, double deadline,
		bool last, struct counts *total);

/* kernel.c: what the kernel says meanwhile, warnings and worse. */
void kernel_open(bool from_start);
void kernel_tell(unsigned depth);

/* init.c: as PID 1. */
void init_mount(void);
void init_console(const char *name);
void init_off(const char *how);

double now(void);
/* A word for a line: printable ASCII without spaces; `-` for nothing. */
void plain_word(char *text, size_t size);

#endif
