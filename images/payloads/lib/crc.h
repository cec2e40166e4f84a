/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC-32 of IEEE 802.3, as zlib has it. Runs anywhere. */
#ifndef NVH_CRC_H
#define NVH_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Add bytes to `crc`, which begins with ~0 and is complemented in the end. */
static inline uint32_t crc_add(uint32_t crc, const char *data, size_t size)
{
	while (size--) {
		crc ^= (uint8_t)*data++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

#endif
