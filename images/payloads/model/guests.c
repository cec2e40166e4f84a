// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: guests of a host with VHE, HCR_EL2.{E2H,TGE} = {1,0} (DDI 0487 M.a.a, D24.2.62). What E2H does not
 * concern is as it was: translation, faults and syndromes of EL1&0, AT, traps, FEAT_NV2.
 */
#include "model.h"

void check_guests(void)
{
	if (!features.vhe) {
		skip("guests", "no FEAT_VHE");
		return;
	}
	group_of_groups("guests");
	below_vhe = true;
	check_faults();
	check_permissions();
	check_translate();
	check_traps();
	check_flags();
	check_syndromes();
	check_attributes();
	check_updates();
	check_controls();
	check_redirected();
	below_vhe = false;
	group_of_groups(NULL);
	group_end();
}
