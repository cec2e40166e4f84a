# SPDX-License-Identifier: GPL-2.0-only
# Bare-metal programs at EL2; LIB is the path to images/payloads/lib, ARCH to images/payloads/arch.
BARE_CFLAGS := -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -static -fno-pic -no-pie \
	-mgeneral-regs-only -mstrict-align -fno-stack-protector -fno-tree-loop-distribute-patterns \
	-I$(LIB) -I$(LIB)/bare -I$(ARCH)
BARE_LDFLAGS := -Wl,--build-id=none -Wl,-z,norelro -Wl,--no-warn-rwx-segments
bare_headers := $(wildcard $(LIB)/*.h $(LIB)/bare/*.h)
# What all of them have; those that say something, whose print_char() is their own; those that say it as it is.
bare_start := $(LIB)/bare/start.S $(LIB)/bare/psci.c
bare_console := $(bare_start) $(addprefix $(LIB)/bare/,console.c uart.c fatal.c)
bare_board := $(bare_console) $(LIB)/bare/plain.c
