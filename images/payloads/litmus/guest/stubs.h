/* SPDX-License-Identifier: GPL-2.0-only */
/* Labels of the assembly: what L2 executes (l2_code.S, el0.S, tlbi.c). */
#ifndef NVH_LITMUS_GUEST_STUBS_H
#define NVH_LITMUS_GUEST_STUBS_H

#include "guest/cpu.h"

extern char l2_vectors[], l2_loads[], l2_read_all[], l2_stores[], l2_execute[], l2_spin[], l2_remap[], l2_tlbi_stubs[],
	l2_call[], l2_call_el0[], l2_return[], any_sys[], l2_watch[], l2_remap_el0[], el0_read[], el0_execute[],
	own_call[], own_call_vectors[], l2_vncr_read[], l2_vncr_write[], l2_vncr_spin[], l2_spin_write[],
	l2_vncr_spin_write[], l2_spin_halts[], l2_spin_write_halts[], l2_vncr_spin_halts[], l2_vncr_spin_write_halts[],
	l2_hang[];

#endif
