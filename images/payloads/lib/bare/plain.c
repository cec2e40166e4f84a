// SPDX-License-Identifier: GPL-2.0-only
/* What a program has to say goes to the UART as it is. Runs on bare machines. */
#include "console.h"
#include "uart.h"

void print_char(char c)
{
	uart_put(c);
}
