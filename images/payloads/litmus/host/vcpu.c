// SPDX-License-Identifier: GPL-2.0-only
/* KVM's objects beside the VM itself: vCPUs with EL2, their registers, what L1 may see of the CPU, the GIC. */
#include "host/vcpu.h"
#include "host/break.h"
#include "host/features.h"
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define GICD_PA 0x08000000
#define GICR_PA 0x080a0000
#define COUNTERS_IRQ 23

#define REGISTER(op0, op1, crn, crm, op2) ARM64_SYS_REG(op0, op1, crn, crm, op2)
#define ID_AA64MMFR0_EL1 REGISTER(3, 0, 0, 7, 0)
#define ID_AA64MMFR1_EL1 REGISTER(3, 0, 0, 7, 1)
#define ID_AA64ISAR0_EL1 REGISTER(3, 0, 0, 6, 0)
#define ID_AA64ISAR1_EL1 REGISTER(3, 0, 0, 6, 1)

int kvm_open(void)
{
	static int kvm = -1;

	if (kvm < 0)
		kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	return kvm;
}

bool kvm_has_el2(void)
{
	return kvm_open() >= 0 && ioctl(kvm_open(), KVM_CHECK_EXTENSION, KVM_CAP_ARM_EL2) > 0;
}

bool kvm_has_e2h0(void)
{
	return kvm_open() >= 0 && ioctl(kvm_open(), KVM_CHECK_EXTENSION, KVM_CAP_ARM_EL2_E2H0) > 0;
}

static bool wants_counters(const struct config *config)
{
	return config->counters && ioctl(kvm_open(), KVM_CHECK_EXTENSION, KVM_CAP_ARM_PMU_V3) > 0;
}

/* A machine may have less than `most` by itself. */
static bool lower_field(struct vm *vm, uint64_t id, unsigned low, uint64_t most)
{
	uint64_t value, field;

	if (!vmm_get_register(vm->vcpu[0].fd, id, &value))
		return vm_fails(vm, "KVM_GET_ONE_REG of an ID register");
	field = value >> low & 0xf;
	value = (value & ~(0xfull << low)) | (field < most ? field : most) << low;
	return vmm_set_register(vm->vcpu[0].fd, id, value) || vm_fails(vm, "KVM_SET_ONE_REG of an ID register");
}

static bool initialise(struct vm *vm, const struct vcpu *v)
{
	struct kvm_vcpu_init init;

	if (ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return vm_fails(vm, "KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1 << KVM_ARM_VCPU_HAS_EL2;
	if (vm->config.e2h0)
		init.features[0] |= 1 << KVM_ARM_VCPU_HAS_EL2_E2H0;
	if (wants_counters(&vm->config))
		init.features[0] |= 1 << KVM_ARM_VCPU_PMU_V3;
	return !ioctl(v->fd, KVM_ARM_VCPU_INIT, &init) || vm_fails(vm, "KVM_ARM_VCPU_INIT with EL2");
}

bool vcpu_create(struct vm *vm, unsigned index)
{
	struct vcpu *v = &vm->vcpu[index];

	v->vm = vm;
	v->index = index;
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);
	if (v->fd < 0)
		return vm_fails(vm, "KVM_CREATE_VCPU");
	if (!(vm->config.late && index >= vm->config.cpus) && !initialise(vm, v))
		return false;
	v->run = mmap(NULL, (size_t)ioctl(kvm_open(), KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
		      0);
	if (v->run == MAP_FAILED)
		return vm_fails(vm, "mmap of the vCPU");
	return true;
}

/*
 * KVM gives a vCPU its shadows when it is initialised, and its pseudo-TLB for the VNCR page when it is about to run for
 * the first time; it need not execute anything for that.
 */
bool vcpu_online(struct vm *vm, unsigned index)
{
	struct vcpu *v = &vm->vcpu[index];

	if (!initialise(vm, v))
		return false;
	v->run->immediate_exit = 1;
	return (ioctl(v->fd, KVM_RUN, 0) < 0 && errno == EINTR) || vm_fails(vm, "KVM_RUN of a vCPU that comes online");
}

bool vcpu_start_at_image(struct vm *vm, unsigned index)
{
	const struct vcpu *v = &vm->vcpu[index];

	return (vmm_set_register(v->fd, VMM_CORE(regs.pc), IMAGE_PA) && vmm_set_register(v->fd, VMM_CORE(regs.regs[0]), index)) ||
	       vm_fails(vm, "KVM_SET_ONE_REG");
}

static bool set_attribute(struct vm *vm, int device, unsigned group, uint64_t attribute, uint64_t value)
{
	struct kvm_device_attr attr = { .group = group, .attr = attribute, .addr = (uintptr_t)&value };

	return !ioctl(device, KVM_SET_DEVICE_ATTR, &attr) ||
	       vm_fails(vm, "KVM_SET_DEVICE_ATTR of the GIC or of the counters");
}

/*
 * vEL2 and L2 take no interrupt. But without an irqchip in the kernel KVM_RUN of a vCPU with EL2 gives EINTR
 * for ever (7.3: kvm_vcpu_exit_request() asks user space to look at the timers).
 */
bool vm_create_gic(struct vm *vm)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	bool done;

	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &device) < 0)
		return vm_fails(vm, "KVM_CREATE_DEVICE of a GICv3");
	done = set_attribute(vm, device.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD_PA) &&
	       set_attribute(vm, device.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, GICR_PA) &&
	       set_attribute(vm, device.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
	close(device.fd);
	return done;
}

/* Counters are there when their interrupt is, for which the GIC has to be. */
bool vm_create_counters(struct vm *vm)
{
	for (unsigned i = 0; wants_counters(&vm->config) && i < vm->config.cpus + vm->config.spare; i++)
		if (!set_attribute(vm, vm->vcpu[i].fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, COUNTERS_IRQ) ||
		    !set_attribute(vm, vm->vcpu[i].fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, 0))
			return false;
	return true;
}

/* What L1 finds: the PA size that the case is for, which leaves KVM's shadows as large as the host's, and no hidden feature. */
bool vm_shape(struct vm *vm)
{
	const struct config *c = &vm->config;

	if (!lower_field(vm, ID_AA64MMFR0_EL1, 0, parange(c)))
		return false;
	if ((c->hide_os || c->hide_range) && !lower_field(vm, ID_AA64ISAR0_EL1, 56, c->hide_os ? 0 : 1))
		return false;
	if (c->hide_flags && !lower_field(vm, ID_AA64MMFR1_EL1, 0, 0))
		return false;
	return !c->hide_xs || lower_field(vm, ID_AA64ISAR1_EL1, 56, 0);
}

uint64_t vm_pc(const struct vm *vm, unsigned index)
{
	uint64_t pc = 0;

	vmm_get_register(vm->vcpu[index].fd, VMM_CORE(regs.pc), &pc);
	return pc;
}

bool vcpu_in_l2(const struct vm *vm, unsigned index)
{
	uint64_t pstate = 0;

	vmm_get_register(vm->vcpu[index].fd, VMM_CORE(regs.pstate), &pstate);
	return (pstate >> 2 & 3) != 2;
}
