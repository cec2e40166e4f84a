/* SPDX-License-Identifier: GPL-2.0-only */
/* The families of cases: each function adds one to the list. */
#ifndef NVH_LITMUS_FAMILIES_FAMILIES_H
#define NVH_LITMUS_FAMILIES_FAMILIES_H

#include "host/list.h"

#define CONTEXTS_PER_VCPU 2 /* that KVM has for L2s */

/* All of them. */
void cases_all(struct list *list);

void cases_at(struct list *list);
void cases_at_attributes(struct list *list);
void cases_at_combined(struct list *list);
void cases_at_controls(struct list *list);
void cases_at_more(struct list *list);
void cases_at_indirect(struct list *list);
void cases_at_size(struct list *list);
void cases_at_walk(struct list *list);
void cases_bases(struct list *list);
void cases_beside(struct list *list);
void cases_big_endian(struct list *list);
void cases_carried(struct list *list);
void cases_change(struct list *list);
void cases_contiguous(struct list *list);
void cases_default_cacheable(struct list *list);
void cases_el0(struct list *list);
void cases_entry(struct list *list);
void cases_event_unmap(struct list *list);
void cases_events(struct list *list);
void cases_far(struct list *list);
void cases_fault(struct list *list);
void cases_fine(struct list *list);
void cases_first(struct list *list);
void cases_flags(struct list *list);
void cases_flags_more(struct list *list);
void cases_hang(struct list *list);
void cases_huge(struct list *list);
void cases_huge_part(struct list *list);
void cases_interrupts(struct list *list);
void cases_interrupts_trap(struct list *list);
void cases_l2_remote(struct list *list);
void cases_recycle(struct list *list);
void cases_life(struct list *list);
void cases_migrate(struct list *list);
void cases_operand(struct list *list);
void cases_own(struct list *list);
void cases_race(struct list *list);
void cases_remote(struct list *list);
void cases_sizes(struct list *list);
void cases_stage2(struct list *list);
void cases_syndrome(struct list *list);
void cases_trap(struct list *list);
void cases_trap_control(struct list *list);
void cases_trap_sys(struct list *list);
void cases_illegal_return(struct list *list);
void cases_undefined(struct list *list);
void cases_vel2(struct list *list);
void cases_vel2_controls(struct list *list);
void cases_vel2_events(struct list *list);
void cases_vmids(struct list *list);
void cases_vncr(struct list *list);
void cases_vncr_asid(struct list *list);
void cases_vncr_fault(struct list *list);
void cases_vncr_indirect(struct list *list);
void cases_vncr_leaf(struct list *list);
void cases_vncr_more(struct list *list);
void cases_walk(struct list *list);
void cases_wide(struct list *list);

#endif
