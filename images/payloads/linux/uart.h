/* SPDX-License-Identifier: GPL-2.0-only */
/* A PL011 (Arm DDI 0183) whose other end is our standard input and output. It sends at once and receives byte by byte. */
#ifndef NVH_UART_H
#define NVH_UART_H

#include <stdbool.h>
#include <stdint.h>

#define UART_SIZE 0x1000
#define UART_ID 0x00341011 /* as UARTPeriphID0 to 3 say it */

/* Sets the interrupt line. */
typedef void (*uart_line)(bool up);

/* Starts the thread that reads standard input. False with errno. */
bool uart_start(uart_line line);
/* False when there is no such register. */
bool uart_read(uint64_t offset, uint32_t *value);
bool uart_write(uint64_t offset, uint32_t value);

#endif
