/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory that vEL2 shares with the VMM, and how its vCPUs wait for each other. */
#ifndef NVH_LITMUS_GUEST_CPU_H
#define NVH_LITMUS_GUEST_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "bits.h"
#include "pe.h"
#include "shared/shared.h"
#include "sysreg.h"

static struct shared *const shared = (struct shared *)SHARED_PA;

#define mark(number) __asm__ volatile("movz xzr, #%0" ::"i"(number) : "memory")
#define barrier_ish() __asm__ volatile("dsb ish\n\tisb" ::: "memory")
#define barrier_ishst() __asm__ volatile("dsb ishst" ::: "memory")

/*
 * L0 emulates the reading of this register, and it changes nothing: behind it other CPUs do what they do, and a hunt for
 * races holds this one here until they have come where it wants them (harness/reproduce/races/sides.py).
 */
static inline void landmark(void)
{
	(void)MRS(ccsidr_el1);
}

/* Whether this is what --self-test leaves out. */
static inline bool left_out(const struct step *s)
{
	return shared->skip && (s->flags & STEP_UNDER_TEST);
}

/*
 * The same of an operation of vEL2's own. L0 executes it for vEL2 after an exit, and whether a
 * translation outlives that exit is another question than whether it outlives the operation: --keep-exit has the
 * first one answered, by an exit in its place that invalidates nothing.
 */
static inline bool skipped(const struct step *s)
{
	if (!left_out(s))
		return false;
	if (shared->keep_exit) {
		landmark();
		barrier_ish();
	}
	return true;
}

#endif
