// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: the registers that fine.c asks for (DDI 0487 M.a.a, D24.2), each with the bits that trap it. */
#include "fine.h"

const struct fine fine_registers[] = {
	{ { "AFSR0_EL1", 3, 0, 5, 1, 0 }, 0, BOTH, false, false, NULL },
	{ { "AFSR1_EL1", 3, 0, 5, 1, 1 }, 1, BOTH, false, false, NULL },
	{ { "AIDR_EL1", 3, 1, 0, 0, 7 }, 2, READ_ALONE, false, false, NULL },
	{ { "AMAIR_EL1", 3, 0, 10, 3, 0 }, 3, BOTH, false, false, NULL },
	{ { "CCSIDR_EL1", 3, 1, 0, 0, 0 }, 9, READ_ALONE, false, false, NULL },
	{ { "CLIDR_EL1", 3, 1, 0, 0, 1 }, 10, READ_ALONE, false, false, NULL },
	{ { "CONTEXTIDR_EL1", 3, 0, 13, 0, 1 }, 11, BOTH, false, false, NULL },
	{ { "CPACR_EL1", 3, 0, 1, 0, 2 }, 12, BOTH, false, false, NULL },
	{ { "CSSELR_EL1", 3, 2, 0, 0, 0 }, 13, BOTH, false, false, NULL },
	{ { "CTR_EL0", 3, 3, 0, 0, 1 }, 14, READ_ALONE, false, false, NULL },
	{ { "DCZID_EL0", 3, 3, 0, 0, 7 }, 15, READ_ALONE, false, true, NULL },
	{ { "ESR_EL1", 3, 0, 5, 2, 0 }, 16, BOTH, false, false, NULL },
	{ { "FAR_EL1", 3, 0, 6, 0, 0 }, 17, BOTH, false, false, NULL },
	{ { "ISR_EL1", 3, 0, 12, 1, 0 }, 18, READ_ALONE, false, false, NULL },
	{ { "MAIR_EL1", 3, 0, 10, 2, 0 }, 24, BOTH, false, false, NULL },
	{ { "MIDR_EL1", 3, 0, 0, 0, 0 }, 25, READ_ALONE, false, false, NULL },
	{ { "MPIDR_EL1", 3, 0, 0, 0, 5 }, 26, READ_ALONE, false, false, NULL },
	{ { "PAR_EL1", 3, 0, 7, 4, 0 }, 27, BOTH, false, false, NULL },
	{ { "REVIDR_EL1", 3, 0, 0, 0, 6 }, 28, READ_ALONE, false, false, NULL },
	{ { "SCTLR_EL1", 3, 0, 1, 0, 0 }, 29, BOTH, false, false, NULL },
	{ { "TCR_EL1", 3, 0, 2, 0, 2 }, 32, BOTH, false, false, NULL },
	{ { "TPIDR_EL1", 3, 0, 13, 0, 4 }, 33, BOTH, false, false, NULL },
	{ { "TPIDRRO_EL0", 3, 3, 13, 0, 3 }, 34, BOTH, false, false, NULL },
	{ { "TPIDR_EL0", 3, 3, 13, 0, 2 }, 35, BOTH, false, true, NULL },
	{ { "TTBR0_EL1", 3, 0, 2, 0, 0 }, 36, BOTH, false, false, NULL },
	{ { "TTBR1_EL1", 3, 0, 2, 0, 1 }, 37, BOTH, false, false, NULL },
	{ { "VBAR_EL1", 3, 0, 12, 0, 0 }, 38, BOTH, false, false, NULL },
	{ { "DBGBCR0_EL1", 2, 0, 0, 0, 5 }, 0, BOTH, true, false, NULL },
	{ { "DBGBVR0_EL1", 2, 0, 0, 0, 4 }, 1, BOTH, true, false, NULL },
	{ { "DBGWCR0_EL1", 2, 0, 0, 0, 7 }, 2, BOTH, true, false, NULL },
	{ { "DBGWVR0_EL1", 2, 0, 0, 0, 6 }, 3, BOTH, true, false, NULL },
	{ { "MDSCR_EL1", 2, 0, 0, 2, 2 }, 4, BOTH, true, false, NULL },
	{ { "OSLSR_EL1", 2, 0, 1, 1, 4 }, 9, READ_ALONE, true, false, NULL },
	{ { "APDAKeyLo_EL1", 3, 0, 2, 2, 0 }, 4, BOTH, false, false, &features.pauth },
	{ { "APDAKeyHi_EL1", 3, 0, 2, 2, 1 }, 4, BOTH, false, false, &features.pauth },
	{ { "APDBKeyLo_EL1", 3, 0, 2, 2, 2 }, 5, BOTH, false, false, &features.pauth },
	{ { "APDBKeyHi_EL1", 3, 0, 2, 2, 3 }, 5, BOTH, false, false, &features.pauth },
	{ { "APGAKeyLo_EL1", 3, 0, 2, 3, 0 }, 6, BOTH, false, false, &features.pauth },
	{ { "APGAKeyHi_EL1", 3, 0, 2, 3, 1 }, 6, BOTH, false, false, &features.pauth },
	{ { "APIAKeyLo_EL1", 3, 0, 2, 1, 0 }, 7, BOTH, false, false, &features.pauth },
	{ { "APIAKeyHi_EL1", 3, 0, 2, 1, 1 }, 7, BOTH, false, false, &features.pauth },
	{ { "APIBKeyLo_EL1", 3, 0, 2, 1, 2 }, 8, BOTH, false, false, &features.pauth },
	{ { "APIBKeyHi_EL1", 3, 0, 2, 1, 3 }, 8, BOTH, false, false, &features.pauth },
	{ { "LORC_EL1", 3, 0, 10, 4, 3 }, 19, BOTH, false, false, &features.lor },
	{ { "LOREA_EL1", 3, 0, 10, 4, 1 }, 20, BOTH, false, false, &features.lor },
	{ { "LORID_EL1", 3, 0, 10, 4, 7 }, 21, READ_ALONE, false, false, &features.lor },
	{ { "LORN_EL1", 3, 0, 10, 4, 2 }, 22, BOTH, false, false, &features.lor },
	{ { "LORSA_EL1", 3, 0, 10, 4, 0 }, 23, BOTH, false, false, &features.lor },
	{ { "SCXTNUM_EL1", 3, 0, 13, 0, 7 }, 30, BOTH, false, false, &features.scxt },
	{ { "SCXTNUM_EL0", 3, 3, 13, 0, 7 }, 31, BOTH, false, false, &features.scxt },
	{ { "ICC_IGRPEN0_EL1", 3, 0, 12, 12, 6 }, 39, BOTH, false, false, &features.gic },
	{ { "ICC_IGRPEN1_EL1", 3, 0, 12, 12, 7 }, 39, BOTH, false, false, &features.gic },
	{ { "ERRIDR_EL1", 3, 0, 5, 3, 0 }, 40, READ_ALONE, false, false, &features.ras },
	{ { "DBGBCR1_EL1", 2, 0, 0, 1, 5 }, 0, BOTH, true, false, NULL },
	{ { "DBGBVR1_EL1", 2, 0, 0, 1, 4 }, 1, BOTH, true, false, NULL },
	{ { "DBGWCR1_EL1", 2, 0, 0, 1, 7 }, 2, BOTH, true, false, NULL },
	{ { "DBGWVR1_EL1", 2, 0, 0, 1, 6 }, 3, BOTH, true, false, NULL },
	{ { "DBGCLAIMSET_EL1", 2, 0, 7, 8, 6 }, 5, BOTH, true, false, NULL },
	{ { "DBGCLAIMCLR_EL1", 2, 0, 7, 9, 6 }, 5, BOTH, true, false, NULL },
	{ { "OSLAR_EL1", 2, 0, 1, 0, 4 }, 8, WRITTEN, true, false, NULL },
	{ { "OSECCR_EL1", 2, 0, 0, 6, 2 }, 10, BOTH, true, false, NULL },
	{ { "OSDLR_EL1", 2, 0, 1, 3, 4 }, 11, BOTH, true, false, NULL },
	{ { "PMEVCNTR0_EL0", 3, 3, 14, 8, 0 }, 12, BOTH, true, false, &features.pmu },
	{ { "PMEVCNTR1_EL0", 3, 3, 14, 8, 1 }, 12, BOTH, true, false, &features.pmu },
	{ { "PMXEVCNTR_EL0", 3, 3, 9, 13, 2 }, 12, BOTH, true, false, &features.pmu },
	{ { "PMEVTYPER0_EL0", 3, 3, 14, 12, 0 }, 13, BOTH, true, false, &features.pmu },
	{ { "PMXEVTYPER_EL0", 3, 3, 9, 13, 1 }, 13, BOTH, true, false, &features.pmu },
	{ { "PMCCFILTR_EL0", 3, 3, 14, 15, 7 }, 14, BOTH, true, false, &features.pmu },
	{ { "PMCCNTR_EL0", 3, 3, 9, 13, 0 }, 15, BOTH, true, false, &features.pmu },
	{ { "PMCNTENSET_EL0", 3, 3, 9, 12, 1 }, 16, BOTH, true, false, &features.pmu },
	{ { "PMCNTENCLR_EL0", 3, 3, 9, 12, 2 }, 16, BOTH, true, false, &features.pmu },
	{ { "PMINTENSET_EL1", 3, 0, 9, 14, 1 }, 17, BOTH, true, false, &features.pmu },
	{ { "PMINTENCLR_EL1", 3, 0, 9, 14, 2 }, 17, BOTH, true, false, &features.pmu },
	{ { "PMOVSCLR_EL0", 3, 3, 9, 12, 3 }, 18, BOTH, true, false, &features.pmu },
	{ { "PMOVSSET_EL0", 3, 3, 9, 14, 3 }, 18, BOTH, true, false, &features.pmu },
	{ { "PMSELR_EL0", 3, 3, 9, 12, 5 }, 19, BOTH, true, false, &features.pmu },
	{ { "PMSWINC_EL0", 3, 3, 9, 12, 4 }, 20, WRITTEN, true, false, &features.pmu },
	{ { "PMCR_EL0", 3, 3, 9, 12, 0 }, 21, WRITTEN, true, false, &features.pmu },
	{ { "PMMIR_EL1", 3, 0, 9, 14, 6 }, 22, READ_ALONE, true, false, &features.pmu },
	{ { "PMCEID0_EL0", 3, 3, 9, 12, 6 }, 58, READ_ALONE, true, false, &features.pmu },
	{ { "PMCEID1_EL0", 3, 3, 9, 12, 7 }, 58, READ_ALONE, true, false, &features.pmu },
};
const unsigned fine_count = LENGTH(fine_registers);

const struct debug debugs[] = {
	{ { "PMCR_EL0", 3, 3, 9, 12, 0 }, MDCR_TPMCR, "MDCR_EL2.TPMCR", true },
	{ { "PMCR_EL0", 3, 3, 9, 12, 0 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMCCNTR_EL0", 3, 3, 9, 13, 0 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMSELR_EL0", 3, 3, 9, 12, 5 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMCNTENSET_EL0", 3, 3, 9, 12, 1 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMCNTENCLR_EL0", 3, 3, 9, 12, 2 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMINTENSET_EL1", 3, 0, 9, 14, 1 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMINTENCLR_EL1", 3, 0, 9, 14, 2 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMOVSCLR_EL0", 3, 3, 9, 12, 3 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMOVSSET_EL0", 3, 3, 9, 14, 3 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMCEID0_EL0", 3, 3, 9, 12, 6 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMCEID1_EL0", 3, 3, 9, 12, 7 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMUSERENR_EL0", 3, 3, 9, 14, 0 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMCCFILTR_EL0", 3, 3, 14, 15, 7 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMEVCNTR0_EL0", 3, 3, 14, 8, 0 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMEVTYPER0_EL0", 3, 3, 14, 12, 0 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMXEVCNTR_EL0", 3, 3, 9, 13, 2 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMXEVTYPER_EL0", 3, 3, 9, 13, 1 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "PMMIR_EL1", 3, 0, 9, 14, 6 }, MDCR_TPM, "MDCR_EL2.TPM", true },
	{ { "MDSCR_EL1", 2, 0, 0, 2, 2 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "MDCCINT_EL1", 2, 0, 0, 2, 0 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "OSECCR_EL1", 2, 0, 0, 6, 2 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "DBGBVR0_EL1", 2, 0, 0, 0, 4 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "DBGBCR0_EL1", 2, 0, 0, 0, 5 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "DBGWVR0_EL1", 2, 0, 0, 0, 6 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "DBGWCR0_EL1", 2, 0, 0, 0, 7 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "DBGCLAIMSET_EL1", 2, 0, 7, 8, 6 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "DBGCLAIMCLR_EL1", 2, 0, 7, 9, 6 }, MDCR_TDA, "MDCR_EL2.TDA", false },
	{ { "OSLSR_EL1", 2, 0, 1, 1, 4 }, MDCR_TDOSA, "MDCR_EL2.TDOSA", false },
	{ { "OSDLR_EL1", 2, 0, 1, 3, 4 }, MDCR_TDOSA, "MDCR_EL2.TDOSA", false },
	{ { "MDRAR_EL1", 2, 0, 1, 0, 0 }, MDCR_TDRA, "MDCR_EL2.TDRA", false },
};
const unsigned debug_count = LENGTH(debugs);

const struct name ids[] = {
	{ "ID_PFR0_EL1", 3, 0, 0, 1, 0 },      { "ID_PFR1_EL1", 3, 0, 0, 1, 1 },
	{ "ID_DFR0_EL1", 3, 0, 0, 1, 2 },      { "ID_AFR0_EL1", 3, 0, 0, 1, 3 },
	{ "ID_MMFR0_EL1", 3, 0, 0, 1, 4 },     { "ID_MMFR1_EL1", 3, 0, 0, 1, 5 },
	{ "ID_MMFR2_EL1", 3, 0, 0, 1, 6 },     { "ID_MMFR3_EL1", 3, 0, 0, 1, 7 },
	{ "ID_ISAR0_EL1", 3, 0, 0, 2, 0 },     { "ID_ISAR1_EL1", 3, 0, 0, 2, 1 },
	{ "ID_ISAR2_EL1", 3, 0, 0, 2, 2 },     { "ID_ISAR3_EL1", 3, 0, 0, 2, 3 },
	{ "ID_ISAR4_EL1", 3, 0, 0, 2, 4 },     { "ID_ISAR5_EL1", 3, 0, 0, 2, 5 },
	{ "ID_MMFR4_EL1", 3, 0, 0, 2, 6 },     { "ID_ISAR6_EL1", 3, 0, 0, 2, 7 },
	{ "ID_PFR2_EL1", 3, 0, 0, 3, 4 },      { "ID_AA64PFR0_EL1", 3, 0, 0, 4, 0 },
	{ "ID_AA64PFR1_EL1", 3, 0, 0, 4, 1 },  { "ID_AA64ZFR0_EL1", 3, 0, 0, 4, 4 },
	{ "ID_AA64SMFR0_EL1", 3, 0, 0, 4, 5 }, { "ID_AA64DFR0_EL1", 3, 0, 0, 5, 0 },
	{ "ID_AA64DFR1_EL1", 3, 0, 0, 5, 1 },  { "ID_AA64AFR0_EL1", 3, 0, 0, 5, 4 },
	{ "ID_AA64AFR1_EL1", 3, 0, 0, 5, 5 },  { "ID_AA64ISAR0_EL1", 3, 0, 0, 6, 0 },
	{ "ID_AA64ISAR1_EL1", 3, 0, 0, 6, 1 }, { "ID_AA64ISAR2_EL1", 3, 0, 0, 6, 2 },
	{ "ID_AA64MMFR0_EL1", 3, 0, 0, 7, 0 }, { "ID_AA64MMFR1_EL1", 3, 0, 0, 7, 1 },
	{ "ID_AA64MMFR2_EL1", 3, 0, 0, 7, 2 }, { "ID_AA64MMFR3_EL1", 3, 0, 0, 7, 3 },
	{ "ID_AA64PFR2_EL1", 3, 0, 0, 4, 2 },  { "ID_AA64FPFR0_EL1", 3, 0, 0, 4, 7 },
	{ "ID_AA64DFR2_EL1", 3, 0, 0, 5, 2 },  { "ID_AA64ISAR3_EL1", 3, 0, 0, 6, 3 },
	{ "ID_AA64MMFR4_EL1", 3, 0, 0, 7, 4 }, { "ID_DFR1_EL1", 3, 0, 0, 3, 5 },
	{ "ID_MMFR5_EL1", 3, 0, 0, 3, 6 },     { "MVFR0_EL1", 3, 0, 0, 3, 0 },
	{ "MVFR1_EL1", 3, 0, 0, 3, 1 },	       { "MVFR2_EL1", 3, 0, 0, 3, 2 },
};
const unsigned id_count = LENGTH(ids);

const struct maintenance instructions[] = {
	{ { "IC IALLUIS", 1, 0, 7, 1, 0 }, 0, false, { HCR_TPU, HCR_TICAB }, true },
	{ { "IC IALLU", 1, 0, 7, 5, 0 }, 1, false, { HCR_TPU, HCR_TOCU }, true },
	{ { "IC IVAU", 1, 3, 7, 5, 1 }, 2, true, { HCR_TPU, HCR_TOCU }, true },
	{ { "DC IVAC", 1, 0, 7, 6, 1 }, 3, true, { HCR_TPCP, 0 }, false },
	{ { "DC ISW", 1, 0, 7, 6, 2 }, 4, false, { HCR_TSW, 0 }, false },
	{ { "DC CSW", 1, 0, 7, 10, 2 }, 5, false, { HCR_TSW, 0 }, false },
	{ { "DC CISW", 1, 0, 7, 14, 2 }, 6, false, { HCR_TSW, 0 }, false },
	{ { "DC CVAU", 1, 3, 7, 11, 1 }, 7, true, { HCR_TPU, HCR_TOCU }, true },
	{ { "DC CVAP", 1, 3, 7, 12, 1 }, 8, true, { HCR_TPCP, 0 }, false },
	{ { "DC CVADP", 1, 3, 7, 13, 1 }, 9, true, { HCR_TPCP, 0 }, false },
	{ { "AT S1E1RP", 1, 0, 7, 9, 0 }, 16, true, { HCR_AT, 0 }, false },
	{ { "AT S1E1WP", 1, 0, 7, 9, 1 }, 17, true, { HCR_AT, 0 }, false },
	{ { "CFP RCTX", 1, 3, 7, 3, 4 }, 48, false, { 0, 0 }, false },
	{ { "DVP RCTX", 1, 3, 7, 3, 5 }, 49, false, { 0, 0 }, false },
	{ { "CPP RCTX", 1, 3, 7, 3, 7 }, 50, false, { 0, 0 }, false },
	{ { "DC CVAC", 1, 3, 7, 10, 1 }, 54, true, { HCR_TPCP, 0 }, false },
	{ { "DC CIVAC", 1, 3, 7, 14, 1 }, 10, true, { HCR_TPCP, 0 }, false },
	{ { "DC ZVA", 1, 3, 7, 4, 1 }, 11, true, { HCR_TDZ, 0 }, false },
	{ { "MRS REVIDR_EL1", 3, 0, 0, 0, 6 }, NOT_FINE, false, { HCR_TID1, 0 }, false },
	{ { "MRS AIDR_EL1", 3, 1, 0, 0, 7 }, NOT_FINE, false, { HCR_TID1, 0 }, false },
	{ { "MRS CTR_EL0", 3, 3, 0, 0, 1 }, NOT_FINE, false, { HCR_TID2, 0 }, false },
	{ { "MRS CCSIDR_EL1", 3, 1, 0, 0, 0 }, NOT_FINE, false, { HCR_TID2, HCR_TID4 }, true },
	{ { "MRS CLIDR_EL1", 3, 1, 0, 0, 1 }, NOT_FINE, false, { HCR_TID2, HCR_TID4 }, true },
	{ { "MRS CSSELR_EL1", 3, 2, 0, 0, 0 }, NOT_FINE, false, { HCR_TID2, HCR_TID4 }, true },
	{ { "MRS ACTLR_EL1", 3, 0, 1, 0, 1 }, NOT_FINE, false, { HCR_TACR, 0 }, false },
	{ { "MRS ERRIDR_EL1", 3, 0, 5, 3, 0 }, NOT_FINE, false, { HCR_TERR, 0 }, false },
	{ { "MRS LORSA_EL1", 3, 0, 10, 4, 0 }, NOT_FINE, false, { HCR_TLOR, 0 }, false },
	{ { "MRS LOREA_EL1", 3, 0, 10, 4, 1 }, NOT_FINE, false, { HCR_TLOR, 0 }, false },
	{ { "MRS LORN_EL1", 3, 0, 10, 4, 2 }, NOT_FINE, false, { HCR_TLOR, 0 }, false },
	{ { "MRS LORC_EL1", 3, 0, 10, 4, 3 }, NOT_FINE, false, { HCR_TLOR, 0 }, false },
	{ { "MRS LORID_EL1", 3, 0, 10, 4, 7 }, NOT_FINE, false, { HCR_TLOR, 0 }, false },
};
const unsigned maintenance_count = LENGTH(instructions);

bool maintenance_exists(const struct maintenance *m)
{
	unsigned dpb = BITS(MRS(id_aa64isar1_el1), 3, 0), specres = BITS(MRS(id_aa64isar1_el1), 43, 40);

	switch (m->bit) {
	case 8:
		return dpb >= 1;
	case 9:
		return dpb >= 2;
	case 16:
	case 17:
		return features.pan2 && features.nv;
	case 48:
	case 49:
	case 50:
		return specres >= 1;
	default:
		return (m->hcr[0] != HCR_TERR || features.ras) && (m->hcr[0] != HCR_TLOR || features.lor);
	}
}
