/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a case can run on this machine. */
#ifndef NVH_LITMUS_HOST_APPLIES_H
#define NVH_LITMUS_HOST_APPLIES_H

#include "host/case.h"

/* Of the machine, besides what L1's ID registers say. */
struct machine {
	unsigned pes, page_size;
	bool e2h0;
};

void not_applicable(struct finding *f, const char *why);
/* Before there is a VM, and with one whose payload has read L1's ID registers; f->verdict is set when it does not apply. */
void applies_without_vm(const struct litmus *l, const struct machine *m, struct finding *f);
void applies(const struct litmus *l, const struct vm *vm, const struct machine *m, struct finding *f);
/* Likewise for a case that was built: its steps may have operations beside its own, and traps. False when it does not apply. */
bool applies_as_built(const struct litmus *l, const struct vm *vm, struct finding *f);
/* What the case needs of L1 that the population does not say of every machine, or NULL. */
const char *applies_needs(const struct litmus *l);

#endif
