/* SPDX-License-Identifier: GPL-2.0-only */
/* An L2 that is a hypervisor itself, and its page of VNCR_EL2: families/vncr.c, families/vncr_more.c. */
#ifndef NVH_LITMUS_FAMILIES_VNCR_H
#define NVH_LITMUS_FAMILIES_VNCR_H

#include "host/program.h"

enum vncr_context { CTX_L2, CTX_TLBI, CTX_CLEANUP };

/* An address of vEL2 that no recent case used, with a GiB of its own. */
uint64_t vncr_fresh_va(void);
/* The same for the case's place. */
uint64_t vncr_va(const struct litmus *l);
/* Of vEL2's own stage 1, global or not. */
uint64_t vncr_descriptor(uint64_t pa, unsigned level, bool global);
/* Those of enum vncr_context; VNCR_EL2 of the first is `vncr`, and CTX_TLBI has TGE with l->tge. */
void vncr_contexts(struct litmus *l, uint64_t vncr);
/* This vCPU's L2 writes its TPIDR_EL2. */
void vncr_write(struct litmus *l, uint64_t at, enum role role, uint64_t value);
void vncr_cleanup(struct litmus *l, uint64_t at);
/* A case of one vCPU in which L2 uses its page without an operation, of 4 KB granule at vEL2. */
struct litmus vncr_used(void (*build)(struct litmus *l));

#endif
