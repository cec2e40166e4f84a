/* SPDX-License-Identifier: GPL-2.0-only */
/* The code that is modified (sites.S), and who executes it (main.c). Runs on bare machines. */
#ifndef NVH_MODEL_MODIFIED_H
#define NVH_MODEL_MODIFIED_H

#define PAGE 4096
#define SAYS_NOP 1
#define SAYS_BRANCH 2

#ifndef __ASSEMBLER__
#include <stdint.h>

extern uint32_t site[], next_page[], says_branch[];
#endif

#endif
