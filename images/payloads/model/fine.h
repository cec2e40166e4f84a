/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs at EL2 on the bare model: registers that EL2 can trap, for fine.c. */
#ifndef NVH_MODEL_FINE_H
#define NVH_MODEL_FINE_H

#include "model.h"

struct name {
	const char *name;
	unsigned op0, op1, crn, crm, op2;
};
/* By HFGRTR_EL2 and HFGWTR_EL2, or with ``debug`` HDFGRTR_EL2 and HDFGWTR_EL2. */
struct fine {
	struct name name;
	unsigned bit;
	enum { BOTH, READ_ALONE, WRITTEN } direction; /* that the register has, or the trap */
	bool debug, user; /* user: EL0 may read it, too */
	const bool *needs; /* in features; NULL: nothing */
};
extern const struct fine fine_registers[];
extern const unsigned fine_count;
struct debug {
	struct name name;
	uint64_t bit; /* of MDCR_EL2 */
	const char *control;
	bool pmu;
};
extern const struct debug debugs[];
extern const unsigned debug_count;
#define NOT_FINE 64
struct maintenance {
	struct name name;
	unsigned bit; /* of HFGITR_EL2 */
	bool on_address;
	uint64_t hcr[2]; /* each alone traps it */
	bool evt; /* the second one is FEAT_EVT's */
};
extern const struct maintenance instructions[];
extern const unsigned maintenance_count;
bool maintenance_exists(const struct maintenance *m);
/* Those that HCR_EL2.TID3 traps. */
extern const struct name ids[];
extern const unsigned id_count;

#endif
