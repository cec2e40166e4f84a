/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a board has what bare-metal programs use; QEMU's board virt unless images/boards says otherwise. */
#ifndef NVH_BARE_BOARD_H
#define NVH_BARE_BOARD_H

#ifndef BOARD_RAM
#define BOARD_RAM 0x40000000ull /* of 256 MiB at least, at a multiple of 1 GiB */
#endif
#ifndef BOARD_UART
#define BOARD_UART 0x09000000ull /* a PL011 */
#endif
#ifndef BOARD_PE_STRIDE
#define BOARD_PE_STRIDE 1 /* PE n has n times this in the affinity fields of its MPIDR_EL1 */
#endif

#endif
