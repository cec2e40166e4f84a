// SPDX-License-Identifier: GPL-2.0-only
#include "access.h"

#define VECTOR 0x04000000u /* the bit V */

static int32_t sign(uint32_t value, unsigned bits)
{
	return (int32_t)(value << (32 - bits)) >> (32 - bits);
}

/* LDP, STP and their like; the size is that of both registers. */
static struct access pair(uint32_t word)
{
	bool vector = word & VECTOR, load = word >> 22 & 1;
	unsigned opc = word >> 30, scale = vector ? 2 + opc : opc == 2 ? 3 : 2, mode = word >> 23 & 3;
	struct access access = { .kind = load ? P_R : P_W, .base = word >> 5 & 31, .size = (uint8_t)(2u << scale) };

	if (opc == 3 || (opc == 1 && !vector && !load)) /* STGP counts tag granules */
		access.size = 0;
	if (mode != 1) /* post-index: at the base */
		access.offset = sign(word >> 15 & 127, 7) * (1 << scale);
	return access;
}

/* LDR, STR and their like of one register. */
static struct access single(uint32_t word)
{
	bool vector = word & VECTOR;
	unsigned size = word >> 30, opc = word >> 22 & 3, mode = word >> 10 & 3;
	unsigned scale = vector && opc & 2 ? 4 : size;
	bool load = vector ? opc & 1 : opc != 0;
	struct access access = { .base = word >> 5 & 31, .size = (uint8_t)(1u << scale) };

	if (!vector && size == 3 && opc >= 2) /* prefetch, and what is unallocated */
		return (struct access){ 0 };
	access.kind = load ? P_R : P_W;
	if (word >> 24 & 1) { /* unsigned immediate */
		access.offset = (int32_t)((word >> 10 & 0xfff) << scale);
	} else if (word >> 21 & 1) {
		if (mode != 2) /* atomics, and LDRA */
			return (struct access){ 0 };
		access.register_offset = true;
	} else {
		access.unprivileged = mode == 2 && !vector;
		if (mode != 1)
			access.offset = sign(word >> 12 & 0x1ff, 9);
	}
	return access;
}

struct access access_of(uint32_t word)
{
	if ((word & 0x3a000000) == 0x28000000)
		return pair(word);
	if ((word & 0x3a000000) == 0x38000000)
		return single(word);
	return (struct access){ 0 };
}
