/* SPDX-License-Identifier: GPL-2.0-only */
/* The PL011 of the board (DDI 0183), which whoever came before has set up. Runs on bare machines. */
#ifndef NVH_BARE_UART_H
#define NVH_BARE_UART_H

/* Lost when the UART takes nothing for long. */
void uart_put(char c);

#endif
