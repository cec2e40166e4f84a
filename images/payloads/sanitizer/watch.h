/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs on the host, inside QEMU: what the files that watch instructions share, and what each of them registers. */
#ifndef NVH_SANITIZER_WATCH_H
#define NVH_SANITIZER_WATCH_H

#include "sanitizer.h"

/* ---- plugin.c ---- */
extern struct judge judge; /* under `lock` */
extern struct vcpu vcpus[MAX_PES];
extern struct options options;
extern pthread_mutex_t lock;
/* Under `lock`: they are to be seen from outside. */
void flush_counters(void);

/* ---- watch_tlbi.c: invalidation ---- */
bool watch_tlbi(struct qp_insn *insn, uint32_t word, unsigned el);
void tlbi_settled(struct vcpu *vcpu, enum became became, uint64_t esr);
/* An operation at EL1 was executed unless the next thing is the exception that it caused. */
static inline void settle(struct vcpu *vcpu, enum became became, uint64_t esr)
{
	if (vcpu->tentative)
		tlbi_settled(vcpu, became, esr);
}
/* Those that came to an exception. */
uint64_t tlbi_trapped(void);

/* ---- watch_use.c: accesses and fetches ---- */
void watch_access(struct qp_insn *insn, uint32_t word, unsigned el);
/* Fetches of a block, which begins with ``first``. */
void watch_fetch(struct qp_tb *tb, struct qp_insn *first, unsigned el);
void use(struct vcpu *vcpu, const struct context *context, uint64_t va, uint64_t used, uint64_t pc, uint8_t el, unsigned kind,
	 bool user);

/* ---- watch_sync.c: synchronisation and exceptions ---- */
bool watch_sync(struct qp_insn *insn, uint32_t word, unsigned el);
/* A block that may be a vector. */
void watch_vector(struct qp_tb *tb, unsigned el);

/* ---- watch_model.c: what the model itself does ---- */
/* Beside what the others register for the instruction. */
void watch_model_insn(struct qp_insn *insn, uint32_t word, unsigned el);
/* The instruction behind "MRS Xt, CurrentEL", which is ``word``. */
void watch_model_level(struct qp_insn *next, uint32_t word, unsigned el);
/* A block below EL2 begins at ``pc`` and ``el``. */
void model_block(struct vcpu *vcpu, uint64_t pc, uint8_t el);
/* First instruction of a synchronous vector. */
void model_vector(struct vcpu *vcpu, bool el2, uint64_t pc, uint64_t esr);
/* A TLBI below EL2 has come to something. */
void model_settled(struct vcpu *vcpu, enum became became, uint64_t esr);
/* Whether the kind of the access is to be judged by permission, and as what: bits of the pointer to its address. */
enum { AS_EL0 = 1, ANY_KIND = 2 };
uint64_t model_place(uint64_t pc, uint32_t word, unsigned el);

static inline bool is_abort(unsigned ec)
{
	return ec == ESR_EC_IABT_LOW || ec == ESR_EC_IABT_SAME || ec == ESR_EC_DABT_LOW || ec == ESR_EC_DABT_SAME;
}

#endif
