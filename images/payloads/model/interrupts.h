/* SPDX-License-Identifier: GPL-2.0-only */
/* The GIC's virtual interface (Arm IHI 0069) as the questions about it use it. Runs at EL2 on the bare model. */
#ifndef NVH_MODEL_INTERRUPTS_H
#define NVH_MODEL_INTERRUPTS_H

#include "model.h"

/* MRS X1 and MSR of EL1's registers. */
#define READ_OF(op1, crn, crm, op2) ACCESS(3, op1, crn, crm, op2, 1)
#define WRITE_OF(op1, crn, crm, op2) ACCESS(3, op1, crn, crm, op2, 0)
/* ICH_LR<n>_EL2 */
#define LR_PENDING BIT(62)
#define LR_ACTIVE BIT(63)
#define LR_GROUP1 BIT(60)
#define LR_EOI BIT(41)
#define LR_HW BIT(61)
#define LR_PHYSICAL(n) (BIT(32) * (n))
#define LR_PRIORITY(n) (BIT(48) * (n))
/* ICH_VMCR_EL2 */
#define VMCR_GROUPS 3ull
#define VMCR_EOI_MODE BIT(9)
#define VMCR_PMR(n) ((uint64_t)(n) << 24)
#define LINES 1023ull /* nothing is pending */

/* Below EL2 in this mode, with these masks of PSTATE.DAIF: one instruction. */
struct answer interrupts_run(uint64_t mode, uint64_t masked, uint32_t word);
/* Where EL1 took an exception, from its vectors on; all ones when it took none. */
uint64_t interrupts_vector(void);
/* ICH_VMCR_EL2 and two list registers; the others and the active priorities are 0, and the interface is on. */
void interrupts_interface(uint64_t vmcr, uint64_t lr0, uint64_t lr1);
/* What one register of the CPU interface tells EL1, and MSR there. */
struct answer interrupts_icc(unsigned crm, unsigned op2);
void interrupts_icc_write(unsigned crn, unsigned crm, unsigned op2, uint64_t value);

void list_registers(void); /* part of the group */
#endif
