# SPDX-License-Identifier: GPL-2.0-only
# Bare-metal programs at EL2; LIB is the path to images/payloads/lib, ARCH to images/payloads/arch.
BARE_CFLAGS := -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -static -fno-pic -no-pie \
	-mgeneral-regs-only -mstrict-align -fno-stack-protector -fno-tree-loop-distribute-patterns \
	-I$(LIB) -I$(LIB)/bare -I$(ARCH)
BARE_LDFLAGS := -Wl,--build-id=none -Wl,-z,norelro -Wl,--no-warn-rwx-segments
bare_headers := $(wildcard $(LIB)/*.h $(LIB)/bare/*.h)
# What all of them have, and those that say something on QEMU's board.
bare_start := $(LIB)/bare/start.S $(LIB)/bare/psci.c
bare_board := $(bare_start) $(LIB)/bare/console.c $(LIB)/bare/fatal.c
