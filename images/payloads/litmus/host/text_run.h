/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs of a file. */
#ifndef NVH_LITMUS_HOST_TEXT_RUN_H
#define NVH_LITMUS_HOST_TEXT_RUN_H

#include "host/vm_state.h"

/* `-`: standard input; up to so many failures (0: all); whether VMs end with the process; how to make another VM, or NULL; an exit status. */
int text_run(const char *path, unsigned failures, bool leave, other_vm_action other_vm);
/* One line: the features of L1 that bring operations; an exit status. */
int text_features(void);

#endif
