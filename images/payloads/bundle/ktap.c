// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lines of the log. Ours are diagnostics with a checksum, CRC-32 over "BUNDLE RUN TEXT"; the last one has the sum of
 * all lines before it. harness/ktap/log.py renders the same and compares.
 */
#include "bundle.h"
#include "crc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define INDENT 2

const char *ktap_run;
static const char *bundle;
static char run_word[9];
static unsigned lines;
static uint32_t sum = ~0u;

/* The whole line at once, so that what others print on the console comes between lines where it can. */
static void put(unsigned depth, const char *text)
{
	char line[LINE_MOST + 512];
	int size = snprintf(line, sizeof(line), "%*s%s\n", (int)(depth * INDENT), "", text);

	sum = crc_add(sum, line + depth * INDENT, (size_t)size - depth * INDENT);
	lines++;
	for (int done = 0; done < size;) {
		ssize_t n = write(STDOUT_FILENO, line + done, (size_t)(size - done));

		if (n <= 0)
			break; /* nobody listens: the log will be cut, and says so */
		done += (int)n;
	}
}

void ktap_begin(const char *id)
{
	uint32_t number = 0;
	struct timespec real, since;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
		clock_gettime(CLOCK_REALTIME, &real);
		clock_gettime(CLOCK_MONOTONIC, &since);
		number = (uint32_t)(real.tv_sec * 1000003 ^ real.tv_nsec ^ since.tv_nsec << 7 ^ getpid());
	}
	snprintf(run_word, sizeof(run_word), "%08x", number);
	ktap_run = run_word;
	bundle = id;
}

void ktap_line(unsigned depth, const char *format, ...)
{
	char text[LINE_MOST + 256];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	put(depth, text);
}

void ktap_tidy(char *text)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = text[i] == '\t' ? ' ' : '?';
	while (size && text[size - 1] == ' ')
		text[--size] = 0;
}

void ktap_tag(unsigned depth, const char *format, ...)
{
	char text[LINE_MOST], whole[LINE_MOST + 64];
	uint32_t crc;
	va_list list;
	int used;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	ktap_tidy(text);
	used = snprintf(whole, sizeof(whole), "%s %s nvh %s", bundle, ktap_run, text);
	crc = ~crc_add(~0u, whole, (size_t)used);
	ktap_line(depth, "# nvh %s crc=%08x", text, crc);
}

void ktap_end(unsigned families, unsigned passed, unsigned failed, unsigned skipped, int status, double seconds)
{
	ktap_line(0, "# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0", passed, failed, skipped);
	ktap_tag(0, "end families=%u lines=%u sum=%08x passed=%u failed=%u skipped=%u status=%d seconds=%.2f", families,
		 lines, ~sum, passed, failed, skipped, status, seconds);
}
