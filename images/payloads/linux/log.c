// SPDX-License-Identifier: GPL-2.0-only
#include "log.h"

#include "vmm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE
#define KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE 228
#endif

#define PASSES 4 /* with the guest running */
#define PASS_US 30000
#define TELL_MAX 8
#define WORD_PAGES 64 /* pages of a word of the log, and what KVM_CLEAR_DIRTY_LOG counts in */

static const char *const names[] = {
	[LOG_AUTOMATIC] = "automatic",
	[LOG_MANUAL] = "manual",
	[LOG_INITIALLY_SET] = "initially-set",
};

enum log_kind log_kind(const char *name)
{
	for (enum log_kind kind = LOG_AUTOMATIC; kind <= LOG_INITIALLY_SET; kind++)
		if (!strcmp(name, names[kind]))
			return kind;
	return LOG_NONE;
}

static bool enable(int vm, uint32_t cap, uint64_t value)
{
	struct kvm_enable_cap it = { .cap = cap, .args = { value } };

	return !ioctl(vm, KVM_ENABLE_CAP, &it);
}

bool log_prepare(const struct log *log)
{
	uint64_t manual = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	if (log->kind == LOG_INITIALLY_SET)
		manual |= KVM_DIRTY_LOG_INITIALLY_SET;
	return enable(log->vm, KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE, (uint64_t)log->split_kib << 10) &&
	       (log->kind == LOG_AUTOMATIC || enable(log->vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, manual));
}

/* KiB that blocks of KVM's stage 2 for the guest map (CONFIG_PTDUMP_STAGE2_DEBUGFS). */
static long blocks_kib(int vm)
{
	unsigned long begin, end, kib = 0;
	char path[80], line[200];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/stage2_page_tables", getpid(), vm);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (strstr(line, " BLK") && sscanf(line, "0x%lx-0x%lx ", &begin, &end) == 2)
			kib += (end - begin) >> 10;
	fclose(file);
	return (long)kib;
}

/* One reading: the pages that it names are copied, after they are protected again. How many; -1 with errno. */
static long read_log(const struct log *log, uint8_t *copy, uint64_t *bits, size_t page)
{
	size_t pages = log->size / page;
	struct kvm_dirty_log get = { .slot = log->slot, .dirty_bitmap = bits };
	struct kvm_clear_dirty_log clear = { .slot = log->slot, .num_pages = (uint32_t)pages, .dirty_bitmap = bits };
	long n = 0;

	if (ioctl(log->vm, KVM_GET_DIRTY_LOG, &get) ||
	    (log->kind != LOG_AUTOMATIC && ioctl(log->vm, KVM_CLEAR_DIRTY_LOG, &clear)))
		return -1;
	for (size_t p = 0; p < pages; p++)
		if (bits[p / WORD_PAGES] >> p % WORD_PAGES & 1) {
			memcpy(copy + p * page, log->memory + p * page, page);
			n++;
		}
	return n;
}

static size_t differing(const struct log *log, const uint8_t *copy, size_t page)
{
	size_t n = 0;

	for (size_t at = 0; at < log->size; at += page)
		if (memcmp(copy + at, log->memory + at, page) && n++ < TELL_MAX)
			fprintf(stderr, "nvh-linux: the page at 0x%lx is not in the log and has changed\n",
				log->gpa + at);
	return n;
}

/* With the guest at rest. Its pages get blocks again when it next uses them. */
static bool end(const struct log *log)
{
	return vmm_slot(log->vm, log->slot, log->gpa, log->size, log->memory, 0) &&
	       !mprotect(log->memory, log->size, PROT_READ) && !mprotect(log->memory, log->size, PROT_READ | PROT_WRITE);
}

static bool passes(const struct log *log, uint8_t *copy, uint64_t *bits, size_t page, struct logged *found)
{
	long n;

	found->blocks_kib = blocks_kib(log->vm);
	if (!vmm_slot(log->vm, log->slot, log->gpa, log->size, log->memory, KVM_MEM_LOG_DIRTY_PAGES))
		return false;
	if (log->kind == LOG_INITIALLY_SET) {
		n = read_log(log, copy, bits, page);
		if (n < 0)
			return false;
		found->copied = (size_t)n;
	} else {
		memcpy(copy, log->memory, log->size);
		found->copied = log->size / page;
	}
	found->blocks_after_kib = blocks_kib(log->vm);
	for (int pass = 0; pass <= PASSES; pass++) {
		if (pass == PASSES)
			log->rest(true);
		else
			usleep(PASS_US);
		n = read_log(log, copy, bits, page);
		if (n < 0)
			return false;
		found->again += (size_t)n;
	}
	found->differ = differing(log, copy, page);
	return true;
}

bool log_copy(const struct log *log, struct logged *found)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t *bits = calloc(log->size / page / WORD_PAGES + 1, sizeof(*bits));
	uint8_t *copy = vmm_memory(log->size);
	bool fine;

	*found = (struct logged){ 0 };
	if (!bits || !copy)
		return false;
	madvise(copy, log->size, MADV_HUGEPAGE);
	fine = passes(log, copy, bits, page, found);
	log->rest(true);
	fine = end(log) && fine;
	log->rest(false);
	munmap(copy, log->size);
	free(bits);
	return fine;
}
