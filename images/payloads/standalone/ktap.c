// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 in a standalone image, in place of lib/bare/plain.c: what the questions to a model print
 * (model/report.c) becomes KTAP version 1 on the UART, with our own lines in it as in a bundle's log
 * (harness/ktap/tagged.py). A result for each group:
 *
 *     group|NAME|CHECKS|FAILED             ok N NAME, or not ok
 *     skip|NAME|WHY                        ok N NAME # SKIP WHY
 *     fail|..., features|...               diagnostics, with a checksum
 *     fatal|WHY                            Bail out! WHY
 *     done                                 the sum over all lines
 */
#include "console.h"
#include "crc.h"
#include "sysreg.h"
#include "uart.h"

#include <stdbool.h>

#define LINE_MOST 1024
#define ID_SIZE 16

/* Which bundle this is: harness/bundle/bare.py writes it over the zeros. */
volatile const char bundle_id[] = "nvh-bundle-id=0000000000000000";
#define ID (bundle_id + sizeof(bundle_id) - 1 - ID_SIZE)

static char line[LINE_MOST], out[LINE_MOST];
static unsigned used, length;
static char run[9];
static uint32_t sum = ~0u;
static uint64_t lines, passed, failed, skipped, checks, wrong;
static bool begun;

static uint32_t crc_text(uint32_t crc, const char *text)
{
	while (*text)
		crc = crc_add(crc, text++, 1);
	return crc;
}

static void add(const char *text)
{
	while (*text && length < LINE_MOST - 1)
		out[length++] = *text++;
	out[length] = 0;
}

static void add_number(uint64_t value)
{
	char digits[NUMBER_MOST];

	add(number_text(digits, value, 10));
}

static void hex8(char *to, uint32_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
	to[8] = 0;
}

/* The line in `out`; its end counts, too, in the sum. */
static void flush(void)
{
	for (unsigned i = 0; i < length; i++)
		uart_put(out[i]);
	uart_put('\r');
	uart_put('\n');
	sum = crc_add(crc_text(sum, out), "\n", 1);
	lines++;
	length = 0;
}

/* Of the diagnostic in `out`, from "nvh" on. */
static void flush_tagged(void)
{
	char text[9];
	uint32_t crc = ~0u;

	for (int i = 0; i < ID_SIZE; i++)
		crc = crc_add(crc, (char[]){ ID[i] }, 1);
	crc = crc_text(crc_text(crc_text(crc_text(crc, " "), run), " "), out + 2);
	hex8(text, ~crc);
	add(" crc=");
	add(text);
	flush();
}

static void begin(void)
{
	char id[ID_SIZE + 1] = { 0 };
	uint64_t seed = MRS(cntpct_el0);

	begun = true;
	for (int i = 0; i < ID_SIZE; i++)
		id[i] = ID[i];
	hex8(run, ~crc_add(~0u, (const char *)&seed, sizeof(seed)));
	uart_put('\r');
	uart_put('\n');
	add("KTAP version 1");
	flush();
	add("# nvh bare format=1 bundle=");
	add(id);
	add(" run=");
	add(run);
	add(" board=" BOARD " midr=");
	hex8(id, (uint32_t)MRS(midr_el1));
	add(id);
	add(" groups=");
	add_number(GROUPS);
	flush_tagged();
	add("1..");
	add_number(GROUPS);
	flush();
}

/* The field after the first bar of `text`; ends it there. */
static char *field(char *text)
{
	while (*text && *text != '|')
		text++;
	if (*text)
		*text++ = 0;
	return text;
}

static uint64_t number(const char *text)
{
	uint64_t value = 0;

	while (*text >= '0' && *text <= '9')
		value = value * 10 + (uint64_t)(*text++ - '0');
	return value;
}

static void result(bool good, const char *name, const char *skip)
{
	add(good ? "ok " : "not ok ");
	add_number(passed + failed + skipped);
	add(" ");
	add(name);
	if (*skip)
		add(" # SKIP ");
	add(skip);
	flush();
}

static void end(void)
{
	static const char *const words[] = { "# Totals: pass:", " fail:", " xfail:0 xpass:0 skip:" };
	const uint64_t values[] = { passed, failed, skipped };

	for (unsigned i = 0; i < 3; i++) {
		add(words[i]);
		add_number(values[i]);
	}
	add(" error:0");
	flush();
	add("# nvh bare-end lines=");
	add_number(lines);
	add(" sum=");
	hex8(line, ~sum);
	add(line);
	add(" checks=");
	add_number(checks);
	add(" wrong=");
	add_number(wrong);
	flush_tagged();
}

static void take(void)
{
	char first = line[0], second = line[1], *name, *rest;

	if (!begun)
		begin();
	if (first == 'f' && second == 'a' && line[2] == 't') {
		name = field(line);
		add("Bail out! ");
		add(name);
		flush();
		return;
	}
	if (first == 'd') {
		end();
		return;
	}
	add("# nvh answer ");
	add(line);
	flush_tagged();
	if (first == 'g') {
		name = field(line);
		rest = field(name);
		checks += number(rest);
		rest = field(rest);
		wrong += number(rest);
		if (number(rest))
			failed++;
		else
			passed++;
		result(!number(rest), name, "");
	} else if (first == 's') {
		name = field(line);
		rest = field(name);
		skipped++;
		result(true, name, rest);
	}
}

void print_char(char c)
{
	if (c != '\n') {
		if (used < LINE_MOST - 64)
			line[used++] = c;
		return;
	}
	line[used] = 0;
	used = 0;
	take();
}
