/* SPDX-License-Identifier: GPL-2.0-only */
/* A program, step by step. */
#ifndef NVH_LITMUS_GUEST_STEP_H
#define NVH_LITMUS_GUEST_STEP_H

#include "guest/cpu.h"

void run_program(struct pe *cpu, struct program *program);

#endif
