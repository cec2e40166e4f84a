// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-kvm: runs at L1 (its guest is then an L2) or at L0. Changes the memory behind a running guest in
 * many ways and has the guest prove that it sees the change. One line of key=value words per case.
 *
 * Exit: 0 nothing stale and every positive control held; 1 stale, lost or foreign data; 2 usage;
 * 3 KVM, the guest or the machine failed; 4 a case could not be exercised; 75 the guest made no progress
 * within --timeout (reason= says why).
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "number.h"

static const struct test_case cases[] = {
	{ "memslot-remove", "delete the slot, add it again with other memory", case_memslot_remove },
	{ "memslot-move", "move a slot with other memory to the guest address", case_memslot_move },
	{ "dirty-log", "collect the dirty log under a running writer", case_dirty_log },
	{ "dirty-log-clear", "the same with KVM_CLEAR_DIRTY_LOG", case_dirty_log_clear },
	{ "unmap", "munmap, then new memory at the same host address", case_unmap },
	{ "remap", "mmap or mremap of other memory over the host address", case_remap },
	{ "dontneed", "MADV_DONTNEED: the guest must read zeroes", case_dontneed },
	{ "mprotect-ro", "read-only host mapping: guest writes must be refused", case_mprotect_ro },
	{ "thp-split", "split huge pages by partial MADV_DONTNEED and mprotect", case_thp_split },
	{ "thp-collapse", "split, then MADV_COLLAPSE", case_thp_collapse },
	{ "vmid-reuse", "many VMs with a secret each at the same guest address", case_vmid_reuse },
	{ "migrate", "remap while the vCPUs move between CPUs", case_migrate },
	{ "pattern", "change nothing: the guest writes, and finds what it wrote", case_pattern },
};

#define CASES (sizeof(cases) / sizeof(*cases))

static int usage(void)
{
	fprintf(stderr,
		"usage: nvh-kvm [--case NAME|all] [--iterations N] [--vcpus N] [--vms N] [--region-mib N]\n"
		"               [--seconds S] [--timeout S] [--rest-ms N] [--readers N] [--until FILE] [--self-test]\n"
		"       nvh-kvm --list\n"
		"       nvh-kvm --caps    what this kernel's KVM offers to a nested guest\n"
		"--seconds bounds each case (at least one iteration is made), --timeout each wait for the guest;\n"
		"pattern: between two checks the guest rests for --rest-ms, but for the last\n"
		"--readers vCPUs, which only read; the case ends when FILE is there;\n"
		"--self-test leaves the changes out and must report stale data and exit 1.\n");
	return EXIT_USAGE;
}

/* What the run consisted of, for the line population=... that the harness holds against its table. */
struct population {
	unsigned selected, run, by_status[EXIT_VACUOUS + 1], iterations, asked;
	uint64_t names; /* the sum of the FNV-1a hashes (RFC 9923) of the selected cases' names */
};

static uint64_t hash(const char *name)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	return h;
}

/* vCPUs and pages are of the cases too: fewer would check less under the same name. */
static void print_population(const struct population *p, const struct options *o)
{
	unsigned failed = p->by_status[EXIT_STALE] + p->by_status[EXIT_ENVIRONMENT];

	printf("population=nvh-kvm selected=%u run=%u cut=%u judged=%u passed=%u failed=%u vacuous=%u iterations=%u "
	       "asked=%u names=%016lx settings=vcpus-%u,pages-%zu,vms-%u\n",
	       p->selected, p->run, p->selected - p->run, p->by_status[EXIT_OK] + p->by_status[EXIT_STALE],
	       p->by_status[EXIT_OK], failed, p->by_status[EXIT_VACUOUS], p->iterations, p->asked, p->names, o->vcpus,
	       o->pages, o->vms);
}

static int run(const struct test_case *c, const struct options *o, struct population *p)
{
	struct result r = { 0 };
	bool judged = c->run(o, &r);
	bool bad = r.stale || r.other || r.lost;
	/* What was seen wrong counts even when the case then broke off. */
	int status = bad	? EXIT_STALE
		     : r.broken ? EXIT_ENVIRONMENT
		     : r.stalled ? EXIT_STALLED
		     : judged && r.control ? EXIT_OK : EXIT_VACUOUS;

	printf("case=%s vcpus=%u pages=%zu iterations=%u accesses=%lu control=%lu stale=%lu other=%lu lost=%lu "
	       "faults=%lu mmio=%lu%s ok=%d",
	       c->name, o->vcpus, o->pages, r.iterations, r.accesses, r.control, r.stale, r.other, r.lost, r.faults,
	       r.mmio, r.extra, status == EXIT_OK);
	if (r.reason[0])
		printf(" reason=\"%s\"", r.reason);
	putchar('\n');
	fflush(stdout);
	p->run++;
	p->by_status[status]++;
	p->iterations += r.iterations;
	p->asked += o->iterations;
	return status;
}

/* Found staleness outranks a broken machine, that a guest too slow, and that a case not exercised. */
static int worse(int a, int b)
{
	static const int rank[] = {
		[EXIT_OK] = 0, [EXIT_VACUOUS] = 1, [EXIT_STALLED] = 2, [EXIT_ENVIRONMENT] = 3, [EXIT_STALE] = 4,
	};

	return rank[b] > rank[a] ? b : a;
}

int main(int argc, char **argv)
{
	struct options o = { .iterations = 8, .vcpus = 2, .vms = 8, .timeout_s = 60 };
	struct population p = { 0 };
	const char *name = "all";
	unsigned mib = 2, failed = 0, done = 0;
	int status = EXIT_OK;

	for (int i = 1; i < argc; i++) {
		const char *key = argv[i], *text = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(key, "--list") && argc == 2) {
			for (size_t c = 0; c < CASES; c++)
				printf("%s: %s\n", cases[c].name, cases[c].about);
			return EXIT_OK;
		}
		if (!strcmp(key, "--caps") && argc == 2)
			return kvm_print_caps();
		if (!strcmp(key, "--self-test")) {
			o.self_test = true;
			continue;
		}
		if (!strcmp(key, "--case") && *text)
			name = text;
		else if (!strcmp(key, "--until") && *text)
			o.until = text;
		else if (!(!strcmp(key, "--region-mib") && number_unsigned(text, 1, PAGES_MAX / 256, &mib)) &&
			 !(!strcmp(key, "--iterations") && number_unsigned(text, 1, 1000000, &o.iterations)) &&
			 !(!strcmp(key, "--vcpus") && number_unsigned(text, 1, VCPUS_MAX, &o.vcpus)) &&
			 !(!strcmp(key, "--vms") && number_unsigned(text, 2, 256, &o.vms)) &&
			 !(!strcmp(key, "--readers") && number_unsigned(text, 0, VCPUS_MAX - 1, &o.readers)) &&
			 !(!strcmp(key, "--rest-ms") && number_unsigned(text, 0, 60000, &o.rest_ms)) &&
			 !(!strcmp(key, "--seconds") && number_unsigned(text, 1, 86400, &o.seconds)) &&
			 !(!strcmp(key, "--timeout") && number_unsigned(text, 1, 3600, &o.timeout_s))) {
			fprintf(stderr, "nvh-kvm: bad option or value: %s %s\n", key, text);
			return usage();
		}
		i++;
	}
	if (o.readers >= o.vcpus) {
		fprintf(stderr, "nvh-kvm: no vCPU is left that writes\n");
		return usage();
	}
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	o.pages = ((size_t)mib << 20) / page_size;
	/*
	 * The vCPU threads spin on every CPU: this one must wake at once, not at their next tick. They
	 * themselves stay ordinary (RESET_ON_FORK). Without the privilege it is only slower.
	 */
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &(struct sched_param){ .sched_priority = 1 });
	for (size_t c = 0; c < CASES; c++) {
		int one;

		if (strcmp(name, "all") && strcmp(name, cases[c].name))
			continue;
		if (!done++ && kvm_open() < 0)
			return EXIT_ENVIRONMENT;
		p.selected++;
		p.names += hash(cases[c].name);
		one = run(&cases[c], &o, &p);
		failed += one != EXIT_OK;
		status = worse(status, one);
	}
	if (!done) {
		fprintf(stderr, "nvh-kvm: unknown case '%s'; see nvh-kvm --list\n", name);
		return EXIT_USAGE;
	}
	print_population(&p, &o);
	printf("cases=%u failed=%u ok=%d\n", done, failed, status == EXIT_OK);
	return status;
}
