/* SPDX-License-Identifier: GPL-2.0-only */
/* A PE that enters L2 anew for each access, and does something that other PEs have to bear with in between. */
#ifndef NVH_LITMUS_GUEST_TURNS_H
#define NVH_LITMUS_GUEST_TURNS_H

#include "guest/cpu.h"

/* A round each. */
void spin_in_turns(struct pe *cpu, volatile struct spin *spin, const struct step *s, const uint64_t *stop);
void spin_with_tlbi(struct pe *cpu, volatile struct spin *spin, const struct step *s, unsigned round);
void spin_with_drops(struct pe *cpu, volatile struct spin *spin, const struct step *s, unsigned round);
void spin_with_own_tlbi(struct pe *cpu, volatile struct spin *spin, const struct step *s, unsigned round);

#endif
