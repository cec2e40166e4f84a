/* SPDX-License-Identifier: GPL-2.0-only */
/* A case as data: the family's choices, its program while it is built, and what was found. */
#ifndef NVH_LITMUS_HOST_CASE_H
#define NVH_LITMUS_HOST_CASE_H

#include "arch.h"
#include "host/vm_state.h"

#define NO_OPERATION 0xffff /* struct litmus.op of cases that are about L0's own events */

enum { VMID = 1, VMID_OTHER = 2 };

/* TCR_ELx.DS = 1 (FEAT_LPA2): at vEL2, in L2's EL1&0. */
enum ds { DS_VEL2 = 1, DS_L2 = 2, DS_BOTH = 3 };

/* What goes on beside a program; host/disturb.h. */
enum disturb {
	DISTURB_NONE,
	DISTURB_KICK,  /* signals put and load the other vCPUs all the time */
	DISTURB_MOVE,  /* the other vCPUs move between L0's CPUs */
	DISTURB_CLOSE, /* another VM is created, runs an L2 and is closed, in this process */
	DISTURB_KILL,  /* another process with a VM is killed while its L1 executes operations */
	DISTURB_REAP,  /* the same, and its memory is reaped, as an OOM killer has it: notifiers that may not block */
};

/* What a probe of L2 (or of vEL2's own mapping) is for. */
enum role {
	ROLE_BEFORE, /* must read `old`: the translation is in use */
	ROLE_STALE, /* the control: with the descriptor changed and no TLBI, `old` shows a cached translation */
	ROLE_GONE, /* after the operation: must not be `old`; the fault must be the right one */
	ROLE_FREE, /* not obliged: `old` or a fault, which is counted as over-invalidation */
	ROLE_AFTER, /* must read `now`: the new descriptor is in use */
	ROLE_UNDEF, /* the operation must be UNDEFINED */
	ROLE_TRAP, /* the operation must arrive at vEL2: esr */
	ROLE_DONE, /* the operation must raise nothing */
	ROLE_PAR, /* PAR_EL1 must be `now` where `old` has bits */
	ROLE_RAISES, /* the instruction must raise an exception, of vEL2 or of L2's EL1: esr is `now`, with IL */
	ROLE_RACE, /* no spoilt page was read, and the victim did read good ones */
};

enum fault {
	FAULT_TRANSLATION,
	FAULT_PERMISSION,
	FAULT_EXTERNAL,
	FAULT_ACCESS_FLAG,
	FAULT_ADDRESS_SIZE,
	FAULT_EXTERNAL_WALK, /* of a table or an update of it */
	FAULTS
};

struct probe {
	uint8_t cpu, step, role, observable;
	uint8_t fault;	    /* enum fault: the one to expect */
	uint8_t part;	    /* 0: the outcome; 1, 2: outcome.more[part - 1] */
	uint64_t at; /* IPA or VA; 0: HPFAR_EL2 is not looked at */
	uint64_t old, now;
	uint64_t esr, far; /* of the fault, less IL; 0: not looked at */
	uint64_t esr_mask; /* the bits of esr that count; 0: all */
};

#define PROBES_MAX 224

struct litmus {
	char name[96];
	unsigned number; /* in the list */
	unsigned op;
	struct config config;
	void (*build)(struct litmus *l);
	const char *regime; /* the word in the report */
	unsigned shift, level;
	int position, hint;
	unsigned scale, num;
	int variant;
	/* While it is built and run: */
	struct vm *vm;
	unsigned steps[CPUS_MAX];
	struct probe *probes; /* PROBES_MAX of them. NULL before: the same for all, as a list of 25000 cases has to be small */
	unsigned probe_count;
	bool any_stage2; /* it is not about stage 2, which may have any granule that L1 has there */
	bool no_stage2; /* L1 has none for L2 */
	bool own;  /* the PE that executes the operation is the one that looks */
	bool both; /* it looks, and another does */
	bool vel2, tge, el0;
	int place; /* enum place */
	bool nv; /* L2 is a hypervisor itself */
	uint8_t ds; /* enum ds: whose stage 1 has 52-bit descriptors */
	bool direct; /* its control is a step of its own */
	enum disturb disturb;
	bool provoked; /* a hang on purpose: only when --case names it */
	unsigned timeout_s; /* 0: the usual */
	bool host;    /* a step asks the VMM for something */
	unsigned pes; /* that L0 has to have at least */
	bool needs_hcx;	  /* FEAT_HCX and FEAT_XS */
	bool needs_xnx;	  /* FEAT_XNX */
	bool needs_pan2;  /* FEAT_PAN2 */
	bool needs_e0pd;  /* FEAT_E0PD */
	bool needs_s1pie; /* FEAT_S1PIE */
	bool needs_ecv; /* FEAT_ECV */
	bool needs_evt; /* FEAT_EVT */
	bool needs_fwb; /* FEAT_S2FWB */
	bool needs_pmu; /* FEAT_PMUv3, which config.counters asks for */
	bool small_pages; /* L0 has to have 4K pages */
	bool slow; /* the operation walks the whole shadow stage 2 */
};

struct finding {
	const char *verdict, *control;
	bool obliged; /* the architecture obliges the operation to something that the case looks at */
	unsigned refaults;
	uint64_t rounds, reads, disturbed; /* of a race */
	char why[240];
};

/* Granule of vEL2's own tables. */
static inline unsigned vel2_shift(const struct litmus *l)
{
	return l->vel2 ? l->shift : l->config.vel2_shift ? l->config.vel2_shift : 12;
}

#endif
