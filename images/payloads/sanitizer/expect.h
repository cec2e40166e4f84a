/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which fault an access must take, from a walk of our own (Arm ARM DDI 0487 M.a.a, D8.2 to D8.4, D8.15 for the order).
 * Plain C, runs in the sanitizer plugin inside QEMU and in its test driver.
 */
#ifndef NVH_SANITIZER_EXPECT_H
#define NVH_SANITIZER_EXPECT_H

#include "walk.h"

enum fault { NO_FAULT, TRANSLATION_FAULT, ACCESS_FLAG_FAULT, PERMISSION_FAULT, NOT_JUDGED };
extern const char *const fault_text[];

struct expected {
	enum fault fault;
	unsigned stage;
	bool on_walk; /* stage 2 on a table of stage 1: ISS.S1PTW */
	int level;
	uint64_t ipa; /* of a fault of stage 2 */
};

/*
 * What the walk ``now`` of ``va`` means for an access of ``kind`` (P_R, P_W, P_X or P_R | P_W), as EL0 when ``user``, with
 * PSTATE.PAN ``pan``. ``one_stage``: the output of stage 1 is not looked up in stage 2 (AT S1E1R and its like).
 */
struct expected expect(const struct context *context, uint64_t va, const struct walk *now, unsigned kind, bool user, bool pan,
		       bool one_stage);

/* Whether all outputs of the walk are below the sizes that TCR_ELx and VTCR_EL2 give: no address size fault is due. */
bool outputs_fit(const struct context *context, const struct walk *now);
/*
 * Which flag a PE must have written by the time of a use of ``kind`` that succeeded (D8.5, TCR_ELx.{HA,HD}, VTCR_EL2.{HA,HD}):
 * the access flag or the dirty state of stage 1 or 2; NULL for none.
 */
const char *flag_not_written(const struct context *context, const struct walk *now, unsigned kind);

/* Fault status code (DFSC, IFSC, FST) of a fault that is judged. */
unsigned fault_code(const struct expected *expected);

#endif
