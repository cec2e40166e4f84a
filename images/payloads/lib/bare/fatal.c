// SPDX-License-Identifier: GPL-2.0-only
/* An exception of EL2 itself that nothing expects ends the program, which says so. Runs on bare machines. */
#include "console.h"
#include "pe.h"
#include "psci.h"

void pe_fatal(uint64_t esr, uint64_t elr, uint64_t far)
{
	print("fatal|exception at EL2: esr ");
	print_number(esr, 16);
	print(", elr ");
	print_number(elr, 16);
	print(", far ");
	print_number(far, 16);
	print("\n");
	psci_off();
}
