// SPDX-License-Identifier: GPL-2.0-only
/* nvh-bundle: what to run, on what, and the frame of the log. */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 600 /* nvh-litmus itself gives a case up after 240 s */
#define FORMAT 1

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void plain_word(char *text, size_t size)
{
	text[strcspn(text, "\r\n")] = 0;
	for (char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '_';
	if (!*text)
		snprintf(text, size, "-");
}

static void read_word(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
	plain_word(out, size);
}

/* The machine by ACPI's tables or by the device tree. */
static void machine_word(char *out, size_t size)
{
	read_word("/sys/class/dmi/id/product_name", out, size);
	if (!strcmp(out, "-"))
		read_word("/proc/device-tree/model", out, size);
}

static bool parse(struct options *o, int argc, char **argv, bool init, char *why, size_t size)
{
	static char line[8192];
	int fd, n = 0;

	for (int i = 1; !init && i < argc; i++) {
		if (strncmp(argv[i], "--", 2)) {
			snprintf(why, size, "'%s' is no option", argv[i]);
			return false;
		}
		if (!options_word(o, argv[i] + 2, why, size))
			return false;
	}
	if (!init)
		return true;
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : (int)read(fd, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = 0;
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		if (!strncmp(word, "nvh.", 4) && !options_word(o, word + 4, why, size))
			return false;
	return true;
}

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static void begin(const struct options *o, const struct selection *s, const char *id, bool init)
{
	char machine[128], midr[32];
	struct utsname u;

	uname(&u);
	plain_word(u.release, sizeof(u.release));
	machine_word(machine, sizeof(machine));
	read_word("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1", midr, sizeof(midr));
	ktap_begin(id);
	if (write(STDOUT_FILENO, "\n", 1) < 0) /* whatever left the cursor in mid-line */
		return;
	ktap_line(0, "KTAP version 1");
	ktap_tag(0, "begin format=%d bundle=%s run=%s mode=%s list=%s cases=%s skip=%s cpus=%u seconds=%u self-test=%s "
		    "selected=%zu names=%016lx families=%zu kernel=%s machine=%s midr=%s",
		 FORMAT, id, ktap_run, init ? "boot" : "tree", or_none(o->list), or_none(o->cases), or_none(o->skip), o->cpus,
		 o->seconds, o->self_test ? o->self_test : "0", s->cases, (unsigned long)s->hash, s->count, u.release, machine, midr);
}

static void ignore(void *context, bool error, const char *text)
{
	if (error)
		snprintf(context, 256, "%s", text);
}

/* Why no case can run; empty when they can. */
static void refusal(const char *litmus, unsigned patience, char *why, size_t size)
{
	char *const words[] = { (char *)litmus, "--features", NULL };
	char said[256] = "";
	int status;

	*why = 0;
	status = child_run(words, "", 0, patience, ignore, said);
	if (status && access("/dev/kvm", R_OK | W_OK))
		snprintf(why, size, "/dev/kvm cannot be used: %s", strerror(errno));
	else if (status)
		snprintf(why, size, "%s (nvh-litmus --features: status %d)", *said ? said : "nvh-litmus does not answer", status);
}

static int run(struct options *o, const char *directory, bool init)
{
	char id[32], path[PATH_MAX + 16], litmus[PATH_MAX + 16], why[512];
	struct selection s = { 0 };
	struct counts total = { 0 };
	double start = now();
	int status;

	snprintf(path, sizeof(path), "%s/id", directory);
	read_word(path, id, sizeof(id));
	snprintf(litmus, sizeof(litmus), "%s/nvh-litmus", directory);
	if (!o->list && !o->cases)
		o->list = "default";
	if (!select_cases(o, directory, &s, why, sizeof(why))) {
		printf("Bail out! nvh-bundle: %s\n", why);
		fflush(stdout);
		return EXIT_WRONG;
	}
	begin(o, &s, id, init);
	refusal(litmus, o->patience, why, sizeof(why));
	if (*why) {
		ktap_tidy(why);
		ktap_tag(0, "refused %s", why);
		ktap_line(0, "1..0 # SKIP %s", why);
		ktap_end(0, 0, 0, 0, EXIT_SKIPPED, now() - start);
		return EXIT_SKIPPED;
	}
	ktap_line(0, "1..%zu", s.count);
	kernel_open(init);
	for (size_t i = 0; i < s.count; i++) {
		select_order(&s.families[i], litmus, o->patience);
		family_run(&s.families[i], (unsigned)i + 1, o, litmus, start + o->seconds, i + 1 == s.count, &total);
	}
	status = total.failed ? EXIT_FAILED : total.passed ? EXIT_PASSED : EXIT_SKIPPED;
	ktap_end((unsigned)s.count, total.passed, total.failed, total.skipped, status, now() - start);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = { .patience = PATIENCE_S };
	bool init = getpid() == 1;
	char why[256], self[PATH_MAX] = "/nvh/nvh-bundle";
	int status;

	if (init)
		init_mount();
	else if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return EXIT_WRONG;
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (parse(&o, argc, argv, init, why, sizeof(why))) {
		if (init)
			init_console(o.console);
		status = run(&o, dirname(self), init);
	} else {
		if (init)
			init_console(o.console);
		printf("Bail out! nvh-bundle: %s\n%s", why, init ? "" : options_usage);
		fflush(stdout);
		status = EXIT_WRONG;
	}
	if (init)
		init_off(o.off);
	return status;
}
