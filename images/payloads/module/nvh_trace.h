/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvh

#if !defined(NVH_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define NVH_TRACE_H

#include <linux/tracepoint.h>

/* Just before the operation executes; vmid and hcr are those in effect for it. */
TRACE_EVENT(nvh_tlbi,
	TP_PROTO(const char *op, u64 operand, u32 vmid, u64 hcr),
	TP_ARGS(op, operand, vmid, hcr),
	TP_STRUCT__entry(
		__string(op, op)
		__field(u64, operand)
		__field(u32, vmid)
		__field(u64, hcr)
	),
	TP_fast_assign(
		__assign_str(op);
		__entry->operand = operand;
		__entry->vmid = vmid;
		__entry->hcr = hcr;
	),
	TP_printk("op=%s operand=0x%016llx vmid=%u hcr=0x%llx",
		  __get_str(op), __entry->operand, __entry->vmid, __entry->hcr)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE nvh_trace
#include <trace/define_trace.h>
