// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model. Each case has a VMID of its own, by which its reports are known; the cases of EL2's
 * regime, which has none, have pages of their own. Prints "case NUMBER|NAME|WHAT IT BREAKS|EXPECTED|SEEN".
 */
#include "suite.h"

static void play(const struct test *test)
{
	uint64_t seen;

	world_new();
	seen = test->play();
	print("case ");
	print_number(world_vmid(), 10);
	print("|");
	print(test->name);
	print("|");
	print(test->breaks);
	print("|");
	print(test->expected);
	print("|");
	print(seen == PAGE_A ? "old" : seen == PAGE_B ? "new" : seen == FAULTED ? "fault" : "?");
	print("\n");
}

void pe_main(uint64_t index)
{
	const struct test *const lists[] = { stage2_tests, stage1_tests, el2_tests };

	below_prepare();
	if (index)
		second_main();
	psci_start(1);
	for (unsigned i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (const struct test *test = lists[i]; test->name; test++)
			play(test);
	print("done\n");
	psci_off();
}
