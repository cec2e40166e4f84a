// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the host: hold/decide.c without QEMU. Reads lines and answers each with where the vCPU goes on:
 *   run N            others execute N instructions
 *   tick N           the kernel's clock goes on by N
 *   arrive CPU PLACE SP [KIND]     at address 0x1000 + 16 * PLACE
 *   turn CPU SP      behind the YIELD or the WFI
 *   disable | letgo HOLD | state HOLD
 * The first line of the arguments is a file that the harness wrote (hold_file.py).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "hold/hold.h"

struct nvh_hold_header *nvh_head;
struct nvh_hold *nvh_holds;
bool nvh_parallel;
static uint64_t executed, clock_ticks;

uint64_t nvh_executed(void)
{
	return executed;
}

void nvh_log(enum nvh_hold_what what, int place, int cpu, unsigned int hold, unsigned int why)
{
	(void)what, (void)place, (void)cpu, (void)hold, (void)why;
}

bool nvh_read_memory(const struct nvh_registers *registers, uint64_t vaddr, void *to, size_t length)
{
	(void)registers, (void)vaddr;
	memcpy(to, &clock_ticks, length);
	return true;
}

uint64_t nvh_read(const struct nvh_registers *registers, struct qp_register *handle)
{
	(void)registers, (void)handle;
	return 0xca11e4;
}

static const char *word(uint64_t go)
{
	static char text[32];

	if (!go)
		return "on";
	if (go == nvh_head->yield)
		return "yield";
	if (go == nvh_head->wfi)
		return "wfi";
	snprintf(text, sizeof(text), "%#lx", go);
	return text;
}

int main(int argc, char **argv)
{
	int file = argc == 2 ? open(argv[1], O_RDWR) : -1;
	struct stat status;
	char line[128];
	char *memory;

	if (file < 0 || fstat(file, &status))
		return 1;
	memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		return 1;
	nvh_head = (void *)memory;
	nvh_holds = (void *)(memory + NVH_HOLD_TABLE);
	while (fgets(line, sizeof(line), stdin)) {
		static const struct nvh_vcpu vcpu;
		struct nvh_here here = { .vcpu = &vcpu, .el2 = true };
		static struct nvh_hold_address places[64]; /* they live as long as the file does */
		struct nvh_hold_address place = { 0 };
		unsigned long number, sp;
		unsigned int hold;
		int kind = 0, n;

		if (sscanf(line, "run %lu", &number) == 1) {
			executed += number;
		} else if (sscanf(line, "tick %lu", &number) == 1) {
			clock_ticks += number;
		} else if ((n = sscanf(line, "arrive %d %u %lx %d", &here.cpu, &place.place, &sp, &kind)) >= 3) {
			place.kind = (uint32_t)kind;
			here.sp = sp;
			here.pc = place.address = 0x1000 + 16 * place.place;
			places[place.place % 64] = place;
			puts(word(nvh_arrive(&here, &places[place.place % 64])));
		} else if (sscanf(line, "turn %d %lx", &here.cpu, &sp) == 2) {
			here.sp = sp;
			executed += 3; /* the YIELD, and two more in the block behind it */
			puts(word(nvh_turn(&here, 2)));
		} else if (!strncmp(line, "disable", 7)) {
			nvh_head->enabled = 0;
		} else if (sscanf(line, "letgo %u", &hold) == 1) {
			nvh_holds[hold].let_go = 1;
		} else if (sscanf(line, "state %u", &hold) == 1) {
			printf("%u\n", nvh_holds[hold].state);
		} else {
			return 2;
		}
	}
	return 0;
}
