/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an instruction asks of memory, by its encoding (Arm ARM DDI 0487 M.a.a, C4.1 "Loads and stores"). Plain C, runs in
 * the sanitizer plugin inside QEMU and in its test driver.
 */
#ifndef NVH_SANITIZER_ACCESS_H
#define NVH_SANITIZER_ACCESS_H

#include "walk.h"

/* ``kind``: P_R, P_W or both, 0 where the encoding does not say. ``size`` in bytes, 0: the address is not known. */
struct access {
	uint8_t kind;
	bool user;	   /* as EL0: at EL0, or unprivileged */
	bool unprivileged; /* LDTR, STTR and their like */
	uint8_t base, size;
	bool register_offset; /* the offset is a register */
	int32_t offset;
};

/* Decodes a load or store; ``kind`` 0 for everything else, and for those whose kind the encoding alone does not tell. */
struct access access_of(uint32_t word);

#endif
