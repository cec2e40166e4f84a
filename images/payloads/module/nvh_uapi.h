/* SPDX-License-Identifier: GPL-2.0-only */
/* ioctls of /dev/nvh, between nvh.ko and its tools. */
#ifndef NVH_UAPI_H
#define NVH_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define NVH_SET_VMID (1u << 0)	   /* load `vmid` into VTTBR_EL2, BADDR kept */
#define NVH_GUEST_CONTEXT (1u << 1) /* clear HCR_EL2.TGE: E1 operations then act on EL1&0 */

struct nvh_tlbi {
	char op[24]; /* in: lower case, as in tlbi_ops.h */
	__u64 operand;
	__u32 flags;
	__u32 vmid;	/* in with NVH_SET_VMID; out: the VMID in effect */
	__u32 count;	/* in: executions asked for */
	__u32 executed; /* out */
	__u32 settle_us; /* in: pause between the trace event and the operation */
	__u32 undef;	/* out: how many were UNDEFINED here */
	__u32 el;	/* out: the exception level that the kernel runs at */
	__u32 raised;	/* out: how many raised an exception that does not say UNDEFINED */
	__u64 hcr;	/* out: HCR_EL2 in effect, 0 at EL1 */
	__u64 esr;	/* out: the syndrome of the last one that `raised` counts */
};
_Static_assert(sizeof(struct nvh_tlbi) == 24 + 3 * 8 + 8 * 4, "an ioctl's structure has no hole");

#define NVH_SETTLE_MAX_US 1000u

#define NVH_IOC_TLBI _IOWR('N', 1, struct nvh_tlbi)

#endif
