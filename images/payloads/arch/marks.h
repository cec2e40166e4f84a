/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a payload tells an observer of the machine (docs/sanitizer.md): MOVZ XZR, #number, which does nothing. Each
 * program begins with MARK_PROGRAM.
 */
#ifndef NVH_ARCH_MARKS_H
#define NVH_ARCH_MARKS_H

#define MARK_PROGRAM 0x5af0
#define MARK_LOOSE 0x5af1
#define MARK_STRICT 0x5af2

#endif
