/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's wire format, version 1; little-endian, a byte stream without loss:
 *   u32 magic  u8 hop  u8 type  u16 chan  u32 len  u8 payload[len]
 * hop 0 addresses the reader; otherwise the reader hands the frame to the next level with hop - 1.
 */
#ifndef NVH_PROTO_H
#define NVH_PROTO_H

#include <stdint.h>

#define NVH_MAGIC 0x4648564eu /* "NVHF" */
#define NVH_HEADER 12u
#define NVH_PAYLOAD_MAX 65536u
#define NVH_CHUNK 16384u /* largest STDOUT or STDERR payload */

enum nvh_type {
	NVH_EXEC = 1,
	NVH_STDIN = 2,
	NVH_KILL = 3,
	NVH_PING = 4,
	NVH_RESUME = 5,
	NVH_STDOUT = 16,
	NVH_STDERR = 17,
	NVH_EXIT = 18,
	NVH_PONG = 19,
	NVH_HELLO = 20,
	NVH_ERROR = 21,
	NVH_TURN = 22, /* both ways, between L0 and the harness only: turn.h */
};

struct nvh_frame {
	uint8_t hop;
	uint8_t type;
	uint16_t chan;
	uint32_t len;
	const uint8_t *payload;
};

static inline void nvh_put(uint8_t *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static inline uint32_t nvh_get32(const uint8_t *from)
{
	return from[0] | from[1] << 8 | from[2] << 16 | (uint32_t)from[3] << 24;
}

#endif
