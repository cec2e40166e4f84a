// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 as a UEFI application (UEFI 2.10, sections 4.3, 7.2 and 7.4): takes the machine from the firmware. Comes
 * back, with a message and a status, when the program cannot have the machine.
 */
#include "board.h"

#include <stdbool.h>
#include <stdint.h>

#define EFI_ERROR(n) ((uint64_t)1 << 63 | (n))
#define EFI_UNSUPPORTED EFI_ERROR(3)
#define MAP_MOST 0x10000 /* bytes of the memory map */
#define ATTEMPTS 4	 /* the map may change between the two calls */

/* Offsets in the system table, in the boot services, and in the console. */
#define TABLE_CONSOLE 64
#define TABLE_BOOT_SERVICES 96
#define BOOT_GET_MEMORY_MAP 56
#define BOOT_EXIT 232
#define CONSOLE_OUTPUT_STRING 8

struct descriptor {
	uint32_t type;
	uint64_t start, virtual_start, pages, attribute;
};
enum memory { RESERVED = 0, UNUSABLE = 8, MMIO = 11, MMIO_PORTS = 12, PAL = 13 };

typedef uint64_t (*get_memory_map)(uint64_t *size, void *map, uint64_t *key, uint64_t *each, uint32_t *version);
typedef uint64_t (*exit_boot_services)(void *handle, uint64_t key);
typedef uint64_t (*output_string)(void *console, const uint16_t *text);

#define OWN __attribute__((visibility("hidden"))) /* reached relative to the PC */
extern const uint8_t image[] OWN, image_end[] OWN;
void standalone_go(void) __attribute__((noreturn)) OWN;
uint64_t efi_main(void *handle, const uint8_t *table);

static uint8_t map[MAP_MOST] __attribute__((aligned(8)));

static void *entry(const uint8_t *table, unsigned offset)
{
	return *(void *const *)(table + offset);
}

static uint64_t refuse(const uint8_t *table, const uint16_t *why)
{
	void *console = entry(table, TABLE_CONSOLE);

	((output_string)entry(console, CONSOLE_OUTPUT_STRING))(console, why);
	return EFI_UNSUPPORTED;
}

/* Bytes from `start` on that the firmware calls memory, one descriptor after the other. */
static uint64_t memory_from(uint64_t start, uint64_t size, uint64_t each)
{
	uint64_t end = start;

	for (uint64_t pass = 0; pass < size / each; pass++)
		for (uint64_t at = 0; at + each <= size; at += each) {
			const struct descriptor *d = (const void *)(map + at);
			bool is = d->type != RESERVED && d->type != UNUSABLE && (d->type < MMIO || d->type > PAL);

			if (is && d->start <= end && end < d->start + d->pages * 4096)
				end = d->start + d->pages * 4096;
		}
	return end - start;
}

uint64_t efi_main(void *handle, const uint8_t *table)
{
	const uint8_t *boot = entry(table, TABLE_BOOT_SERVICES);
	get_memory_map get = (get_memory_map)entry(boot, BOOT_GET_MEMORY_MAP);
	exit_boot_services leave = (exit_boot_services)entry(boot, BOOT_EXIT);
	uint64_t el, size = MAP_MOST, key, each;
	uint32_t version;

	__asm__("mrs %0, CurrentEL" : "=r"(el));
	if (el != 2 << 2)
		return refuse(table, u"Bail out! the firmware runs at EL1: switch the machine's EL2 on\r\n");
	if ((uint64_t)image < BSS_END && (uint64_t)image_end > BASE)
		return refuse(table, u"Bail out! the firmware put this application where the program has to be\r\n");
	if (get(&size, map, &key, &each, &version))
		return refuse(table, u"Bail out! the firmware gives no memory map\r\n");
	if (memory_from(BOARD_RAM, size, each) < BSS_END - BOARD_RAM)
		return refuse(table, u"Bail out! no memory where this board is to have it: images/boards\r\n");
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		size = MAP_MOST;
		if (!get(&size, map, &key, &each, &version) && !leave(handle, key))
			standalone_go();
	}
	return refuse(table, u"Bail out! the firmware does not let go\r\n");
}
