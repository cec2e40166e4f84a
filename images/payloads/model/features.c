// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: what its ID registers offer (DDI 0487 M.a.a, D24.2). */
#include "model.h"
#include "pa_size.h"

struct features features;

void features_read(void)
{
	uint64_t mmfr0 = MRS(id_aa64mmfr0_el1), mmfr1 = MRS(id_aa64mmfr1_el1), mmfr2 = MRS(s3_0_c0_c7_2);
	uint64_t isar0 = MRS(id_aa64isar0_el1), isar1 = MRS(id_aa64isar1_el1);
	uint64_t pfr0 = MRS(id_aa64pfr0_el1), pfr1 = MRS(id_aa64pfr1_el1), mmfr3 = MRS(s3_0_c0_c7_3);
	unsigned tlb = BITS(isar0, 59, 56);

	features = (struct features){
		.pa_bits = pa_sizes[BITS(mmfr0, 2, 0)],
		.vmid_bits = BITS(mmfr1, 7, 4) == 2 ? 16 : 8,
		.asid_bits = BITS(mmfr0, 7, 4) == 2 ? 16 : 8,
		/* TGran4 and TGran64 are signed, TGran16 is not; the fields of stage 2 repeat them or say their own. */
		.granule = { BITS(mmfr0, 31, 28) < 8 && BITS(mmfr0, 43, 40) != 1,
			     BITS(mmfr0, 23, 20) >= 1 && BITS(mmfr0, 35, 32) != 1,
			     BITS(mmfr0, 27, 24) < 8 && BITS(mmfr0, 39, 36) != 1 },
		.lpa2 = { BITS(mmfr0, 31, 28) == 1 && BITS(mmfr0, 43, 40) == 3,
			  BITS(mmfr0, 23, 20) == 2 && BITS(mmfr0, 35, 32) == 3, false },
		.tlbios = tlb >= 1,
		.range = tlb >= 2,
		.xs = BITS(isar1, 59, 56) >= 1,
		.ttl = BITS(mmfr2, 51, 48) >= 1,
		.nv = BITS(mmfr2, 27, 24) >= 1,
		.nv2 = BITS(mmfr2, 27, 24) >= 2,
		.fgt = BITS(mmfr0, 59, 56) >= 1,
		.hafdbs_a = BITS(mmfr1, 3, 0) >= 1,
		.hafdbs_d = BITS(mmfr1, 3, 0) >= 2,
		.vhe = BITS(mmfr1, 11, 8) >= 1,
		.pan = BITS(mmfr1, 23, 20) >= 1,
		.pan2 = BITS(mmfr1, 23, 20) >= 2,
		.pan3 = BITS(mmfr1, 23, 20) >= 3,
		.hcx = BITS(mmfr1, 43, 40) >= 1,
		.hpds = BITS(mmfr1, 15, 12) >= 1,
		.e0pd = BITS(mmfr2, 63, 60) >= 1,
		.evt = BITS(mmfr2, 59, 56) >= 1,
		.lva = BITS(mmfr2, 19, 16) >= 1,
		.fwb = BITS(mmfr2, 43, 40) >= 1,
		.bti = BITS(pfr1, 3, 0) >= 1,
		.gic = BITS(pfr0, 27, 24) >= 1,
		.cnp = BITS(mmfr2, 3, 0) >= 1,
		.ecv = BITS(mmfr0, 63, 60) >= 1,
		.sve = BITS(pfr0, 35, 32) >= 1,
		.ecv2 = BITS(mmfr0, 63, 60) >= 2,
		.uao = BITS(mmfr2, 7, 4) >= 1,
		.sme = BITS(pfr1, 27, 24) >= 1,
		.scxt = BITS(pfr0, 59, 56) >= 2 || (BITS(pfr0, 59, 56) == 1 && BITS(pfr1, 35, 32) >= 2),
		.pmu = BITS(MRS(id_aa64dfr0_el1), 11, 8) >= 5 && BITS(MRS(id_aa64dfr0_el1), 11, 8) != 15,
		.pauth = BITS(isar1, 7, 4) || BITS(isar1, 11, 8),
		.lor = BITS(mmfr1, 19, 16) >= 1,
		.ras = BITS(pfr0, 31, 28) >= 1,
		.s1pie = BITS(mmfr3, 11, 8) >= 1,
		.s2pie = BITS(mmfr3, 15, 12) >= 1,
		.gcs = BITS(pfr1, 47, 44) >= 1,
		.aie = BITS(mmfr3, 27, 24) >= 1,
		.asid2 = BITS(MRS(s3_0_c0_c7_4), 11, 8) >= 1,
		.ats1a = BITS(MRS(s3_0_c0_c6_2), 63, 60) >= 1,
		.tcr2 = BITS(mmfr3, 3, 0) >= 1,
		.sctlr2 = BITS(mmfr3, 7, 4) >= 1,
		.dit = BITS(pfr0, 51, 48) >= 1,
		.ssbs = BITS(pfr1, 7, 4) >= 1,
		.nmi = BITS(pfr1, 39, 36) >= 1,
		.ttst = BITS(mmfr2, 31, 28) >= 1,
		.mixed_endian = BITS(mmfr0, 11, 8) >= 1,
		.dpb = BITS(isar1, 3, 0) >= 1,
		.lse = BITS(isar0, 23, 20) >= 2,
	};
	say("features|pa=%d vmid=%d asid=%d 4k=%d 16k=%d 64k=%d lpa2-4k=%d lpa2-16k=%d tlbios=%d range=%d xs=%d ttl=%d",
	    (uint64_t)features.pa_bits, (uint64_t)features.vmid_bits, (uint64_t)features.asid_bits,
	    (uint64_t)features.granule[0], (uint64_t)features.granule[1], (uint64_t)features.granule[2],
	    (uint64_t)features.lpa2[0], (uint64_t)features.lpa2[1], (uint64_t)features.tlbios,
	    (uint64_t)features.range, (uint64_t)features.xs, (uint64_t)features.ttl);
	say(" nv=%d nv2=%d fgt=%d af=%d dbm=%d vhe=%d\n", (uint64_t)features.nv, (uint64_t)features.nv2,
	    (uint64_t)features.fgt, (uint64_t)features.hafdbs_a, (uint64_t)features.hafdbs_d,
	    (uint64_t)features.vhe);
}
