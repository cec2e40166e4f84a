/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The judgement of the model itself: what a PE used, took as a fault, trapped or returned to, against walks of our own, the
 * entries that a TLB may still hold, and ../arch. Plain C that knows no QEMU. The caller serialises all calls. Rules:
 * docs/sanitizer.md, "The model".
 */
#ifndef NVH_SANITIZER_MODEL_H
#define NVH_SANITIZER_MODEL_H

#include "access.h"
#include "expect.h"
#include "judge.h"

/* For struct judge's `used`. */
void model_used(struct judge *judge, unsigned pe, const struct used *used, const struct event *use);

/* An abort that a PE has taken, with the registers as they are at the vector's first instruction. */
struct abort {
	uint64_t esr, far, hpfar, elr, spsr;
	uint64_t address; /* that the instruction names; only with access.size */
	struct access access;
	bool to_el2, vncr;
	uint32_t word; /* of the instruction; 0: not known */
};
void model_abort(struct judge *judge, unsigned pe, const struct context *context, const struct abort *abort);

/* What became of a TLBI below EL2. ``esr``: of the exception, if there was one. */
enum became { EXECUTED, UNDEFINED_AT_EL1, TRAPPED };
void model_tlbi(struct judge *judge, const struct tlbi *tlbi, unsigned rt, enum became became, uint64_t esr);

/* An ERET at ``el`` and PE ``pe``: to where it must lead, and to where it led. */
struct eret {
	uint64_t pc, to, came;
	uint8_t el, to_el, came_el;
	bool trap, trapped; /* it must have trapped to EL2; it did */
	uint64_t esr;
};
void model_eret(struct judge *judge, unsigned pe, const struct eret *eret);

/* AT: ``par`` is what PAR_EL1 has after it. */
struct at {
	uint64_t va, pc;
	uint32_t word;
	uint8_t el;
	unsigned kind;
	bool user, one_stage;
};
/* Whether an AT instruction is one that is judged; fills ``at`` but for va, pc and el. */
bool model_is_at(uint32_t word, struct at *at);
void model_at(struct judge *judge, unsigned pe, const struct context *context, const struct at *at, uint64_t par);

/* MRS Xt, CurrentEL at ``el`` read ``value``. */
void model_level(struct judge *judge, unsigned pe, uint64_t pc, uint8_t el, uint64_t hcr, uint64_t value);
/* An access that FEAT_NV2 made of a system register went to ``va``. */
void model_vncr(struct judge *judge, unsigned pe, uint64_t pc, uint64_t vncr, uint64_t va);

#endif
