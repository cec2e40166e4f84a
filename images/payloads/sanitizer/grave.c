// SPDX-License-Identifier: GPL-2.0-only
#include "grave.h"

#include <stdlib.h>

void grave_dig(struct graves *graves, unsigned pe, const struct entry *entry, const struct tlbi *tlbi)
{
	if (!graves->all)
		graves->all = calloc(GRAVES, sizeof(*graves->all));
	if (graves->all)
		graves->all[graves->count++ % GRAVES] = (struct grave){ pe, *entry, *tlbi };
}

static bool is_of(const struct grave *grave, const struct translation *key, uint64_t page)
{
	const struct translation *extent = &grave->entry.extent;

	return extent->stage == key->stage && extent->regime == key->regime && extent->vmid == key->vmid &&
	       (extent->stage == STAGE_2 || extent->global || extent->asid == key->asid) && grave->entry.page == page;
}

const struct grave *grave_find(const struct graves *graves, unsigned pe, const struct translation *key, uint64_t page,
			       uint64_t out, uint64_t not_out)
{
	uint64_t oldest = graves->count > GRAVES ? graves->count - GRAVES : 0;

	for (uint64_t i = graves->count; graves->all && i-- > oldest;) {
		const struct grave *grave = &graves->all[i % GRAVES];

		if (grave->pe == pe && is_of(grave, key, page) &&
		    (out == UNKNOWN_OUT ? grave->entry.out != not_out : grave->entry.out == out))
			return grave;
	}
	return NULL;
}
