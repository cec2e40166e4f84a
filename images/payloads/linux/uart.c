// SPDX-License-Identifier: GPL-2.0-only
#include "uart.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum {
	DATA = 0x00,
	RECEIVE_STATUS = 0x04,
	FLAGS = 0x18,
	BAUD = 0x24,
	BAUD_FRACTION = 0x28,
	LINE_CONTROL = 0x2c,
	CONTROL = 0x30,
	LEVELS = 0x34,
	MASK = 0x38,
	RAW_STATUS = 0x3c,
	STATUS = 0x40,
	CLEAR = 0x44,
	DMA = 0x48,
};

#define FLAG_RECEIVED_NOTHING (1u << 4)
#define FLAG_SENT_ALL (1u << 7)
#define INTERRUPT_RECEIVED (1u << 4)
#define INTERRUPT_MAY_SEND (1u << 5)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t taken;
	uart_line line;
	uint32_t mask, kept[DMA / 4 + 1];
	bool received;
	uint8_t byte;
} uart = { .lock = PTHREAD_MUTEX_INITIALIZER, .taken = PTHREAD_COND_INITIALIZER };

/* A register that only says what was written to it; NULL: another one. */
static uint32_t *kept(uint64_t offset)
{
	switch (offset) {
	case BAUD:
	case BAUD_FRACTION:
	case LINE_CONTROL:
	case CONTROL:
	case LEVELS:
	case DMA:
		return &uart.kept[offset / 4];
	default:
		return NULL;
	}
}

static uint32_t raw(void)
{
	return INTERRUPT_MAY_SEND | (uart.received ? INTERRUPT_RECEIVED : 0);
}

static void update(void)
{
	uart.line((raw() & uart.mask) != 0);
}

static void *receive(void *unused)
{
	uint8_t byte;

	(void)unused;
	while (read(STDIN_FILENO, &byte, 1) == 1) {
		pthread_mutex_lock(&uart.lock);
		while (uart.received)
			pthread_cond_wait(&uart.taken, &uart.lock);
		uart.byte = byte;
		uart.received = true;
		update();
		pthread_mutex_unlock(&uart.lock);
	}
	return NULL;
}

bool uart_start(uart_line line)
{
	pthread_t thread;

	uart.line = line;
	errno = pthread_create(&thread, NULL, receive, NULL);
	return !errno;
}

static uint32_t take(void)
{
	uint32_t value = uart.byte;

	uart.received = false;
	pthread_cond_signal(&uart.taken);
	update();
	return value;
}

bool uart_read(uint64_t offset, uint32_t *value)
{
	bool known = true;

	pthread_mutex_lock(&uart.lock);
	switch (offset) {
	case DATA:
		*value = take();
		break;
	case RECEIVE_STATUS:
		*value = 0;
		break;
	case FLAGS:
		*value = FLAG_SENT_ALL | (uart.received ? 0 : FLAG_RECEIVED_NOTHING);
		break;
	case MASK:
		*value = uart.mask;
		break;
	case RAW_STATUS:
		*value = raw();
		break;
	case STATUS:
		*value = raw() & uart.mask;
		break;
	default:
		known = kept(offset);
		if (known)
			*value = *kept(offset);
	}
	pthread_mutex_unlock(&uart.lock);
	return known;
}

bool uart_write(uint64_t offset, uint32_t value)
{
	uint8_t byte = (uint8_t)value;
	bool known = true;

	pthread_mutex_lock(&uart.lock);
	switch (offset) {
	case DATA:
		known = write(STDOUT_FILENO, &byte, 1) == 1;
		break;
	case MASK:
		uart.mask = value;
		update();
		break;
	case RECEIVE_STATUS: /* no errors to clear */
	case CLEAR: /* both interrupts last as long as their cause */
		break;
	default:
		known = kept(offset);
		if (known)
			*kept(offset) = value;
	}
	pthread_mutex_unlock(&uart.lock);
	return known;
}
