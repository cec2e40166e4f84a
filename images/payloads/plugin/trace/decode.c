// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: which A64 instructions are of interest. Encodings: Arm ARM, C4.1 and C5.5. */
#include "trace/trace.h"

#define REGISTER(op1, crn, crm, op2) ((op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* What decides where translations come from. Names are the reader's (harness/trace/model/names.py). */
static const uint16_t written[] = {
	REGISTER(0, 2, 0, 0), /* TTBR0_EL1 */
	REGISTER(0, 2, 0, 1), /* TTBR1_EL1 */
	REGISTER(0, 2, 0, 2), /* TCR_EL1 */
	REGISTER(4, 1, 1, 0), /* HCR_EL2 */
	REGISTER(4, 2, 0, 0), /* TTBR0_EL2 */
	REGISTER(4, 2, 0, 1), /* TTBR1_EL2 */
	REGISTER(4, 2, 0, 2), /* TCR_EL2 */
	REGISTER(4, 2, 1, 0), /* VTTBR_EL2 */
	REGISTER(4, 2, 1, 2), /* VTCR_EL2 */
	REGISTER(4, 2, 2, 0), /* VNCR_EL2 */
	REGISTER(5, 2, 0, 0), /* TTBR0_EL12 */
	REGISTER(5, 2, 0, 1), /* TTBR1_EL12 */
	REGISTER(5, 2, 0, 2), /* TCR_EL12 */
};

bool nvh_is_context(uint16_t info)
{
	return info == REGISTER(4, 1, 1, 0) || info == REGISTER(4, 2, 1, 0);
}

bool nvh_is_vbar(uint16_t info)
{
	return info == REGISTER(0, 12, 0, 0) || info == REGISTER(4, 12, 0, 0) || info == REGISTER(5, 12, 0, 0);
}

static uint16_t register_of(uint32_t word)
{
	return REGISTER(word >> 16 & 7, word >> 12 & 15, word >> 8 & 15, word >> 5 & 7);
}

static bool decode_sys(uint32_t word, struct nvh_site *site)
{
	unsigned int crn = word >> 12 & 15, crm = word >> 8 & 15;

	if (crn == 8 || crn == 9)
		site->kind = NVH_TLBI;
	else if (crn == 7 && (crm == 8 || crm == 9))
		site->kind = NVH_AT;
	else
		return false;
	site->info = register_of(word);
	return true;
}

static bool decode_msr(uint32_t word, struct nvh_site *site)
{
	site->kind = NVH_MSR;
	site->info = register_of(word);
	for (unsigned int i = 0; i < sizeof(written) / sizeof(*written); i++)
		if (written[i] == site->info)
			return true;
	return nvh_is_vbar(site->info);
}

static bool decode_barrier(uint32_t word, struct nvh_site *site)
{
	unsigned int crm = word >> 8 & 15;

	if ((word & 0xfffff0ff) == 0xd503309f && crm != 0 && crm != 4) { /* those two are SSBB and PSSBB */
		site->kind = NVH_DSB;
		site->info = crm;
		return true;
	}
	if ((word & 0xfffff3ff) == 0xd503323f) { /* DSB nXS: imm2 stands for the domain with access ALL */
		site->kind = NVH_DSB;
		site->info = 0x10 | (crm & 12) | 3;
		return true;
	}
	site->kind = NVH_ISB;
	site->info = crm;
	return (word & 0xfffff0ff) == 0xd50330df;
}

bool nvh_decode(uint32_t word, struct nvh_site *site)
{
	site->word = word;
	site->rt = word & 31;
	if ((word & 0xfff80000) == 0xd5080000)
		return decode_sys(word, site);
	if ((word & 0xfff80000) == 0xd5180000)
		return decode_msr(word, site);
	if ((word & 0xfffff000) == 0xd5033000)
		return decode_barrier(word, site);
	if (word == 0xd69f03e0 || word == 0xd69f0bff || word == 0xd69f0fff) { /* ERET, ERETAA, ERETAB */
		site->kind = NVH_ERET;
		site->info = word >> 10 & 3;
		return true;
	}
	return false;
}
