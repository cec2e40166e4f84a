// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-migrate: at L0 (or L1), keeps moving the threads named "CPU n/KVM" of a VMM between CPUs, and
 * restores their affinity at the end. Exit: 0 moved, 1 no thread could be moved, 2 usage, 3 an error.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "number.h"

#define THREADS_MAX 64
#define CPUS_MAX 64

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: nvh-migrate PID --seconds S --cpus A,B[,...] [--every-ms N]\n");
	return 2;
}

static bool is_vcpu(const char *pid, const char *tid)
{
	char path[320], name[32] = "";
	int index, length = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/comm", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = 0;
	fclose(file);
	return sscanf(name, "CPU %d/KVM%n", &index, &length) == 1 && length;
}

static int find_vcpus(const char *pid, int *tids)
{
	char path[64];
	unsigned tid;
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (n < THREADS_MAX && (entry = readdir(dir)))
		if (number_unsigned(entry->d_name, 1, INT_MAX, &tid) && is_vcpu(pid, entry->d_name))
			tids[n++] = (int)tid;
	closedir(dir);
	return n;
}

static int read_cpus(char *text, int *cpus)
{
	int n = 0;

	for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		unsigned cpu;

		if (n == CPUS_MAX || !number_unsigned(word, 0, CPU_SETSIZE - 1, &cpu))
			return -1;
		cpus[n++] = (int)cpu;
	}
	return n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int tids[THREADS_MAX], cpus[CPUS_MAX], threads, n = 0;
	cpu_set_t before[THREADS_MAX];
	unsigned long moves = 0, refused = 0;
	unsigned pid, every_ms = 5, seconds = 0;
	double end;

	if (argc < 2 || argc % 2 || !number_unsigned(argv[1], 1, INT_MAX, &pid))
		return usage();
	for (int i = 2; i < argc; i += 2) {
		if (!strcmp(argv[i], "--cpus"))
			n = read_cpus(argv[i + 1], cpus);
		else if (!(!strcmp(argv[i], "--seconds") && number_unsigned(argv[i + 1], 1, 86400, &seconds)) &&
			 !(!strcmp(argv[i], "--every-ms") && number_unsigned(argv[i + 1], 1, 60000, &every_ms)))
			return usage();
	}
	if (!seconds || n < 2)
		return usage();
	threads = find_vcpus(argv[1], tids);
	if (threads <= 0) {
		fprintf(stderr, "nvh-migrate: process %s has no thread named \"CPU n/KVM\"\n", argv[1]);
		return 3;
	}
	for (int i = 0; i < threads; i++)
		if (sched_getaffinity(tids[i], sizeof(before[i]), &before[i])) {
			fprintf(stderr, "nvh-migrate: thread %d: %s\n", tids[i], strerror(errno));
			return 3;
		}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	end = now() + seconds;
	for (int step = 0; now() < end && !stop; step++) {
		for (int i = 0; i < threads; i++) {
			cpu_set_t one;

			CPU_ZERO(&one);
			CPU_SET(cpus[(step + i) % n], &one);
			if (sched_setaffinity(tids[i], sizeof(one), &one))
				refused++;
			else
				moves++;
		}
		usleep(every_ms * 1000);
	}
	for (int i = 0; i < threads; i++)
		sched_setaffinity(tids[i], sizeof(before[i]), &before[i]);
	printf("threads=%d moves=%lu refused=%lu\n", threads, moves, refused);
	return moves ? 0 : 1;
}
