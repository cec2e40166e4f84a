// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model, with nothing below and nothing beside: asks group after group, and ends with "done".
 * docs/model-check.md says what each group covers.
 */
#include "model.h"

void pe_main(uint64_t index)
{
	below_prepare();
	watch_begin((unsigned)index);
	if (index)
		second_begin();
	psci_start(1);
	pages_fill();
	features_read();
	check_faults();
	check_permissions();
	check_walks();
	check_leaves();
	check_ranges();
	check_tags();
	check_translate();
	check_traps();
	check_nested();
	check_flags();
	check_syndromes();
	check_controls();
	check_sizes();
	check_attributes();
	check_host();
	check_fine();
	check_shapes();
	check_memory();
	check_redirected();
	check_el2();
	check_entries();
	check_interrupts();
	check_timers();
	check_aliases();
	check_corners();
	check_vhe();
	check_words();
	check_pstate();
	check_indirect();
	check_own();
	check_updates();
	check_recent();
	check_accesses();
	check_guests();
	check_bits();
	check_routes();
	check_kept();
	check_wide();
	check_lower();
	check_vectors();
	check_debug();
	check_performance();
	watch_end();
	print("done\n");
	psci_off();
}
