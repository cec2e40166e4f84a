// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: which vCPU is held where, and when it is let go. */
#include "hold/hold.h"

#if NVH_API >= 7

/*
 * Others execute so much while somebody waits for a lock or an answer, and the held one is let go: it has what they
 * wait for. Less than a tick of the kernel's clock, more than any critical section of KVM's is long.
 */
#define BLOCKED_NS 1000000
#define IDLE_BLOCKED 64 /* interrupts that found nobody else with anything to do, while somebody waits */
#define IDLE_STUCK 100000 /* turns in a row in which nothing was executed, and no interrupt came */
#define PARALLEL_TURNS 4096 /* turns that take no longer than a look at the others */

static uint64_t overhead, last_progress;
static int held_now, ordered; /* at a YIELD for any reason; of these by an order of the harness */
static struct {
	const struct nvh_hold_address *place;
	uint64_t caller, since;
} waiting[NVH_VCPUS + 1];
/* A CPU that ends its turn at a place: it has a YIELD to execute, and passes the place when it is back. Each has its own. */
static struct turn {
	const struct nvh_hold_address *place; /* NULL: none */
	uint64_t sp, pc;
	bool passing;
} turns[NVH_VCPUS + 1];

static uint64_t progress(void)
{
	return nvh_head->executed = nvh_executed() - overhead;
}

static uint64_t jiffies(const struct nvh_here *here)
{
	uint64_t value = 0;

	nvh_read_memory(&here->vcpu->registers, nvh_head->jiffies, &value, sizeof(value));
	return value;
}

static bool matches(const struct nvh_point *point, const struct nvh_hold_address *place, int cpu)
{
	return point->place == (int32_t)place->place && (point->cpu == NVH_ANY || point->cpu == cpu);
}

bool nvh_anybody_held(void)
{
	return __atomic_load_n(&held_now, __ATOMIC_ACQUIRE) > 0;
}

/* What waits for its beginning begins; what waits for this place has seen it. */
static void tell(const struct nvh_hold_address *place, int cpu)
{
	for (unsigned int i = 0; i < NVH_HOLDS; i++) {
		struct nvh_hold *hold = &nvh_holds[i];

		if (hold->state == HOLD_WAITS && matches(&hold->after, place, cpu)) {
			hold->state = HOLD_ARMED;
			hold->seen = 0;
		}
		if (hold->state != HOLD_HOLDING || (int)hold->cpu == cpu)
			continue;
		if (matches(&hold->until, place, cpu) && ++hold->until_seen >= hold->until_nth)
			hold->why = hold->why ? hold->why : WHY_UNTIL;
		if (hold->until_events && nvh_head->events - hold->events >= hold->until_events)
			hold->why = hold->why ? hold->why : WHY_UNTIL;
	}
}

static void begin(unsigned int index, const struct nvh_here *here, const struct nvh_hold_address *place)
{
	struct nvh_hold *hold = &nvh_holds[index];

	hold->state = HOLD_HOLDING;
	hold->why = WHY_NONE;
	hold->held++;
	hold->sp = here->sp;
	hold->pc = here->pc;
	hold->cpu = (uint32_t)here->cpu;
	hold->since = progress();
	hold->jiffies = jiffies(here);
	hold->events = nvh_head->events;
	hold->until_seen = hold->idle = hold->waiters = 0;
	last_progress = hold->since;
	ordered++;
	__atomic_add_fetch(&held_now, 1, __ATOMIC_RELEASE);
	nvh_log(LOG_HELD, (int)place->place, here->cpu, index, 0);
	if (hold->until_held >= 0 && nvh_holds[hold->until_held].state == HOLD_HOLDING)
		hold->why = WHY_UNTIL;
	for (unsigned int i = 0; i < NVH_HOLDS; i++)
		if (i != index && nvh_holds[i].state == HOLD_HOLDING && nvh_holds[i].until_held == (int32_t)index &&
		    !nvh_holds[i].why)
			nvh_holds[i].why = WHY_UNTIL;
}

static uint64_t end_turn(const struct nvh_here *here, const struct nvh_hold_address *place)
{
	turns[here->cpu] = (struct turn){ .place = place, .sp = here->sp, .pc = here->pc };
	__atomic_add_fetch(&held_now, 1, __ATOMIC_RELEASE);
	return nvh_head->yield;
}

/* The turn that ended here: the thread is back, perhaps on another CPU. */
static struct turn *back(const struct nvh_here *here)
{
	for (unsigned int cpu = 0; cpu <= NVH_VCPUS; cpu++)
		if (turns[cpu].place && turns[cpu].passing && turns[cpu].sp == here->sp && turns[cpu].pc == here->pc)
			return &turns[cpu];
	return NULL;
}

/* One that tries again and again, with what it waits for in reach of the other, has its turn for millions of instructions. */
static bool streak_is_over(int cpu)
{
	static int last = -1;
	static uint32_t streak;

	streak = cpu == last ? streak + 1 : 0;
	last = cpu;
	if (!nvh_head->streak || streak < nvh_head->streak || turns[cpu].place)
		return false;
	streak = 0;
	return true;
}

static void end(struct nvh_hold *hold)
{
	if (hold->times && hold->held >= hold->times)
		hold->state = HOLD_DONE;
	else
		hold->state = hold->after.place == NVH_ANY ? HOLD_ARMED : HOLD_WAITS;
	hold->seen = 0;
}

uint64_t nvh_arrive(const struct nvh_here *here, const struct nvh_hold_address *place)
{
	struct turn *turn = back(here);
	int cpu = here->cpu;

	if (place->kind != PLACE_PLAIN) {
		if (turn) {
			turn->place = NULL;
			return 0;
		}
		if (place->kind != PLACE_LOOKS) {
			waiting[cpu].place = place->kind == PLACE_WAITS ? place : NULL;
			waiting[cpu].caller =
				place->kind == PLACE_WAITS ? nvh_read(&here->vcpu->registers, here->vcpu->lr) : 0;
			waiting[cpu].since = progress();
		}
		/*
		 * It would look at the lock until the end of its turn, while whoever has it does nothing. Where that one is
		 * held by order, time has to pass: it does with what others execute.
		 */
		if (nvh_head->streak && !turns[cpu].place &&
		    (place->kind == PLACE_WAITS || (place->kind == PLACE_LOOKS && !ordered)))
			return end_turn(here, place);
		return 0;
	}
	if (turn) {
		if (turn->place->place == place->place)
			turn->place = NULL;
		return 0; /* it has arrived before */
	}
	for (unsigned int i = 0; i < NVH_HOLDS; i++) {
		struct nvh_hold *hold = &nvh_holds[i];

		if (hold->state == HOLD_PASSING && hold->sp == here->sp && hold->pc == here->pc) {
			if (hold->at.place == (int32_t)place->place)
				end(hold);
			return 0; /* it has arrived before */
		}
	}
	nvh_head->events++;
	progress();
	nvh_log(LOG_ARRIVED, (int)place->place, cpu, NVH_HOLDS, 0);
	tell(place, cpu);
	for (unsigned int i = 0; i < NVH_HOLDS; i++) {
		struct nvh_hold *hold = &nvh_holds[i];

		if (hold->state == HOLD_ARMED && matches(&hold->at, place, cpu) && ++hold->seen == hold->nth) {
			begin(i, here, place);
			return nvh_head->yield;
		}
	}
	return streak_is_over(cpu) ? end_turn(here, place) : 0;
}

/* Who waits on other CPUs since `limit` or longer. */
static void note_waiters(struct nvh_hold *hold, uint64_t limit)
{
	hold->waiters = 0;
	for (int cpu = 0; cpu < NVH_VCPUS && hold->waiters < NVH_HOLD_WAITERS; cpu++)
		if (waiting[cpu].place && cpu != (int)hold->cpu && waiting[cpu].since <= limit)
			hold->waiter[hold->waiters++] =
				(struct nvh_waiter){ cpu, (int32_t)waiting[cpu].place->place, waiting[cpu].caller };
}

static enum nvh_hold_why why(struct nvh_hold *hold, const struct nvh_here *here, uint64_t now)
{
	uint64_t passed = now - hold->since, ticks = (jiffies(here) - hold->jiffies) * nvh_head->tick_ns;

	if (hold->why)
		return hold->why;
	if (!nvh_head->enabled)
		return WHY_END;
	if (hold->let_go)
		return WHY_STEP;
	if (passed > BLOCKED_NS || hold->idle > IDLE_BLOCKED) {
		note_waiters(hold, hold->idle > IDLE_BLOCKED ? now : now - BLOCKED_NS);
		if (hold->waiters)
			return WHY_BLOCKED;
	}
	if (passed >= hold->deadline || ticks >= hold->deadline || hold->idle > IDLE_STUCK) {
		note_waiters(hold, now);
		return WHY_DEADLINE;
	}
	return WHY_NONE;
}

uint64_t nvh_turn(const struct nvh_here *here, uint64_t cost)
{
	for (unsigned int i = 0; i < NVH_HOLDS; i++) {
		struct nvh_hold *hold = &nvh_holds[i];
		uint64_t now;

		if (hold->state != HOLD_HOLDING || hold->sp != here->sp)
			continue;
		overhead += 1 + cost; /* the YIELD or WFI, and what was counted with this instruction's block */
		now = progress();
		hold->idle = now == last_progress ? hold->idle + 1 : 0;
		last_progress = now;
		hold->why = why(hold, here, now);
		if (hold->why) {
			hold->state = HOLD_PASSING;
			hold->reasons[hold->why]++;
			ordered--;
			__atomic_sub_fetch(&held_now, 1, __ATOMIC_RELEASE);
			nvh_log(LOG_RELEASED, 0, here->cpu, i, hold->why);
			return hold->pc;
		}
		/* Nobody has anything to do before the next interrupt: time passes until then. */
		if (hold->idle > (uint32_t)(nvh_parallel ? PARALLEL_TURNS : held_now))
			return nvh_head->wfi;
		return nvh_head->yield;
	}
	for (unsigned int cpu = 0; cpu <= NVH_VCPUS; cpu++) {
		struct turn *turn = &turns[cpu];

		if (!turn->place || turn->passing || turn->sp != here->sp)
			continue;
		overhead += 1 + cost;
		last_progress = progress();
		turn->passing = true;
		__atomic_sub_fetch(&held_now, 1, __ATOMIC_RELEASE);
		return turn->pc;
	}
	return 0;
}

#endif
