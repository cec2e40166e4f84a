/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a leaf of stage 1 permits. Plain freestanding C, header only: runs in nvh-litmus, in the sanitizer inside QEMU and in
 * Python's process. Arm ARM DDI 0487 issue M.a.a, D8.4.1 (Direct, Indirect, Overlay permissions, WXN), D8.4.5.1 (PAN) and
 * D8.5.2 (the dirty state). Non-secure and Realm regimes with an OA of their own space: R_YBDFF and R_CYSKB are not here.
 */
#ifndef NVH_ARCH_PERMISSION_H
#define NVH_ARCH_PERMISSION_H

#include "bits.h"

enum { PERM_R = 1, PERM_W = 2, PERM_X = 4, PERM_RWX = 7 };

/* What a PE's registers say of it, and PSTATE. Without a feature its field is 0. */
struct permission_controls {
	uint64_t pir, pire0; /* PIR_ELx, PIRE0_ELx */
	uint64_t por, por0;  /* POR_ELx, POR_EL0 */
	uint8_t two;   /* the regime has an EL0: EL1&0 and EL2&0 */
	uint8_t nv1;   /* of EL1&0: HCR_EL2.{NV,NV1} = {1,1} */
	uint8_t wxn, epan;   /* SCTLR_ELx */
	uint8_t hd;  /* TCR_ELx.{HA,HD} = {1,1}: HD counts where HA is 1 */
	uint8_t pie, poe, e0poe; /* TCR2_ELx, as HCRX_EL2.TCR2En leaves them */
	uint8_t pan;   /* PSTATE.PAN, for an access that looks at it */
};

struct permissions {
	uint8_t privileged, unprivileged; /* PERM_* */
	/* R_TBKKB: whether PAN counts for a reserved value of PIRE0_ELx is IMPLEMENTATION DEFINED; here it does. */
	uint8_t pan_open;
	/* R_VFPJF removed all of them for the sake of a GCS permission, which means nothing without FEAT_GCS. */
	uint8_t gcs_alone;
};

#define PERM_GCS 8
#define NO_OVERLAY 8u /* the bit of a Base permission (Table D8-68) */
#define WXN_APPLIES 6u /* Table D8-69 */

/* Table D8-68; the reserved values are no access (R_LLZDZ). */
static const uint8_t indirect_base[16] = {
	[1] = PERM_R,		[2] = PERM_X,		[3] = PERM_R | PERM_X, [5] = PERM_R | PERM_W,
	[6] = PERM_RWX,		[7] = PERM_RWX,		[8] = PERM_R,	       [9] = PERM_R | PERM_GCS,
	[10] = PERM_R | PERM_X, [12] = PERM_R | PERM_W, [14] = PERM_RWX,
};

static inline bool indirect_reserved(unsigned value)
{
	return value && !indirect_base[value];
}

static inline unsigned permission_nibble(uint64_t registers, unsigned index)
{
	return registers >> (4 * index) & 15;
}

/* PIIndex of VMSAv8-64: {UXN, PXN, DBM, AP[1]} (D8.3.2). */
static inline unsigned pi_index(uint64_t descriptor)
{
	return (descriptor & PTE_S1_UXN ? 8 : 0) | (descriptor & PTE_S1_PXN ? 4 : 0) | (descriptor & PTE_DBM ? 2 : 0) |
	       (descriptor & PTE_S1_EL0 ? 1 : 0);
}

static inline uint64_t pi_bits(unsigned index)
{
	return (index & 8 ? PTE_S1_UXN : 0) | (index & 4 ? PTE_S1_PXN : 0) | (index & 2 ? PTE_DBM : 0) |
	       (index & 1 ? PTE_S1_EL0 : 0);
}

/* Base permissions of one privilege, and what becomes of them. */
struct base_permissions {
	unsigned base;
	bool wxn, overlay;
};

/* R_BCNKR, R_RNGJG, R_YTXKB, R_TRZVM, R_RBDFT, R_LWPVL, R_VWLLR; R_SYMMB and R_FYMXJ for WXN. NV1: D24.2.62. */
static inline void direct_permissions(const struct permission_controls *c, uint64_t descriptor, uint64_t tables,
				      struct base_permissions *own, struct base_permissions *other)
{
	bool user = c->two && !c->nv1 && descriptor & PTE_S1_EL0 && !(tables & PTE_TABLE_NO_EL0);
	bool write = (!(descriptor & PTE_S1_RO) || (c->hd && descriptor & PTE_DBM)) && !(tables & PTE_TABLE_RO);
	bool uxn = descriptor & PTE_S1_UXN || tables & PTE_TABLE_UXN,
	     pxn = descriptor & PTE_S1_PXN || tables & PTE_TABLE_PXN;

	if (c->nv1) { /* XN is where UXN is, and EL0 may execute */
		pxn = uxn;
		uxn = false;
	} else if (!c->two) {
		pxn = uxn;
	}
	own->base = PERM_R | (write ? PERM_W : 0) | (pxn || (user && write) ? 0 : PERM_X);
	other->base = (user ? PERM_R | (write ? PERM_W : 0) : 0) | (uxn || !c->two ? 0 : PERM_X);
	own->wxn = c->wxn && (own->base & PERM_W) && (own->base & PERM_X);
	other->wxn = c->wxn && (other->base & PERM_W) && (other->base & PERM_X);
	own->overlay = other->overlay = true;
}

/* R_BCPGD, R_LLZDZ, R_VFPJF, R_HJYGR; R_DJZHM for NV1. True where the rule of R_VFPJF was about GCS alone. */
static inline bool indirect_permissions(const struct permission_controls *c, uint64_t descriptor,
					struct base_permissions *own, struct base_permissions *other)
{
	unsigned index = pi_index(descriptor), ours = permission_nibble(c->pir, index);
	unsigned theirs = c->two && !c->nv1 ? permission_nibble(c->pire0, index) : 0;
	unsigned above = indirect_base[ours], below = indirect_base[theirs];
	bool unsafe = above & (PERM_X | PERM_GCS) && below & (PERM_W | PERM_GCS);

	own->base = unsafe ? 0 : above & PERM_RWX;
	other->base = unsafe ? 0 : below & PERM_RWX;
	own->wxn = ours == WXN_APPLIES;
	other->wxn = theirs == WXN_APPLIES;
	own->overlay = !(ours & NO_OVERLAY);
	other->overlay = !(theirs & NO_OVERLAY);
	return unsafe && !(above & PERM_X && below & PERM_W);
}

/* R_QXXPC, R_NPBXC: with its overlay the Overlay permission loses W, without it the Base permission loses X. R_WDCGP. */
static inline unsigned overlaid(struct base_permissions p, bool enabled, unsigned nibble)
{
	unsigned over =
		(nibble & 8 ? 0 : (nibble & 1 ? PERM_R : 0) | (nibble & 4 ? PERM_W : 0) | (nibble & 2 ? PERM_X : 0));

	if (!(enabled && p.overlay))
		return p.wxn ? p.base & ~(unsigned)PERM_X : p.base;
	return p.base & (p.wxn && over & PERM_X ? over & ~(unsigned)PERM_W : over);
}

/* `tables`: the bits of all table descriptors on the way, ORed; 0 where TCR_ELx.HPDn is 1. */
static inline struct permissions stage1_permissions(const struct permission_controls *c, uint64_t descriptor,
						    uint64_t tables)
{
	struct permissions p = { 0 };
	struct base_permissions own, other;
	bool overlays = c->poe || (c->two && c->e0poe), pan = c->pan && c->two && !c->nv1;
	unsigned po = (unsigned)FIELD(descriptor, PTE_S1_POINDEX), lost = 0;

	if (c->pie) {
		unsigned theirs = permission_nibble(c->pire0, pi_index(descriptor));

		p.gcs_alone = indirect_permissions(c, descriptor, &own, &other);
		p.pan_open = pan && indirect_reserved(theirs);
		pan = pan && theirs; /* R_TBKKB */
	} else {
		/* R_BVXDG: overlays turn hierarchical permissions off, as R_JHSVW does for Indirect ones. */
		direct_permissions(c, descriptor, overlays ? 0 : tables, &own, &other);
		pan = pan && (other.base & (PERM_R | PERM_W) || (c->epan && other.base & PERM_X)); /* R_XTSQH, D8.4.5.1 */
	}
	if (c->pie && descriptor & PTE_S1_RO && !c->hd) /* nDirty: R_PPGMC */
		lost = PERM_W;
	p.privileged = (uint8_t)(overlaid(own, c->poe, permission_nibble(c->por, po)) & ~lost);
	/* R_TMNYQ: no E0POE with NV1. */
	p.unprivileged = (uint8_t)(overlaid(other, c->e0poe && !c->nv1, permission_nibble(c->por0, po)) & ~lost);
	if (!c->two)
		p.unprivileged = 0;
	if (pan)
		p.privileged &= PERM_X;
	return p;
}

#endif
