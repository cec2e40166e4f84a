// SPDX-License-Identifier: GPL-2.0-only
/* The order in which cases are listed. */
#include "families/families.h"

void cases_all(struct list *list)
{
	cases_hang(list); /* first, so that others follow */
	cases_stage2(list);
	cases_trap(list);
	cases_change(list);
	cases_own(list);
	cases_events(list);
	cases_race(list);
	cases_remote(list);
	cases_vel2(list);
	cases_el0(list);
	cases_operand(list);
	cases_vmids(list);
	cases_vncr(list);
	cases_vncr_more(list);
	cases_migrate(list);
	cases_huge(list);
	cases_fine(list);
	cases_vncr_asid(list);
	cases_life(list);
	cases_wide(list);
	cases_walk(list);
	cases_at(list);
	cases_flags(list);
	cases_far(list);
	cases_fault(list);
	cases_at_more(list);
	cases_at_controls(list);
	cases_trap_sys(list);
	cases_illegal_return(list);
	cases_undefined(list);
	cases_vncr_fault(list);
	cases_flags_more(list);
	cases_l2_remote(list);
	cases_recycle(list);
	cases_at_indirect(list);
	cases_at_attributes(list);
	cases_vncr_indirect(list);
	cases_big_endian(list);
	cases_vel2_controls(list);
	cases_vel2_events(list);
	cases_trap_control(list);
	cases_bases(list);
	cases_contiguous(list);
	cases_first(list);
	cases_carried(list);
	cases_at_combined(list);
	cases_default_cacheable(list);
	cases_sizes(list);
	cases_at_walk(list);
	cases_at_size(list);
	cases_syndrome(list);
	cases_vncr_leaf(list);
	cases_event_unmap(list);
	cases_huge_part(list);
	cases_entry(list);
	cases_interrupts(list);
	cases_interrupts_trap(list);
	cases_beside(list);
}
