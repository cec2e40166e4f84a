// SPDX-License-Identifier: GPL-2.0-only
/* The PL011 of the board. Runs on bare machines. */
#include "uart.h"
#include "board.h"

#include <stdint.h>

#define UARTDR (*(volatile uint32_t *)BOARD_UART)
#define UARTFR (*(volatile uint32_t *)(BOARD_UART + 0x18))
#define UARTFR_TXFF (1u << 5)
#define LOOKS_MOST 10000000

void uart_put(char c)
{
	for (unsigned looks = 0; UARTFR & UARTFR_TXFF && looks < LOOKS_MOST; looks++)
		;
	UARTDR = (uint8_t)c;
}
