// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU, on a vCPU's thread: what happens when an instruction of interest comes. */
#include <pthread.h>
#include <string.h>

#include "bits.h"
#include "trace/trace.h"

/* What a record says of its CPU, read anew only after an instruction that may have changed it. */
static unsigned int which(const struct nvh_vcpu *vcpu, unsigned int index)
{
	unsigned int number = nvh_which(vcpu, index);
	struct nvh_cpu *cpu = &nvh_cpus[number];

	if (!cpu->fresh) {
		cpu->vttbr = nvh_read(&vcpu->registers, vcpu->vttbr);
		cpu->hcr = nvh_read(&vcpu->registers, vcpu->hcr);
		cpu->fresh = true;
	}
	return number;
}

static uint64_t operand(const struct nvh_vcpu *vcpu, unsigned int rt)
{
	return rt == 31 ? 0 : nvh_read(&vcpu->registers, vcpu->x[rt]);
}

static uint16_t with_level(uint16_t info, unsigned int el)
{
	return info | el << 14;
}

/*
 * Where any vCPU's vectors may be: every VBAR that was written, or in force when an exception returned. Only
 * what begins a block there is looked at. When there are too many, every block at such an alignment is.
 */
static uint64_t vbars[NVH_VBARS];
static unsigned int vbar_count;

bool nvh_may_be_vectors(uint64_t base)
{
	unsigned int count = __atomic_load_n(&vbar_count, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < count; i++)
		if (vbars[i] == base)
			return true;
	return count == NVH_VBARS;
}

static void add_vectors(uint64_t vbar)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	vbar &= ~0x7ffull;
	if (nvh_may_be_vectors(vbar))
		return;
	pthread_mutex_lock(&lock);
	if (!nvh_may_be_vectors(vbar)) {
		vbars[vbar_count] = vbar;
		__atomic_store_n(&vbar_count, vbar_count + 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
}

/* QEMU 11.1 gives the value of VBAR_EL2 for VBAR_EL1 at EL2 with HCR_EL2.E2H set: read one's own only. */
static uint64_t own_vectors(const struct nvh_vcpu *vcpu, unsigned int el)
{
	return nvh_read(&vcpu->registers, vcpu->vbar[el == 2 ? 2 : 1]) & ~0x7ffull;
}

/* What must be noticed whether it is recorded or not. */
static void keep_up(struct nvh_vcpu *vcpu, unsigned int index, const struct nvh_site *site)
{
	if (site->kind == NVH_ERET) {
		/* From reset on, every VBAR was seen when it was written. */
		if (!nvh_from_reset)
			add_vectors(own_vectors(vcpu, nvh_level(vcpu)));
		nvh_which(vcpu, index);
	} else if (site->kind == NVH_MSR && nvh_is_vbar(site->info)) {
		add_vectors(operand(vcpu, site->rt));
	} else if (site->kind == NVH_MSR && nvh_is_context(site->info)) {
		nvh_cpus[nvh_which(vcpu, index)].fresh = false;
	}
}

/* Called before the instruction executes, and also when it then traps: the reader tells from what follows. */
void nvh_before(unsigned int index, void *data)
{
	const struct nvh_site *site = data;
	struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];
	const struct nvh_registers *registers = &vcpu->registers;
	uint64_t values[3];
	unsigned int el, of, cpu, count = 0;

	if (!nvh_wanted_anywhere(site->kind) || (site->kind == NVH_MSR && nvh_is_vbar(site->info))) {
		keep_up(vcpu, index, site);
		return;
	}
	el = nvh_level(vcpu);
	if (!nvh_wanted(site->kind, el)) {
		keep_up(vcpu, index, site);
		return;
	}
	of = el == 2 ? 2 : 1;
	cpu = which(vcpu, index);
	switch (site->kind) {
	case NVH_TLBI:
		values[count++] = operand(vcpu, site->rt);
		values[count++] = nvh_read(registers, vcpu->ttbr[of][0]);
		values[count++] = nvh_read(registers, vcpu->ttbr[of][1]);
		break;
	case NVH_AT:
	case NVH_MSR:
		values[count++] = operand(vcpu, site->rt);
		break;
	case NVH_ERET:
		values[count++] = nvh_read(registers, vcpu->elr[of]);
		values[count++] = nvh_read(registers, vcpu->spsr[of]);
		break;
	}
	nvh_record(cpu, site->kind, with_level(site->info, el), site->pc, values, count);
	keep_up(vcpu, index, site);
}

/*
 * A trapped system instruction of vEL2 (HCR_EL2.{NV,NV2} = {1,1}): what L1 has in its VTTBR_EL2, HCR_EL2 and
 * VTCR_EL2, which are in the page at VNCR_EL2 (Arm ARM D8.11, where the page's layout is), and its vCPU. The page
 * is mapped at EL2, which has just been entered. All ones where it cannot be read.
 */
#define VNCR_VTTBR 0x20
#define VNCR_VTCR 0x40
#define VNCR_HCR 0x78

static void virtual_registers(const struct nvh_vcpu *vcpu, uint64_t *values)
{
	const uint64_t base = (uint64_t)((int64_t)(nvh_read(&vcpu->registers, vcpu->vncr) << 11) >> 11) & ~0xfffull;
	uint64_t page[VNCR_HCR / 8 + 1];

	if (!nvh_read_memory(&vcpu->registers, base, page, sizeof(page)))
		memset(page, 0xff, sizeof(page));
	values[0] = page[VNCR_VTTBR / 8];
	values[1] = page[VNCR_HCR / 8];
	values[2] = page[VNCR_VTCR / 8];
}

/* KVM gives vCPU n the affinity Aff2:Aff1:Aff0 = n[19:12]:n[11:4]:n[3:0] (reset_mpidr()). */
static unsigned int virtual_cpu(const struct nvh_vcpu *vcpu)
{
	const uint64_t mpidr = nvh_read(&vcpu->registers, vcpu->vmpidr);

	return (mpidr & 0xf) | (mpidr >> 8 & 0xff) << 4;
}

/* An exception begins a block at VBAR_ELx + 128 * n. Whatever block begins at a multiple of 128 comes here. */
void nvh_at_vector(unsigned int index, void *data)
{
	const struct nvh_site *site = data;
	const struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];
	const struct nvh_registers *registers = &vcpu->registers;
	const uint64_t base = site->pc & ~0x7ffull;
	uint64_t values[6] = { 0 };
	unsigned int el, cpu, guest = 0;

	if (!nvh_wanted_anywhere(NVH_EXCEPTION) || !nvh_may_be_vectors(base))
		return;
	el = nvh_level(vcpu);
	if (el == 0 || el > 2 || !nvh_wanted(NVH_EXCEPTION, el) || own_vectors(vcpu, el) != base)
		return;
	values[0] = nvh_read(registers, vcpu->elr[el]);
	values[1] = nvh_read(registers, vcpu->spsr[el]);
	values[2] = nvh_read(registers, vcpu->esr[el]);
	values[3] = nvh_read(registers, vcpu->far[el]);
	values[4] = el == 2 ? nvh_read(registers, vcpu->hpfar) : 0;
	cpu = which(vcpu, index);
	if (el == 2 && (site->pc >> 7 & 3) == 0 && FIELD(values[2], ESR_EC) == ESR_EC_SYS64 &&
	    (nvh_cpus[cpu].hcr & (HCR_NV | HCR_NV2)) == (HCR_NV | HCR_NV2)) {
		virtual_registers(vcpu, values + 3);
		guest = virtual_cpu(vcpu) & 0x3ff;
	}
	nvh_record(cpu, NVH_EXCEPTION, with_level((site->pc >> 7 & 15) | guest << 4, el), site->pc, values, 6);
}

void nvh_at_call(unsigned int index, void *data)
{
	const struct nvh_site *site = data;
	const struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];
	uint64_t values[9];
	unsigned int el;

	if (!nvh_wanted_anywhere(NVH_CALL))
		return;
	el = nvh_level(vcpu);
	if (!nvh_wanted(NVH_CALL, el))
		return;
	for (int i = 0; i < 8; i++)
		values[i] = nvh_read(&vcpu->registers, vcpu->x[i]);
	values[8] = nvh_read(&vcpu->registers, vcpu->x[30]);
	nvh_record(which(vcpu, index), NVH_CALL, with_level(site->info, el), site->pc, values, 9);
}
