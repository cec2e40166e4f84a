// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-tlbi: at L1 (or any level with nvh.ko), executes one TLBI operation through /dev/nvh.
 * Exit: 0 executed, 1 UNDEFINED at this level, 2 wrong usage, 3 no module, an ioctl error or another exception.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "number.h"
#include "nvh_uapi.h"
#include "tlbi_ops.h"

struct row {
	const char *name;
	int op1, crn, crm, op2, has_operand;
};

#define ROW(name, op1, crn, crm, op2, has_operand) { #name, op1, crn, crm, op2, has_operand },
#define ROW_X(...) ROW(__VA_ARGS__)
static const struct row rows[] = { TLBI_OPERATIONS(ROW_X) };

static int usage(void)
{
	fprintf(stderr, "usage: nvh-tlbi OP [--operand HEX] [--vmid N] [--e2h-tge guest|host] [--count N]\n"
			"                [--cpu N] [--settle US]\n"
			"       nvh-tlbi --list\n"
			"--e2h-tge guest clears HCR_EL2.TGE around the operation; default: guest for operations\n"
			"named E1 with op1=0, host otherwise; at EL1 there is neither.\n"
			"--settle: pause between trace event and operation, 500 by default, 0 for large counts.\n");
	return 2;
}

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcasecmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static void list(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		printf("%s op1=%d crn=%d crm=%d op2=%d operand=%d\n", rows[i].name, rows[i].op1, rows[i].crn,
		       rows[i].crm, rows[i].op2, rows[i].has_operand);
}

int main(int argc, char **argv)
{
	struct nvh_tlbi t = { .count = 1, .settle_us = 500 };
	const struct row *row;
	const char *context = NULL;
	uint64_t value;
	int fd;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		list();
		return 0;
	}
	if (argc < 2 || argc % 2)
		return usage();
	row = find(argv[1]);
	if (!row) {
		fprintf(stderr, "nvh-tlbi: unknown operation '%s'; see nvh-tlbi --list\n", argv[1]);
		return 2;
	}
	strcpy(t.op, row->name);
	for (int i = 2; i < argc; i += 2) {
		const char *key = argv[i], *text = argv[i + 1];

		if (!strcmp(key, "--operand") && number_parse(text, 16, 0, ~0ull, &value)) {
			t.operand = value;
		} else if (!strcmp(key, "--vmid") && number_parse(text, 0, 0, 0xffff, &value)) {
			t.vmid = (__u32)value;
			t.flags |= NVH_SET_VMID;
		} else if (!strcmp(key, "--e2h-tge") && (!strcmp(text, "guest") || !strcmp(text, "host"))) {
			context = text;
		} else if (!strcmp(key, "--count") && number_parse(text, 0, 1, 1000000, &value)) {
			t.count = (__u32)value;
		} else if (!strcmp(key, "--settle") && number_parse(text, 0, 0, NVH_SETTLE_MAX_US, &value)) {
			t.settle_us = (__u32)value;
		} else if (!strcmp(key, "--cpu") && number_parse(text, 0, 0, CPU_SETSIZE - 1, &value)) {
			cpu_set_t set;

			CPU_ZERO(&set);
			CPU_SET(value, &set);
			if (sched_setaffinity(0, sizeof(set), &set)) {
				fprintf(stderr, "nvh-tlbi: cpu %s: %s\n", text, strerror(errno));
				return 3;
			}
		} else {
			fprintf(stderr, "nvh-tlbi: bad option or value: %s %s\n", key, text);
			return usage();
		}
	}
	fd = open("/dev/nvh", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "nvh-tlbi: /dev/nvh: %s; load nvh.ko (insmod)\n", strerror(errno));
		return 3;
	}
	if (context ? !strcmp(context, "guest") : !row->op1)
		t.flags |= NVH_GUEST_CONTEXT;
	if (ioctl(fd, NVH_IOC_TLBI, &t)) {
		if (errno == EOPNOTSUPP && !context && !(t.flags & NVH_SET_VMID)) {
			t.flags = 0; /* a kernel at EL1 is in the guest context already */
			if (!ioctl(fd, NVH_IOC_TLBI, &t))
				goto done;
		}
		fprintf(stderr, "nvh-tlbi: %s: %s%s\n", t.op, strerror(errno),
			errno == EOPNOTSUPP ? " (--vmid and --e2h-tge need a kernel at EL2)" : "");
		return 3;
	}
done:
	printf("executed=%u op=%s operand=0x%016llx vmid=%u hcr=0x%llx el=%u undef=%u\n", t.executed, t.op,
	       (unsigned long long)t.operand, t.vmid, (unsigned long long)t.hcr, t.el, t.undef);
	if (t.raised) {
		fprintf(stderr, "nvh-tlbi: %s raised %u exceptions that do not say UNDEFINED, the last with esr=0x%llx\n", t.op,
			t.raised, (unsigned long long)t.esr);
		return 3;
	}
	return t.undef ? 1 : 0;
}
