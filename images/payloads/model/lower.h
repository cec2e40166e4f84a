/* SPDX-License-Identifier: GPL-2.0-only */
/* Code below EL2 under each of its three masters, for the group lower. Runs at EL2 on the bare model. */
#ifndef NVH_MODEL_LOWER_H
#define NVH_MODEL_LOWER_H

#include "model.h"

/* EL1&0; EL0 under EL2 with HCR_EL2.TGE; EL0 of EL2&0, {E2H,TGE} = {1,1}, with EL2's MMU off. */
enum host { OF_EL1, OF_TGE, OF_HOST, HOSTS };
extern const char *const lower_regimes[];

uint64_t lower_hcr(enum host host);
uint64_t lower_mode(bool el0); /* SPSR_EL2 */
struct answer lower_run(uint64_t hcr, uint64_t spsr, uint32_t word, uint64_t x1); /* one instruction with X1 */
void lower_time(void); /* part of it: counters, timers, WFIT */
void lower_stacks(void); /* part of it: FEAT_GCS */

#endif
