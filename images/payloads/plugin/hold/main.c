// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host, inside QEMU: nvh-hold holds a vCPU at a place in L0's kernel until something else has happened
 * (docs/races.md). Options, each KEY=VALUE:
 *
 *   holds=PATH     required; see hold/format.h. It exists, and the harness changes it while QEMU runs
 *   parallel=on    vCPUs have threads of their own (mttcg)
 *
 * A held vCPU's PC is set to a YIELD of the kernel's, whereupon QEMU turns to another vCPU, and back to where it was
 * held when it is let go. It takes interrupts meanwhile. The stack pointer at the place tells the held thread from
 * others that come by, also when the kernel has moved it to another CPU. Nothing depends on the host's time.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hold/hold.h"

#if NVH_API >= 7

struct nvh_hold_header *nvh_head;
struct nvh_hold *nvh_holds;
struct nvh_vcpu nvh_vcpus[NVH_VCPUS];
bool nvh_parallel;

static struct nvh_hold_address *addresses;
static struct nvh_hold_record *records;
static uint64_t executed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void nvh_lock(void)
{
	pthread_mutex_lock(&lock);
}

void nvh_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

uint64_t nvh_executed(void)
{
	return __atomic_load_n(&executed, __ATOMIC_RELAXED);
}

void nvh_log(enum nvh_hold_what what, int place, int cpu, unsigned int hold, unsigned int why)
{
	struct nvh_hold_record *to = &records[nvh_head->used];

	if (nvh_head->used >= nvh_head->limit) {
		nvh_head->lost++;
		return;
	}
	*to = (struct nvh_hold_record){ .executed = nvh_head->executed, .place = (uint16_t)place, .hold = (uint16_t)hold,
					.cpu = (uint8_t)cpu, .what = (uint8_t)what, .why = (uint8_t)why };
	nvh_head->used++;
}

QP_VCPU_CB(on_vcpu, index)
{
	struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];

	QP_UNUSED_ARGUMENT;
	if (index >= NVH_VCPUS) {
		nvh_say(NVH_PLUGIN, "at most %d vCPUs", NVH_VCPUS);
		exit(1);
	}
	if (vcpu->ready)
		return;
	nvh_registers_init(&vcpu->registers);
	vcpu->cpsr = nvh_register(&vcpu->registers, "cpsr");
	vcpu->sp = nvh_register(&vcpu->registers, "sp");
	vcpu->lr = nvh_register(&vcpu->registers, "x30");
	vcpu->tpidr = nvh_register(&vcpu->registers, "TPIDR_EL2");
	if (!vcpu->cpsr || !vcpu->sp || !vcpu->lr || !vcpu->tpidr) {
		nvh_say(NVH_PLUGIN, "this QEMU does not show cpsr, sp, x30 and TPIDR_EL2");
		exit(1);
	}
	vcpu->ready = true;
}

/*
 * Linux keeps a CPU's offset in TPIDR_EL2 at EL2, and all of them in an array. The index that a callback is given is
 * of no use under icount (which.h).
 */
static int cpu_of(const struct nvh_vcpu *vcpu)
{
	static uint64_t known[NVH_VCPUS];
	uint64_t key = nvh_read(&vcpu->registers, vcpu->tpidr), offset;

	for (int cpu = 0; cpu < NVH_VCPUS; cpu++)
		if (known[cpu] && known[cpu] == key)
			return cpu;
	for (int cpu = 0; cpu < NVH_VCPUS; cpu++) {
		if (!nvh_read_memory(&vcpu->registers, nvh_head->per_cpu_offset + 8 * (unsigned int)cpu, &offset,
				     sizeof(offset)))
			break;
		if (offset == key) {
			known[cpu] = key;
			return cpu;
		}
	}
	return NVH_VCPUS; /* before it has said who it is */
}

static void here(struct nvh_here *to, unsigned int index)
{
	const struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];

	to->vcpu = vcpu;
	to->el2 = nvh_el(&vcpu->registers, vcpu->cpsr) == 2;
	if (!to->el2)
		return;
	to->cpu = cpu_of(vcpu);
	to->sp = nvh_read(&vcpu->registers, vcpu->sp);
}

/* A variable of the kernel's is another value from one place on, up to a second one where there is one: it is what it was then. */
static void poke(const struct nvh_registers *registers, int place)
{
	uint32_t now;

	if (place == nvh_head->poke_from) {
		if (!nvh_read_memory(registers, nvh_head->poke, &now, sizeof(now)))
			return;
		if (now != nvh_head->poke_value) {
			nvh_head->poke_old = now;
			if (!nvh_write_memory(registers, nvh_head->poke, &nvh_head->poke_value, sizeof(now)))
				return;
		}
		nvh_head->poked++;
	} else if (place == nvh_head->poke_to && nvh_head->poke_old) {
		nvh_write_memory(registers, nvh_head->poke, &nvh_head->poke_old, sizeof(now));
	}
}

static void at_place(unsigned int index, void *data)
{
	const struct nvh_hold_address *place = data;
	struct nvh_here now = { .pc = place->address };
	uint64_t go;

	if (!__atomic_load_n(&nvh_head->enabled, __ATOMIC_ACQUIRE))
		return;
	here(&now, index);
	if (!now.el2)
		return;
	nvh_lock();
	if (nvh_head->poke && place->kind == PLACE_PLAIN)
		poke(&now.vcpu->registers, (int)place->place);
	go = nvh_arrive(&now, place);
	nvh_unlock();
	if (go)
		qemu_plugin_set_pc(go);
}

/* Behind the YIELD or WFI: was it one by which a vCPU is held? */
static void at_turn(unsigned int index, void *data)
{
	struct nvh_here now = { .pc = 0 };
	uint64_t go;

	if (!nvh_anybody_held())
		return;
	here(&now, index);
	if (!now.el2)
		return;
	nvh_lock();
	go = nvh_turn(&now, (uint64_t)(uintptr_t)data);
	nvh_unlock();
	if (go)
		qemu_plugin_set_pc(go);
}

/* No inline counter: with one QEMU 11.1.3 does not bring L0 up. */
static void at_block(unsigned int index, void *data)
{
	(void)index;
	__atomic_fetch_add(&executed, (uintptr_t)data, __ATOMIC_RELAXED);
}

/* The first entry of the table, which is sorted, at or behind `pc`. */
static uint32_t find(uint64_t pc)
{
	uint32_t low = 0, high = nvh_head->addresses;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (addresses[middle].address < pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

QP_TB_CB(on_block, tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	QP_UNUSED_ARGUMENT;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, at_block, QP_CB_NO_REGS, (void *)(uintptr_t)count);
	for (size_t i = 0; i < count; i++) {
		struct qp_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t pc = qemu_plugin_insn_vaddr(insn);

		/* An address may be several places: behind one call, and before the next. */
		for (uint32_t j = find(pc); j < nvh_head->addresses && addresses[j].address == pc; j++)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_place, QP_CB_RW_REGS_PC, &addresses[j]);
		if (pc == nvh_head->yield + 4 || pc == nvh_head->wfi + 4)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_turn, QP_CB_RW_REGS_PC,
							       (void *)(uintptr_t)(count - i));
	}
}

static bool open_file(const char *path)
{
	int file = open(path, O_RDWR);
	struct stat status;
	void *memory = MAP_FAILED;

	if (file >= 0 && !fstat(file, &status) && status.st_size > NVH_HOLD_LOG)
		memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (file >= 0)
		close(file);
	if (memory == MAP_FAILED) {
		nvh_say(NVH_PLUGIN, "%s: %m", path);
		return false;
	}
	nvh_head = memory;
	nvh_holds = (void *)((char *)memory + NVH_HOLD_TABLE);
	addresses = (void *)((char *)memory + NVH_HOLD_PLACES);
	records = (void *)((char *)memory + NVH_HOLD_LOG);
	if (nvh_head->magic != NVH_HOLD_MAGIC || nvh_head->addresses > NVH_HOLD_ADDRESSES ||
	    nvh_head->limit > ((uint64_t)status.st_size - NVH_HOLD_LOG) / sizeof(*records)) {
		nvh_say(NVH_PLUGIN, "%s is no file of holds, or of another version", path);
		return false;
	}
	return true;
}

static const char *holds;

static bool take(const char *option)
{
	const char *value = nvh_value(option, "holds");

	if (value)
		holds = value;
	else if (!strcmp(option, "parallel=on"))
		nvh_parallel = true;
	else
		return false;
	return true;
}

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	if (!nvh_accept(NVH_PLUGIN, info, argc, argv) || !nvh_options(NVH_PLUGIN, argc, argv, take))
		return 1;
	if (!holds) {
		nvh_say(NVH_PLUGIN, "needs the option holds=PATH");
		return 1;
	}
	if (!open_file(holds))
		return 1;
	QP_ON_VCPU_INIT(id, on_vcpu);
	QP_ON_TRANSLATION(id, on_block);
	return 0;
}

#else

NVH_EXPORT int qemu_plugin_install(qp_id id, const struct qp_info *info, int argc, char **argv)
{
	(void)id;
	return nvh_refuse(NVH_PLUGIN, info, argc, argv, "set a PC");
}

#endif
