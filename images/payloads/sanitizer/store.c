// SPDX-License-Identifier: GPL-2.0-only
#include "store.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BITS 17
#define REGION_BITS 12
#define REGION_SHIFT 21
#define SPACES 4096
#define NEAR_PAGES 1024 /* a range of more is looked for in the whole VMID */

static unsigned hash(const struct translation *key, uint64_t number, unsigned bits)
{
	uint64_t mixed = number + ((uint64_t)key->vmid << 40) + ((uint64_t)key->stage << 60) +
			 ((uint64_t)key->regime << 61);

	return (unsigned)(mixed * 0x9e3779b97f4a7c15ull >> (64 - bits));
}

static void link_in(struct entry **head, struct entry *entry, struct link *link, size_t offset)
{
	link->next = *head;
	link->back = head;
	if (*head)
		((struct link *)((char *)*head + offset))->back = &link->next;
	*head = entry;
}

static void unlink_from(struct link *link, size_t offset)
{
	if (!link->back)
		return;
	*link->back = link->next;
	if (link->next)
		((struct link *)((char *)link->next + offset))->back = link->back;
	link->back = NULL;
}

#define LINK(head, entry, by) link_in(head, entry, &(entry)->by, offsetof(struct entry, by))
#define UNLINK(entry, by) unlink_from(&(entry)->by, offsetof(struct entry, by))

bool tlb_init(struct tlb *tlb, uint64_t capacity)
{
	memset(tlb, 0, sizeof(*tlb));
	tlb->pages = calloc(1u << PAGE_BITS, sizeof(*tlb->pages));
	tlb->regions = calloc(1u << REGION_BITS, sizeof(*tlb->regions));
	tlb->spaces = calloc(SPACES, sizeof(*tlb->spaces));
	tlb->capacity = capacity;
	return tlb->pages && tlb->regions && tlb->spaces;
}

static struct space *find_space(struct tlb *tlb, enum regime regime, uint16_t vmid, bool make)
{
	for (unsigned i = 0; i < tlb->space_count; i++) {
		struct space *space = &tlb->spaces[i];

		if (space->regime == regime && space->vmid == vmid)
			return space;
	}
	if (!make || tlb->space_count == SPACES)
		return NULL;
	tlb->spaces[tlb->space_count] = (struct space){ .regime = regime, .vmid = vmid };
	return &tlb->spaces[tlb->space_count++];
}

void tlb_free(struct tlb *tlb)
{
	for (unsigned i = 0; i < tlb->space_count; i++)
		while (tlb->spaces[i].entries)
			tlb_remove(tlb, tlb->spaces[i].entries);
	while (tlb->free) {
		struct entry *next = tlb->free->by_page.next;

		free(tlb->free);
		tlb->free = next;
	}
	free(tlb->pages);
	free(tlb->regions);
	free(tlb->spaces);
}

bool entry_dead(const struct entry *entry, const struct progress *progress)
{
	for (int i = 0; i < 2; i++) {
		const struct doom *doom = &entry->doom[i];

		if (doom->seq && progress->completed[doom->pe][doom->class] >= doom->seq)
			return true;
	}
	return false;
}

static bool answers(const struct translation *entry, const struct translation *key)
{
	return entry->stage == key->stage && entry->regime == key->regime && entry->vmid == key->vmid &&
	       entry->flat == key->flat && (entry->stage == STAGE_2 || entry->global || entry->asid == key->asid);
}

struct entry *tlb_find(struct tlb *tlb, const struct progress *progress, const struct translation *key, uint64_t page)
{
	struct entry *entry = tlb->pages[hash(key, page >> 12, PAGE_BITS)], *next;

	for (; entry; entry = next) {
		next = entry->by_page.next;
		if (entry->page != page || !answers(&entry->extent, key))
			continue;
		if (entry_dead(entry, progress))
			tlb_remove(tlb, entry);
		else if (!entry->beside)
			return entry;
	}
	return NULL;
}

bool tlb_holds(struct tlb *tlb, const struct progress *progress, const struct translation *key, uint64_t page, uint64_t out,
	       unsigned perms)
{
	const struct entry *entry = tlb->pages[hash(key, page >> 12, PAGE_BITS)];

	for (; entry; entry = entry->by_page.next)
		if (entry->page == page && answers(&entry->extent, key) && !entry_dead(entry, progress) && entry->out == out &&
		    !(perms & ~entry->perms))
			return true;
	return false;
}

bool entry_doomed(const struct entry *entry)
{
	return entry->doom[0].seq || entry->doom[1].seq;
}

bool tlb_keeps(struct tlb *tlb, const struct translation *key, uint64_t page, uint64_t out, unsigned perms)
{
	const struct entry *entry = tlb->pages[hash(key, page >> 12, PAGE_BITS)];

	for (; entry; entry = entry->by_page.next)
		if (entry->page == page && answers(&entry->extent, key) && !entry_doomed(entry) && entry->out == out &&
		    !(perms & ~entry->perms))
			return true;
	return false;
}

bool tlb_departs(struct tlb *tlb, const struct progress *progress, const struct translation *key, uint64_t page, uint64_t out,
		 unsigned wanted, unsigned perms)
{
	const struct entry *entry = tlb->pages[hash(key, page >> 12, PAGE_BITS)];

	for (; entry; entry = entry->by_page.next)
		if (entry->page == page && answers(&entry->extent, key) && !entry_dead(entry, progress) &&
		    (entry->out != out || (wanted & perms & ~entry->least) || (wanted & ~perms & entry->perms)))
			return true;
	return false;
}

const struct entry *tlb_other(const struct tlb *tlb, const struct progress *progress, const struct translation *key,
			      uint64_t page, uint64_t out)
{
	for (unsigned i = 0; i < tlb->space_count; i++)
		for (const struct entry *entry = tlb->spaces[i].entries; entry; entry = entry->by_space.next)
			if (entry->page == page && entry->extent.stage == key->stage && entry->extent.regime == key->regime &&
			    entry->out == out && !answers(&entry->extent, key) && !entry_dead(entry, progress))
				return entry;
	return NULL;
}

struct entry *tlb_add(struct tlb *tlb, const struct translation *extent, uint64_t page)
{
	struct space *space = find_space(tlb, extent->regime, extent->vmid, true);
	struct entry *entry = tlb->free;

	if (!space || tlb->live >= tlb->capacity) {
		tlb->overflowed++;
		return NULL;
	}
	if (entry)
		tlb->free = entry->by_page.next;
	else
		entry = malloc(sizeof(*entry));
	if (!entry) {
		tlb->overflowed++;
		return NULL;
	}
	memset(entry, 0, sizeof(*entry));
	entry->extent = *extent;
	entry->page = page;
	LINK(&tlb->pages[hash(extent, page >> 12, PAGE_BITS)], entry, by_page);
	LINK(&space->entries, entry, by_space);
	if (extent->size > 1ull << REGION_SHIFT)
		LINK(&space->large[extent->stage], entry, by_region);
	else if (extent->size > 4096)
		LINK(&tlb->regions[hash(extent, page >> REGION_SHIFT, REGION_BITS)], entry, by_region);
	tlb->live++;
	return entry;
}

void tlb_remove(struct tlb *tlb, struct entry *entry)
{
	UNLINK(entry, by_page);
	UNLINK(entry, by_space);
	UNLINK(entry, by_region);
	tlb_unpend(entry);
	entry->by_page.next = tlb->free;
	tlb->free = entry;
	tlb->live--;
}

void tlb_pend(struct tlb *tlb, struct entry *entry)
{
	if (entry->by_pending.back)
		return;
	LINK(&tlb->pending, entry, by_pending);
}

void tlb_unpend(struct entry *entry)
{
	UNLINK(entry, by_pending);
	free(entry->disagreed);
	entry->disagreed = NULL;
	entry->pending = 0;
}

/* Each of the lists, from a head; the visitor may remove the entry that it is given. */
#define VISIT(head, by)                                                                                      \
	do {                                                                                                 \
		for (struct entry *entry_ = (head), *next_; entry_; entry_ = next_) {                        \
			next_ = entry_->by.next;                                                             \
			each(tlb, entry_, data);                                                             \
		}                                                                                            \
	} while (0)

static void by_address(struct tlb *tlb, const struct translation *key, struct space *space, uint64_t first,
		       uint64_t last, visit each, void *data)
{
	if (last - first >= (uint64_t)NEAR_PAGES << 12) {
		VISIT(space->entries, by_space);
		return;
	}
	for (uint64_t page = first & PAGE_MASK;; page += 4096) {
		VISIT(tlb->pages[hash(key, page >> 12, PAGE_BITS)], by_page);
		if (page == (last & PAGE_MASK))
			break;
	}
	for (uint64_t region = first >> REGION_SHIFT;; region++) {
		VISIT(tlb->regions[hash(key, region, REGION_BITS)], by_region);
		if (region == last >> REGION_SHIFT)
			break;
	}
	VISIT(space->large[key->stage], by_region);
}

void tlb_candidates(struct tlb *tlb, const struct tlbi *tlbi, visit each, void *data)
{
	bool ipa = op_is_ipa(tlbi->op);
	struct translation key = { .stage = ipa ? STAGE_2 : COMBINED, .regime = tlbi_regime(tlbi) };
	uint64_t first, last;
	struct space *space;

	key.vmid = key.regime == EL2 ? 0 : tlbi->state.vmid;
	if (tlbi->op->family == alle1) {
		for (unsigned i = 0; i < tlb->space_count; i++)
			if (tlb->spaces[i].regime == EL10)
				VISIT(tlb->spaces[i].entries, by_space);
		return;
	}
	space = find_space(tlb, key.regime, key.vmid, false);
	if (!space)
		return;
	if (tlbi_addresses(tlbi, 12, &first, &last))
		by_address(tlb, &key, space, first, last, each, data);
	else
		VISIT(space->entries, by_space);
}
