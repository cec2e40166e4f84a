/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file that the harness and the plugin nvh-hold share while QEMU runs; little endian.
 * harness/trace/executed/hold_file.py writes and reads it: what is not marked [plugin] is the harness's.
 */
#ifndef NVH_HOLD_FORMAT_H
#define NVH_HOLD_FORMAT_H

#include <stdint.h>

#define NVH_HOLD_MAGIC 0x32444c4f48766eull /* "nvHOLD2" */
#define NVH_HOLDS 32
#define NVH_HOLD_ADDRESSES 8192
#define NVH_HOLD_WAITERS 4

#define NVH_HOLD_TABLE 0x1000
#define NVH_HOLD_PLACES 0x4000
#define NVH_HOLD_LOG 0x24000

#define NVH_ANY (-1)

enum nvh_hold_state { HOLD_OFF, HOLD_WAITS, HOLD_ARMED, HOLD_HOLDING, HOLD_PASSING, HOLD_DONE };
enum nvh_hold_why { WHY_NONE, WHY_UNTIL, WHY_STEP, WHY_DEADLINE, WHY_BLOCKED, WHY_END, WHYS };
/* LOOKS: a WFE in a function in which CPUs wait, between two looks at what they wait for. */
enum nvh_hold_kind { PLACE_PLAIN, PLACE_WAITS, PLACE_WAITED, PLACE_LOOKS };
enum nvh_hold_what { LOG_ARRIVED, LOG_HELD, LOG_RELEASED };

struct nvh_hold_header {
	uint64_t magic;
	uint32_t addresses, enabled;
	uint64_t yield, wfi;	 /* addresses of such instructions in the kernel's text */
	uint64_t per_cpu_offset; /* of the kernel's array __per_cpu_offset */
	uint64_t jiffies, tick_ns;
	uint64_t poke; /* address of a 32-bit variable of the kernel's that is poke_value from one place to another; 0: none */
	uint32_t poke_value, poke_old; /* old: [plugin] */
	int32_t poke_from, poke_to; /* places; to: -1 where it stays */
	uint32_t poked; /* [plugin] how often it came to have that value, or had it */
	uint32_t streak; /* a CPU ends its turn after so many arrivals with no other CPU's in between, and where it waits; 0: never */
	uint64_t limit; /* records that the log may have */
	uint64_t used, lost, events; /* [plugin] */
	uint64_t executed; /* [plugin] instructions, without those by which vCPUs are held */
};

/* What happens at a place of a CPU; place NVH_ANY: nothing does. */
struct nvh_point {
	int32_t place, cpu;
};

struct nvh_waiter {
	int32_t cpu, place; /* a place of kind PLACE_WAITS */
	uint64_t caller;
};

struct nvh_hold {
	struct nvh_point at, after, until;
	uint32_t nth, times, until_nth, until_events; /* times 0: again and again */
	int32_t until_held;			      /* index of another hold */
	uint32_t let_go;
	uint64_t deadline; /* ns of guest time */
	/* [plugin] from here on */
	uint32_t state, why, seen, held;
	uint32_t reasons[8];
	uint64_t sp, pc;
	uint64_t since, jiffies, events;
	uint32_t until_seen, cpu, idle, waiters;
	struct nvh_waiter waiter[NVH_HOLD_WAITERS];
};

struct nvh_hold_address {
	uint64_t address;
	uint32_t place, kind;
};

struct nvh_hold_record {
	uint64_t executed;
	uint16_t place, hold; /* hold: NVH_HOLDS for LOG_ARRIVED */
	uint8_t cpu, what, why, unused;
};

#endif
