// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same payload under another VMM (--vmm qemu): QEMU with KVM boots it, and this program only writes the cases
 * into the guest's RAM, a file that both map, and reads the outcomes there. What needs KVM's own file descriptors
 * (L0's events, hidden features, moved threads) does not apply.
 */
#include "host/qemu.h"
#include "host/break.h"
#include "host/clock.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM_PA IMAGE_PA /* where QEMU's machine "virt" has its RAM */
#define RAM_SIZE (DATA_PA + DATA_SIZE - RAM_PA)
#define POLL_US 50
#define START_TIMEOUT_S 30
#define MACHINE "virt,gic-version=3,virtualization=on,memory-backend=ram"

extern const uint8_t litmus_image[], litmus_image_end[];
extern char **environ;

/* A file in memory, inherited by QEMU under /proc/self/fd. */
static int memory_file(const char *name, uint64_t size)
{
	int fd = memfd_create(name, 0);

	if (fd >= 0 && ftruncate(fd, (off_t)size)) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * The image as an ELF of one segment. QEMU starts such a kernel at its entry and gives it no device tree; for any
 * other it wants the beginning of RAM, where the payload is, for itself.
 */
static bool write_image(int fd)
{
	size_t size = (size_t)(litmus_image_end - litmus_image);
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment;
	} elf = {
		.head = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_EXEC,
			  .e_machine = EM_AARCH64,
			  .e_version = EV_CURRENT,
			  .e_entry = IMAGE_PA,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 1 },
		.segment = { .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W | PF_X,
			     .p_offset = sizeof(elf),
			     .p_vaddr = IMAGE_PA,
			     .p_paddr = IMAGE_PA,
			     .p_filesz = size,
			     .p_memsz = size },
	};

	return write(fd, &elf, sizeof(elf)) == sizeof(elf) && write(fd, litmus_image, size) == (ssize_t)size;
}

static bool map_memory(struct vm *vm)
{
	void *low, *data;

	vm->ram = memory_file("nvh-litmus-ram", RAM_SIZE);
	vm->image = memory_file("nvh-litmus-image", 0);
	if (vm->ram < 0 || vm->image < 0 || !write_image(vm->image))
		return vm_fails(vm, "memfd_create");
	low = mmap(NULL, LOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, vm->ram, 0);
	data = mmap(NULL, DATA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, vm->ram, DATA_PA - RAM_PA);
	if (low == MAP_FAILED || data == MAP_FAILED)
		return vm_fails(vm, "mmap of the guest's memory");
	vm->low = low;
	vm->data = data;
	vm->shared = (struct shared *)(vm->low + (SHARED_PA - IMAGE_PA));
	vm->shared->cpus = vm->config.cpus;
	vm->shared->by_memory = 1;
	vm->shared->set_e2h = vm->config.bare && !vm->config.e2h0;
	vm->shared->vel2_shift = vm->config.vel2_shift ? vm->config.vel2_shift : 12;
	return true;
}

/* How QEMU is started, in front of the machine's own options; bare/main.c has another one. */
static char *const usual[] = { "qemu-system-aarch64", "-accel", "kvm", "-cpu", "host", NULL };
char *const *qemu_words = usual;

static bool start_qemu(struct vm *vm)
{
	char ram[128], kernel[32], smp[16], size[16];
	char *const options[] = { "-M", MACHINE, "-smp", smp, "-m", size, "-object", ram, "-kernel", kernel,
				  "-display", "none", "-nodefaults", "-no-user-config", "-monitor", "none",
				  "-serial", "none", "-no-reboot", NULL };
	char *words[QEMU_WORDS_MAX + sizeof(options) / sizeof(*options)];
	unsigned n = 0;
	int why;

	for (; qemu_words[n] && n < QEMU_WORDS_MAX; n++)
		words[n] = qemu_words[n];
	memcpy(words + n, options, sizeof(options));

	snprintf(ram, sizeof(ram), "memory-backend-file,id=ram,size=%luM,share=on,mem-path=/proc/self/fd/%d",
		 RAM_SIZE >> 20, vm->ram);
	snprintf(kernel, sizeof(kernel), "/proc/self/fd/%d", vm->image);
	snprintf(smp, sizeof(smp), "%u", vm->config.cpus + vm->config.spare);
	snprintf(size, sizeof(size), "%luM", RAM_SIZE >> 20);
	why = posix_spawnp(&vm->qemu, words[0], NULL, NULL, words, environ);
	if (!why)
		return true;
	vm->qemu = 0;
	errno = why;
	return vm_fails(vm, "qemu-system-aarch64");
}

static bool qemu_ended(struct vm *vm)
{
	int status;

	if (vm->qemu && waitpid(vm->qemu, &status, WNOHANG) == vm->qemu) {
		vm->qemu = 0;
		vm_break(vm, "QEMU ended with status 0x%x", status);
	}
	return !vm->qemu;
}

enum ran qemu_run(struct vm *vm, unsigned timeout_s)
{
	struct shared *s = vm->shared;
	uint64_t rings = vm->rings;
	double begin = seconds();

	__atomic_store_n(&s->answers, rings, __ATOMIC_RELEASE);
	while (__atomic_load_n(&s->rings, __ATOMIC_ACQUIRE) == rings) {
		if (qemu_ended(vm))
			return RAN_BROKEN;
		if (seconds() - begin > timeout_s)
			return RAN_HANG;
		usleep(POLL_US);
	}
	vm->rings++;
	if (s->rung == DOORBELL_DONE)
		return RAN;
	vm_break(vm, "%s: esr=0x%lx elr=0x%lx far=0x%lx", s->rung == DOORBELL_FATAL ? "exception at vEL2" : "a request",
		 s->fatal_esr, s->fatal_elr, s->fatal_far);
	return s->rung == DOORBELL_FATAL ? RAN_FATAL : RAN_BROKEN;
}

bool qemu_create(struct vm *vm)
{
	vm->ram = vm->image = -1;
	if (!map_memory(vm) || !start_qemu(vm))
		return false;
	if (qemu_run(vm, START_TIMEOUT_S) == RAN)
		return true;
	vm_break(vm, "the payload does not start under QEMU");
	return false;
}

void qemu_destroy(struct vm *vm)
{
	if (vm->qemu) {
		kill(vm->qemu, SIGKILL);
		waitpid(vm->qemu, NULL, 0);
	}
	if (vm->ram >= 0)
		close(vm->ram);
	if (vm->image >= 0)
		close(vm->image);
	if (vm->low)
		munmap(vm->low, LOW_SIZE);
	if (vm->data)
		munmap(vm->data, DATA_SIZE);
}
