// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvh-linux: a VMM for one Linux, at any level, with no more than Linux needs: one CPU, memory, a GICv3, the generic timer, a
 * PL011 on standard input and output, an initramfs. At SIGUSR1 it does to the guest's memory what hosts do, if it was asked to
 * (--userfault, --log), and says on standard error what came of it.
 *
 * Exit: 0 the guest powered itself off, 1 it did not: a crash, a reset, --timeout; 2 usage; 3 KVM or the machine failed.
 */
#include "fdt.h"
#include "log.h"
#include "number.h"
#include "uart.h"
#include "userfault.h"
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define EXIT_ENVIRONMENT 3

/* Guest addresses, those of QEMU's machine `virt`. */
#define DISTRIBUTOR 0x08000000ul
#define DISTRIBUTOR_SIZE 0x10000u
#define REDISTRIBUTOR 0x080a0000ul
#define REDISTRIBUTOR_SIZE 0x20000u
#define UART 0x09000000ul
#define MEMORY 0x40000000ul

#define UART_SPI 1u
#define SPI_FIRST 32u
#define INTERRUPTS 64u
#define MAINTENANCE_PPI 9u
#define PPI_FIRST 16u
#ifndef KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ
#define KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ 9
#endif

#define BLOCK (2ul << 20)
/* Documentation/arch/arm64/booting.rst */
#define IMAGE_MAGIC 0x644d5241u
struct image_header {
	uint32_t code[2];
	uint64_t text_offset, image_size, flags, reserved[3];
	uint32_t magic, reserved2;
};

struct guest {
	const char *image, *initrd, *append;
	unsigned memory_mib, timeout_s;
	bool el2, userfault;
	struct log log;
	uint8_t *memory;
	size_t size;
	uint64_t entry, initrd_at, initrd_end, tree_at;
	int kvm, vm, vcpu, gic;
	struct kvm_run *run;
};

static int vm_of_line = -1;

/* The thread that runs the vCPU, and whether it is to be at rest, or is. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	struct kvm_run *run;
	bool wanted, is;
} rest = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static int usage(void)
{
	fprintf(stderr,
		"usage: nvh-linux --kernel IMAGE --initrd CPIO [--append TEXT] [--memory-mib N] [--timeout S] [--el2]\n"
		"                 [--userfault | --log automatic|manual|initially-set [--split-kib N]]\n"
		"Starts Linux as a guest of this level's KVM; its console is our standard input and output.\n"
		"--el2 gives it an EL2, where this level's KVM can.\n"
		"At each SIGUSR1, --userfault takes all memory away, and the guest asks for it page by page (userfaultfd);\n"
		"--log copies all memory by the dirty log while the guest runs, with eager page splitting, and compares.\n");
	return EXIT_USAGE;
}

static bool failed(const char *what)
{
	fprintf(stderr, "nvh-linux: %s: %s\n", what, strerror(errno));
	return false;
}

static bool refuse(const char *what, const char *why)
{
	fprintf(stderr, "nvh-linux: %s: %s\n", what, why);
	return false;
}

/* Reads all of `path` to `offset` of the guest's memory. */
static bool load(struct guest *g, const char *path, uint64_t offset, uint64_t *end)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;

	if (fd < 0)
		return failed(path);
	while (got > 0 && offset < g->size - BLOCK) {
		got = read(fd, g->memory + offset, g->size - BLOCK - offset);
		offset += got > 0 ? (uint64_t)got : 0;
	}
	close(fd);
	if (got < 0)
		return failed(path);
	*end = offset;
	return !got || refuse(path, "no room for it in the guest's memory");
}

static bool load_all(struct guest *g)
{
	struct image_header header;
	uint64_t end;

	g->size = (size_t)g->memory_mib << 20;
	g->memory = vmm_memory(g->size);
	if (!g->memory)
		return failed("memory of the guest");
	if (g->userfault && !userfault_map(g->memory, g->size))
		return failed("a memfd for the guest");
	madvise(g->memory, g->size, MADV_HUGEPAGE); /* fewer faults, where there are huge pages */
	if (!load(g, g->image, 0, &end))
		return false;
	memcpy(&header, g->memory, sizeof(header));
	if (end < sizeof(header) || header.magic != IMAGE_MAGIC)
		return refuse(g->image, "no arm64 Image");
	if (header.text_offset || header.image_size < end || header.image_size > g->size - 2 * BLOCK)
		return refuse(g->image, "an Image that asks for another place, or more memory");
	g->entry = MEMORY;
	g->initrd_at = (header.image_size + BLOCK - 1) & -BLOCK;
	if (!load(g, g->initrd, g->initrd_at, &g->initrd_end))
		return false;
	g->tree_at = g->size - BLOCK;
	return true;
}

#define CELLS(tree, name, ...) \
	fdt_cells(tree, name, sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t), (const uint32_t[]){ __VA_ARGS__ })
#define HIGH(value) ((uint32_t)((value) >> 32))
#define LOW(value) ((uint32_t)(value))
#define PHANDLE_GIC 1u
#define PHANDLE_CLOCK 2u
#define IS_SPI 0u
#define IS_PPI 1u
#define LEVEL_HIGH 4u

static bool write_tree(struct guest *g)
{
	static const char pl011[] = "arm,pl011\0arm,primecell", clocks[] = "uartclk\0apb_pclk";
	struct fdt tree;

	fdt_start(&tree, g->memory + g->tree_at, BLOCK);
	fdt_node(&tree, "");
	fdt_text(&tree, "compatible", "linux,dummy-virt");
	CELLS(&tree, "#address-cells", 2);
	CELLS(&tree, "#size-cells", 2);
	CELLS(&tree, "interrupt-parent", PHANDLE_GIC);
	fdt_node(&tree, "chosen");
	fdt_text(&tree, "bootargs", g->append);
	fdt_text(&tree, "stdout-path", "/uart@9000000");
	CELLS(&tree, "linux,initrd-start", HIGH(MEMORY + g->initrd_at), LOW(MEMORY + g->initrd_at));
	CELLS(&tree, "linux,initrd-end", HIGH(MEMORY + g->initrd_end), LOW(MEMORY + g->initrd_end));
	fdt_end(&tree);
	fdt_node(&tree, "memory@40000000");
	fdt_text(&tree, "device_type", "memory");
	CELLS(&tree, "reg", HIGH(MEMORY), LOW(MEMORY), HIGH(g->size), LOW(g->size));
	fdt_end(&tree);
	fdt_node(&tree, "cpus");
	CELLS(&tree, "#address-cells", 1);
	CELLS(&tree, "#size-cells", 0);
	fdt_node(&tree, "cpu@0");
	fdt_text(&tree, "device_type", "cpu");
	fdt_text(&tree, "compatible", "arm,armv8");
	CELLS(&tree, "reg", 0);
	fdt_end(&tree);
	fdt_end(&tree);
	fdt_node(&tree, "psci");
	fdt_text(&tree, "compatible", "arm,psci-1.0");
	fdt_text(&tree, "method", g->el2 ? "smc" : "hvc");
	fdt_end(&tree);
	fdt_node(&tree, "timer");
	fdt_text(&tree, "compatible", "arm,armv8-timer");
	/* Secure, non-secure, virtual, EL2 physical, EL2 virtual. */
	CELLS(&tree, "interrupts", IS_PPI, 13, LEVEL_HIGH, IS_PPI, 14, LEVEL_HIGH, IS_PPI, 11, LEVEL_HIGH, IS_PPI, 10,
	      LEVEL_HIGH, IS_PPI, 12, LEVEL_HIGH);
	fdt_bytes(&tree, "always-on", NULL, 0);
	fdt_end(&tree);
	fdt_node(&tree, "interrupt-controller@8000000");
	fdt_text(&tree, "compatible", "arm,gic-v3");
	CELLS(&tree, "#interrupt-cells", 3);
	fdt_bytes(&tree, "interrupt-controller", NULL, 0);
	CELLS(&tree, "reg", 0, DISTRIBUTOR, 0, DISTRIBUTOR_SIZE, 0, REDISTRIBUTOR, 0, REDISTRIBUTOR_SIZE);
	CELLS(&tree, "interrupts", IS_PPI, MAINTENANCE_PPI, LEVEL_HIGH);
	CELLS(&tree, "phandle", PHANDLE_GIC);
	fdt_end(&tree);
	fdt_node(&tree, "clock");
	fdt_text(&tree, "compatible", "fixed-clock");
	CELLS(&tree, "#clock-cells", 0);
	CELLS(&tree, "clock-frequency", 24000000);
	CELLS(&tree, "phandle", PHANDLE_CLOCK);
	fdt_end(&tree);
	fdt_node(&tree, "uart@9000000");
	fdt_bytes(&tree, "compatible", pl011, sizeof(pl011));
	CELLS(&tree, "reg", 0, UART, 0, UART_SIZE);
	CELLS(&tree, "arm,primecell-periphid", UART_ID);
	CELLS(&tree, "interrupts", IS_SPI, UART_SPI, LEVEL_HIGH);
	CELLS(&tree, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
	fdt_bytes(&tree, "clock-names", clocks, sizeof(clocks));
	fdt_end(&tree);
	fdt_end(&tree);
	return fdt_finish(&tree) || refuse("device tree", "no room for it");
}

static bool gic_set(struct guest *g, uint32_t group, uint64_t attribute, const void *value)
{
	struct kvm_device_attr it = { .group = group, .attr = attribute, .addr = (uintptr_t)value };

	return !ioctl(g->gic, KVM_SET_DEVICE_ATTR, &it) || failed("KVM_SET_DEVICE_ATTR of the GIC");
}

static bool create_gic(struct guest *g)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	const uint64_t distributor = DISTRIBUTOR, redistributor = REDISTRIBUTOR;
	const uint32_t interrupts = INTERRUPTS, maintenance = PPI_FIRST + MAINTENANCE_PPI;

	if (ioctl(g->vm, KVM_CREATE_DEVICE, &device))
		return failed("KVM_CREATE_DEVICE of the GIC");
	g->gic = (int)device.fd;
	return gic_set(g, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &distributor) &&
	       gic_set(g, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redistributor) &&
	       gic_set(g, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts) &&
	       (!g->el2 || gic_set(g, KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ, 0, &maintenance)) &&
	       gic_set(g, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

static bool create(struct guest *g)
{
	struct kvm_vcpu_init init;
	int bits, run_size;

	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (g->kvm < 0)
		return failed("/dev/kvm");
	bits = ioctl(g->kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	run_size = ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	g->vm = ioctl(g->kvm, KVM_CREATE_VM, bits > 0 && bits < 40 ? (unsigned long)bits : 0ul);
	if (g->vm < 0)
		return failed("KVM_CREATE_VM");
	g->log.vm = g->vm;
	g->log.gpa = MEMORY;
	g->log.memory = g->memory;
	g->log.size = g->size;
	if (g->log.kind && !log_prepare(&g->log))
		return failed("the dirty log");
	if (!vmm_slot(g->vm, 0, MEMORY, g->size, g->memory, 0))
		return failed("KVM_SET_USER_MEMORY_REGION");
	g->vcpu = ioctl(g->vm, KVM_CREATE_VCPU, 0);
	if (g->vcpu < 0)
		return failed("KVM_CREATE_VCPU");
	g->run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	if (g->run == MAP_FAILED)
		return failed("mmap of kvm_run");
	if (ioctl(g->vm, KVM_ARM_PREFERRED_TARGET, &init))
		return failed("KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2 | (g->el2 ? 1u << KVM_ARM_VCPU_HAS_EL2 : 0);
	if (ioctl(g->vcpu, KVM_ARM_VCPU_INIT, &init))
		return failed("KVM_ARM_VCPU_INIT");
	if (!create_gic(g))
		return false;
	return (vmm_set_register(g->vcpu, VMM_CORE(regs.pc), g->entry) &&
		vmm_set_register(g->vcpu, VMM_CORE(regs.regs[0]), MEMORY + g->tree_at)) ||
	       failed("KVM_SET_ONE_REG");
}

static void set_line(bool up)
{
	struct kvm_irq_level level = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (SPI_FIRST + UART_SPI),
		.level = up,
	};

	if (ioctl(vm_of_line, KVM_IRQ_LINE, &level)) {
		failed("KVM_IRQ_LINE");
		_exit(EXIT_ENVIRONMENT);
	}
}

static bool serve_mmio(struct kvm_run *run)
{
	uint64_t at = run->mmio.phys_addr;
	uint32_t value = 0;
	bool known = at >= UART && at < UART + UART_SIZE && run->mmio.len <= sizeof(value);

	if (known && run->mmio.is_write) {
		memcpy(&value, run->mmio.data, run->mmio.len);
		known = uart_write(at - UART, value);
	} else if (known) {
		known = uart_read(at - UART, &value);
		memcpy(run->mmio.data, &value, run->mmio.len);
	}
	if (!known)
		fprintf(stderr, "nvh-linux: unexpected %u-byte %s at 0x%llx\n", run->mmio.len,
			run->mmio.is_write ? "write" : "read", (unsigned long long)at);
	return known;
}

static void on_timeout(int signal)
{
	static const char text[] = "\nnvh-linux: the guest has not powered itself off in time\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_ENVIRONMENT);
	_exit(EXIT_FAILURE);
}

static void on_kick(int signal)
{
	(void)signal; /* its delivery ends KVM_RUN with EINTR */
}

static void rest_if_wanted(void)
{
	pthread_mutex_lock(&rest.lock);
	while (rest.wanted) {
		rest.is = true;
		pthread_cond_broadcast(&rest.changed);
		pthread_cond_wait(&rest.changed, &rest.lock);
	}
	rest.is = false;
	rest.run->immediate_exit = 0;
	pthread_mutex_unlock(&rest.lock);
}

static void rest_guest(bool so)
{
	pthread_mutex_lock(&rest.lock);
	rest.wanted = so;
	if (so && !rest.is) {
		rest.run->immediate_exit = 1; /* closes the race between the flag and KVM_RUN */
		pthread_kill(rest.thread, SIGUSR2);
	}
	pthread_cond_broadcast(&rest.changed);
	while (so && !rest.is)
		pthread_cond_wait(&rest.changed, &rest.lock);
	pthread_mutex_unlock(&rest.lock);
}

static bool move(unsigned round)
{
	const uint64_t minor = userfault_minor(), missing = userfault_missing();
	const long behind = userfault_behind(), moved = userfault_move();

	if (behind < 0 || moved < 0)
		return failed("taking memory away");
	fprintf(stderr, "round=%u moved=%ld behind=%ld asked_minor=%lu asked_missing=%lu\n", round, moved, behind,
		minor, missing);
	return true;
}

static bool copy(const struct guest *g, unsigned round)
{
	struct logged found;

	if (!log_copy(&g->log, &found))
		return failed("the dirty log");
	fprintf(stderr, "round=%u copied=%zu again=%zu differ=%zu blocks_kib=%ld blocks_after_kib=%ld\n", round,
		found.copied, found.again, found.differ, found.blocks_kib, found.blocks_after_kib);
	return true;
}

/* What is asked for by SIGUSR1, one after the other. */
static void *act(void *argument)
{
	const struct guest *g = argument;
	unsigned round = 0;
	sigset_t asked;
	int signal;

	sigemptyset(&asked);
	sigaddset(&asked, SIGUSR1);
	while (!sigwait(&asked, &signal)) {
		round++;
		if (!(g->userfault ? move(round) : copy(g, round)))
			_exit(EXIT_ENVIRONMENT);
	}
	return NULL;
}

/* Before other threads begin, which have the mask of this one. */
static bool start_acts(struct guest *g)
{
	struct sigaction kick = { .sa_handler = on_kick };
	pthread_t thread;
	sigset_t asked;

	sigemptyset(&asked);
	sigaddset(&asked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &asked, NULL);
	sigaction(SIGUSR2, &kick, NULL);
	rest.thread = pthread_self();
	rest.run = g->run;
	if (g->userfault && !userfault_start())
		return failed("userfaultfd");
	if (!g->userfault && !g->log.kind)
		return true;
	errno = pthread_create(&thread, NULL, act, g);
	return !errno || failed("a thread");
}

static int execute(struct guest *g)
{
	for (;;) {
		rest_if_wanted();
		if (ioctl(g->vcpu, KVM_RUN, 0)) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			failed("KVM_RUN");
			return EXIT_ENVIRONMENT;
		}
		if (g->run->exit_reason == KVM_EXIT_MMIO) {
			if (!serve_mmio(g->run))
				return EXIT_FAILURE;
		} else if (g->run->exit_reason == KVM_EXIT_SYSTEM_EVENT) {
			if (g->run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN)
				return EXIT_SUCCESS;
			fprintf(stderr, "nvh-linux: system event %u\n", g->run->system_event.type);
			return EXIT_FAILURE;
		} else {
			fprintf(stderr, "nvh-linux: exit reason %u\n", g->run->exit_reason);
			return EXIT_FAILURE;
		}
	}
}

int main(int argc, char **argv)
{
	struct guest g = { .append = "", .memory_mib = 128, .log = { .rest = rest_guest } };

	for (int i = 1; i < argc; i++) {
		const char *key = argv[i], *text = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(key, "--el2")) {
			g.el2 = true;
			continue;
		}
		if (!strcmp(key, "--userfault")) {
			g.userfault = true;
			continue;
		}
		if (!strcmp(key, "--kernel") && *text)
			g.image = text;
		else if (!strcmp(key, "--initrd") && *text)
			g.initrd = text;
		else if (!strcmp(key, "--append") && i + 1 < argc)
			g.append = text;
		else if (!strcmp(key, "--log") && log_kind(text))
			g.log.kind = log_kind(text);
		else if (!(!strcmp(key, "--split-kib") && number_unsigned(text, 0, 1 << 20, &g.log.split_kib)) &&
			 !(!strcmp(key, "--memory-mib") && number_unsigned(text, 48, 2048, &g.memory_mib)) &&
			 !(!strcmp(key, "--timeout") && number_unsigned(text, 1, 3600, &g.timeout_s))) {
			fprintf(stderr, "nvh-linux: bad option or value: %s %s\n", key, text);
			return usage();
		}
		i++;
	}
	if (!g.image || !g.initrd || (g.userfault && g.log.kind) || (g.log.split_kib && !g.log.kind))
		return usage();
	if (!load_all(&g) || !write_tree(&g) || !create(&g))
		return EXIT_ENVIRONMENT;
	vm_of_line = g.vm;
	if (!start_acts(&g))
		return EXIT_ENVIRONMENT;
	if (!uart_start(set_line)) {
		failed("uart");
		return EXIT_ENVIRONMENT;
	}
	signal(SIGALRM, on_timeout);
	alarm(g.timeout_s);
	return execute(&g);
}
