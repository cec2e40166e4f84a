// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh.ko: /dev/nvh executes any TLBI operation of tlbi_ops.h at the level that the kernel runs at
 * (vEL2 in L1, EL1 in L2) and reads the clocks back to back. Test machines only.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/barrier.h>
#include <asm/esr.h>
#include <asm/sysreg.h>
#include <asm/virt.h>

#include "nvh_uapi.h"
#include "tlbi_ops.h"

#define CREATE_TRACE_POINTS
#include "nvh_trace.h"

#define NVH_HCR_TGE BIT_ULL(27)
#define NVH_VTTBR_VMID GENMASK_ULL(63, 48)
#define NVH_COUNT_MAX 1000000

/* execute.S: 0, or this bit and the ESR of an exception. */
#define NVH_RAISED BIT_ULL(63)
u64 nvh_execute(u64 index, u64 operand, u64 vttbr, u64 hcr, u64 flags);

struct nvh_operation {
	const char *name;
	bool has_operand;
};

#define ROW(name, op1, crn, crm, op2, has_operand) { #name, has_operand },
#define ROW_X(...) ROW(__VA_ARGS__)
static const struct nvh_operation operations[] = { TLBI_OPERATIONS(ROW_X) };

static int find(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (!strcmp(operations[i].name, name))
			return i;
	return -1;
}

static void execute_once(struct nvh_tlbi *t, int index)
{
	u64 vttbr = 0, hcr = 0, raised;

	preempt_disable();
	if (is_kernel_in_hyp_mode()) {
		vttbr = read_sysreg(vttbr_el2);
		hcr = read_sysreg(hcr_el2);
		if (t->flags & NVH_SET_VMID)
			vttbr = (vttbr & ~NVH_VTTBR_VMID) | (u64)t->vmid << 48;
		if (t->flags & NVH_GUEST_CONTEXT)
			hcr &= ~NVH_HCR_TGE;
	}
	t->vmid = vttbr >> 48;
	t->hcr = hcr;
	trace_nvh_tlbi(operations[index].name, t->operand, t->vmid, hcr);
	/* The clocks of two levels are related to some 100 us: let nobody doubt what came first. */
	udelay(min(t->settle_us, NVH_SETTLE_MAX_US));
	raised = nvh_execute(index, t->operand, vttbr, hcr, t->flags);
	if (!raised) {
		t->executed++;
	} else if (ESR_ELx_EC(raised & ~NVH_RAISED) == ESR_ELx_EC_UNKNOWN) {
		t->undef++;
	} else {
		t->raised++;
		t->esr = raised & ~NVH_RAISED;
	}
	preempt_enable();
}

static long do_tlbi(struct nvh_tlbi *t)
{
	const u32 known = NVH_SET_VMID | NVH_GUEST_CONTEXT;
	int index;
	u32 i;

	t->op[sizeof(t->op) - 1] = 0;
	index = find(t->op);
	if (index < 0)
		return -ENOENT;
	if (t->flags & ~known || t->vmid > 0xffff || !t->count || t->count > NVH_COUNT_MAX)
		return -EINVAL;
	/* HCR_EL2 and VTTBR_EL2 are out of reach of a kernel at EL1. */
	if (t->flags && !is_kernel_in_hyp_mode())
		return -EOPNOTSUPP;
	if (!operations[index].has_operand)
		t->operand = 0;
	t->executed = 0;
	t->undef = 0;
	t->raised = 0;
	t->esr = 0;
	t->el = is_kernel_in_hyp_mode() ? 2 : 1;
	for (i = 0; i < t->count && !signal_pending(current); i++) {
		execute_once(t, index);
		cond_resched();
	}
	return 0;
}

static long nvh_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;
	struct nvh_tlbi tlbi;
	long ret;

	switch (command) {
	case NVH_IOC_TLBI:
		if (copy_from_user(&tlbi, user, sizeof(tlbi)))
			return -EFAULT;
		ret = do_tlbi(&tlbi);
		if (!ret && copy_to_user(user, &tlbi, sizeof(tlbi)))
			ret = -EFAULT;
		return ret;
	default:
		return -ENOTTY;
	}
}

static const struct file_operations nvh_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = nvh_ioctl,
};

static struct miscdevice nvh_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "nvh",
	.fops = &nvh_fops,
	.mode = 0600,
};

module_misc_device(nvh_device);

MODULE_DESCRIPTION("Executes TLB maintenance operations for nvh's scenarios");
MODULE_LICENSE("GPL");
