/* SPDX-License-Identifier: GPL-2.0-only */
/* What nvh-litmus's VMM (at L0) and its bare-metal hypervisor (at vEL2) agree on. */
#ifndef NVH_LITMUS_SHARED_H
#define NVH_LITMUS_SHARED_H

/* L1's physical memory. vEL2 maps all of it flat. */
#define DOORBELL_PA 0x10000000
#define IMAGE_PA 0x40000000
#define SHARED_PA 0x40200000
#define SHARED_SIZE 0x40000
#define POOL_PA 0x41000000 /* page tables of L2, both stages */
#define POOL_SIZE 0x1000000
#define LOW_SIZE 0x2000000 /* of the memslot at IMAGE_PA that holds all of the above */
#define DATA_PA 0x100000000 /* what L2's tests map */
#define DATA_SIZE 0x100000000
#define EVENT_PA 0x200000000 /* what the VMM moves, drops and protects in mid-program */
#define EVENT_SIZE 0x4000000
#define PRESSURE_PA (DATA_PA + DATA_SIZE / 2) /* pages for --pressure, a word of each is read */
#define PRESSURE_PAGES 4096
/* With config.far a part of the data and of the event memory is there once more, at addresses of each bit from PHYSICAL_BITS on. */
#define FAR_MEMORY_PA (DATA_PA + 0x4000000)
#define FAR_SIZE 0x200000
#define FAR_MEMORY(bit) ((1ull << (bit)) + 0x80000000)
#define FAR_EVENT(bit) ((1ull << (bit)) + 0xa0000000)
#define NO_MEMORY_PA 0x3000000000 /* within L1's PA size, and nothing is there */
#define E2_TEST_VA 0xc00000000 /* vEL2's own test mappings, within the input size of every granule */
#define E2_HIGH_VA 0xfffffffc00000000 /* the same by TTBR1_EL2, with E2H */
#define E2_ASID 0x2a /* in TTBR0_EL2 with E2H: of both halves */
#define L2_PAGE_SIZE 0x10000 /* L2's code and spin records, mapped identically */
#define L2_DATA_VA 0x50000000 /* L2's page once more, for EL0 to write */

#define PHYSICAL_BITS 40
#define SPOILT 0xdead /* STEP_RACE: what a page holds once nobody may use it */

#define CPUS_MAX 4
#define STEPS_MAX 256
#define FRAMES_MAX 32
#define READS_MAX 5 /* of one entry into L2 */
#define CONTEXTS_MAX 16

#define DOORBELL_DONE 1	 /* the program ran, or the payload is ready for its first */
#define DOORBELL_HOST 2	 /* shared->host_action asks for something in mid-program */
#define DOORBELL_FATAL 3 /* an exception at vEL2 that no step expects */
#define DOORBELL_DROP 4	 /* of any CPU: SPIN_DROP_TURNS */

#include "marks.h"

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

#include "shared/geometry.h"

/* What one step does; a, b, c and d are the fields of struct step. */
enum step_kind {
	STEP_END,
	STEP_CONTEXT,  /* give context `ctx` its tables; a, b: its stage 2, 1 is that of context a - 1 (0: its own);
			  c: its own stage 2 begins where it does in each program; d: a's has L2's page in its shape, too */
	STEP_S2, /* write b as stage-2 descriptor of IPA a at level c; d: and as many in all, for the leaves that follow */
	STEP_S1, /* the same in L2's stage 1, VA a */
	STEP_E2, /* the same in vEL2's own stage 1 */
	STEP_POKE, /* write b to the physical address a; c: it is code, make it coherent */
	STEP_L2, /* enter L2 for one access (enum access, op) of VA a, value b; c: at EL0; d: or this and the next
			  d - 1, all of them reads at EL1, at once */
	STEP_TLBI, /* operation `op`, operand a, at vEL2, under context `ctx`; DSBs and ISB around it */
	STEP_L2_TLBI, /* the same by L2 at EL1; c: with the operand in L2_OPERAND_REGISTER(op), else in X1 */
	STEP_L2_REMAP, /* L2 alone: access VA a, write d as its descriptor at level c, access, `op` (b), access */
	STEP_READ, /* read VA a at vEL2 */
	STEP_HOST, /* ask the VMM for action a, with argument b; the outcome is its answer */
	STEP_SPIN, /* after STEP_START: enum spin_where c: read VA a until STEP_STOP; d: how many contexts there are */
	STEP_SAMPLE, /* what CPU c's STEP_SPIN reads from now on */
	STEP_STOP, /* end CPU c's STEP_SPIN */
	STEP_RACE, /* b times: unmap the page at IPA a, level c, `op` (d), spoil what it mapped, map the other page */
	STEP_HANG, /* c: enum hang: vEL2 itself never answers again, or takes an exception that nothing expects */
	STEP_START, /* let CPU c begin its STEP_SPIN, and wait until it has */
	STEP_PASS, /* it is turn a: another CPU's STEP_AWAIT goes on */
	STEP_AWAIT, /* wait for turn a */
	STEP_AT, /* AT `op` (enum at_operation) of VA a at vEL2, under context `ctx`, with PSTATE.PAN = c; the outcome is
			  PAR_EL1 */
	STEP_LOOK, /* read the descriptor at level c of address a, `op`: of stage 1 or 2; the outcome is it, or 0 */
	STEP_E2_ASID, /* TTBR0_EL2.ASID is a from now on, until the program ends */
	STEP_SYS, /* SYS with the fields b (as in struct operation.sys) and Rt d, X1 being a: by enum sys_at c */
	STEP_CALL, /* vEL2 calls VA a, from L2's page at VA b; c: with SCTLR_EL2.WXN; the outcome is X0 */
	STEP_RETURN, /* vEL2 returns with SPSR_EL2 a, which is illegal; c: which is EL2's, and the outcome is the PSTATE there */
};

/* Programs as text have those before AT_TEXT (Arm ARM C5.4). */
enum at_operation {
	AT_S1E1R, AT_S1E1W, AT_S1E0R, AT_S1E0W, AT_S12E1R, AT_S12E1W, AT_S12E0R, AT_S12E0W, AT_TEXT,
	AT_S1E2R = AT_TEXT, AT_S1E2W, AT_S1E1RP, AT_S1E1WP, AT_COUNT
};

enum sys_at { SYS_AT_EL2, SYS_AT_EL1, SYS_AT_EL0 };

enum hang { HANG_SPIN, HANG_FATAL };

enum spin_where {
	SPIN_L2,
	SPIN_VEL2,
	SPIN_L2_SPOILT, /* and report each read of a spoilt page */
	SPIN_L2_EL0,
	SPIN_L2_VNCR, /* reads TPIDR_EL2, that is the page of VNCR_EL2 */
	SPIN_L2_WRITE, /* writes, another value each time */
	SPIN_L2_VNCR_WRITE, /* the same to TPIDR_EL2 */
	SPIN_L2_HALTS, /* a WFI after each access, for which L0 takes the CPU away; likewise the next three */
	SPIN_L2_WRITE_HALTS,
	SPIN_L2_VNCR_HALTS,
	SPIN_L2_VNCR_WRITE_HALTS,
	SPIN_L2_TURNS, /* enters L2 for each read, under each context from ctx on in turn: that of ctx counts */
	SPIN_VNCR_TURNS, /* the same with SPIN_L2_VNCR, under those that have a page */
	SPIN_TLBI_TURNS, /* enters L2 for each read; in between an operation of vEL2's for an address that nothing maps */
	SPIN_DROP_TURNS, /* the same; in between its VMM's thread drops memory of another VM */
	SPIN_L2_OWN, /* likewise, and the operation is for what it has read */
	SPIN_VNCR_OWN, /* the same with SPIN_L2_VNCR */
};

/* With HCR_EL2.{NV,NV2} the accesses to TPIDR_EL2 are to the page of VNCR_EL2 (Arm ARM D8.14). */
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE, ACCESS_VNCR_READ, ACCESS_VNCR_WRITE, ACCESS_HANG };
#define VNCR_TPIDR 0x90 /* TPIDR_EL2 in that page (D8.14, table of offsets) */

struct step {
	uint8_t kind;
	uint8_t ctx;
	uint16_t op;
	uint32_t flags;
	uint64_t a, b, c, d;
};

#define L2_OPERAND_REGISTER(op) (15 + (op) % 14)

/* Xt of a load or store of L2's: by the step's place in its program each of X0 to X30 but what the stub itself needs. */
static inline unsigned access_register(unsigned place, bool write)
{
	unsigned xt = place * 11 % 31;

	return xt == 1 || xt == 6 ? (write ? 2 : 0) : xt;
}

/* L2 at EL1 is entered with SP_EL0, in a step at that place in its program. */
static inline bool enters_with_sp0(unsigned place)
{
	return place & 2;
}

/* PSTATE.DAIF that L2 is entered with there: the low bits of this. */
static inline unsigned masks_at(unsigned place)
{
	return 5 * place & 15;
}

enum { MASK_F = 1, MASK_I = 2, MASK_A = 4 };

#define STEP_UNDER_TEST 1u /* --self-test leaves this operation out, with --keep-exit but for its exit to L0 */
#define STEP_EL0 2u	   /* of STEP_L2_REMAP: the accesses are EL0's */
#define STEP_EXECUTE 4u	   /* with STEP_EL0: they are calls, not reads */
#define STEP_SETTLED 8u	   /* STEP_RACE: no fault of the victim is under way when the page is taken away */
#define STEP_WHERE 16u	   /* of STEP_L2's write: which words of shared->frame hold the value afterwards */
#define STEP_LOOSE 32u	   /* an old translation may still be used: L1 owes an invalidation here, L0 none */
#define STEP_MMU_OFF 64u   /* of STEP_L2: SCTLR_EL2.M is 0 while L2 runs */
#define STEP_AS_IS 128u /* of STEP_S1 and STEP_S2: the descriptor has the layout that DS of its stage says */
#define ESB 0xd503221fu
#define STEP_WORD 512u /* of STEP_SYS: b is the whole instruction, and the outcome's value X1 after it */
#define STEP_ROOT \
	2048u /* of STEP_CONTEXT: its own stage 2 begins at d, in VTTBR_EL2 where FAR_MEMORY(op) has it; a is 0 */
#define STEP_MERGE 1024u /* of STEP_S1: bits for the descriptor that is there */
#define STEP_SSBS 4096u /* of STEP_L2: SCTLR_EL2.DSSBS is 1 while L2 runs */
#define STEP_SPAN 16384u /* of STEP_L2: SCTLR_EL2.SPAN is 0 while L2 runs */
#define STEP_SP0 8192u /* of STEP_SYS at vEL2: with SP_EL0 */
#define STEP_BIG_ENDIAN \
	256u /* of STEP_L2: as STEP_MMU_OFF, and SCTLR_EL2.EE is 1; of STEP_SYS at vEL2: the same for a load from a */

enum outcome_kind {
	OUTCOME_NONE,
	OUTCOME_VALUE, /* value */
	OUTCOME_S2_FAULT, /* abort from L2 taken at vEL2: esr, far, hpfar */
	OUTCOME_S1_FAULT, /* abort that L2 took itself: esr, far of EL1 */
	OUTCOME_TRAP, /* anything else that L2 made vEL2 take: esr */
	OUTCOME_EXCEPTION, /* the guarded instruction at vEL2 raised one: esr, far */
	OUTCOME_DONE,
	OUTCOME_TIMEOUT, /* the other CPU did not answer */
	OUTCOME_ASTRAY, /* an exception to vEL2 whose ELR_EL2 (value), SPSR_EL2 (hpfar), PSTATE or vector is wrong: esr, far */
};

struct outcome {
	uint64_t kind, value, esr, far, hpfar;
	uint64_t rounds;  /* STEP_RACE */
	uint64_t more[2]; /* STEP_L2_REMAP: the values before and without the operation; STEP_WHERE: a bit per frame */
};

struct program {
	struct step step[STEPS_MAX];
	struct outcome outcome[STEPS_MAX];
};

/* What else L1 traps of L2; with E2H. `set`: of these, the registers have what is here and not what they had before. */
struct controls {
	uint64_t set, fgt; /* `fgt`: with those of FEAT_FGT, of which 0 is what they had */
	uint64_t fine[4]; /* HFGRTR_EL2, HFGWTR_EL2, HDFGRTR_EL2, HDFGWTR_EL2 */
	uint64_t cptr, mdcr, cnthctl;
};

/* One L2 translation context: what the payload loads before it enters L2 or executes a TLBI. */
struct context {
	uint64_t vttbr, vtcr, hcr, hcrx, hfgitr;
	uint64_t ttbr0, ttbr1, tcr, sctlr; /* of L2's EL1 */
	uint64_t tcr2, pir, pire0; /* likewise, where L1 has FEAT_S1PIE */
	uint64_t mair; /* likewise; 0: Attr0 is Normal Write-Back, the others Device-nGnRnE */
	uint64_t vncr; /* VNCR_EL2, for an L2 that is a hypervisor itself (HCR_EL2.NV) */
	uint64_t s2_root, s1_root, s1_high; /* set by STEP_CONTEXT, which merges them into vttbr, ttbr0 and ttbr1 */
	struct shape s2_shape, s1_shape;
	uint64_t el0_data; /* map L2_DATA_VA */
	uint64_t high;	   /* it has tables for TTBR1_EL1 */
	uint64_t keeps; /* what L2's EL1 has is what the program makes of it, but for SCTLR_EL1, which leaves stage 1 off */
	uint64_t page; /* IPA of L2's page, with its stage 1 off and for STEP_L2 alone; 0: as everywhere */
	struct controls controls;
};

/* Published by L2 itself while it spins, and by its vCPU at vEL2 when it faults. */
struct spin {
	uint64_t value;
	uint64_t count;
	uint64_t faults;
	uint64_t esr, hpfar;
	uint64_t begun;	  /* program number */
	uint64_t spoilt;  /* reads that gave SPOILT */
	uint64_t stage1;  /* the last fault was L2's own */
};

struct shared {
	uint64_t number; /* of the program: the other CPUs start when it changes */
	uint64_t go;	 /* the same, once STEP_START has been reached */
	uint64_t finished[CPUS_MAX];
	uint64_t cpus;
	uint64_t e2h;
	uint64_t set_e2h; /* true EL2 begins without */
	uint64_t vel2_shift; /* granule of vEL2's own tables; the VMM sets it before a program */
	uint64_t vel2_tcr, vel2_ttbr[2]; /* bits of TCR_EL2, TTBR0_EL2 and TTBR1_EL2 that differ from the usual; likewise */
	uint64_t vel2_sctlr; /* bits of SCTLR_EL2 likewise: none that changes how memory is read */
	uint64_t vel2_wide; /* both halves have 48 bits, with 4K pages; likewise */
	uint64_t vel2_tcr2, vel2_pir, vel2_pire0; /* TCR2_EL2, PIR_EL2 and PIRE0_EL2, where L1 has FEAT_S1PIE; likewise */
	uint64_t skip;	 /* --self-test */
	uint64_t keep_exit; /* what vEL2 skips of it is an exit to L0 that invalidates nothing */
	uint64_t pressure; /* pages that each PE reads before a program, and before the operation under test */
	uint64_t pressed;  /* how many the first PE has read */
	uint64_t loose;	 /* STEP_LOOSE for all of the program, and for CPUs that spin */
	uint64_t by_memory; /* the doorbell is the next three, and the other CPUs are powered off */
	uint64_t rings, rung, answers; /* how often, with what, and up to which the VMM has answered */
	uint64_t host_action, host_argument, host_answer;
	uint64_t fatal_esr, fatal_elr, fatal_far, fatal_cpu;
	uint64_t id_mmfr0, id_mmfr1, id_mmfr2, id_mmfr3, id_mmfr4, id_isar0, id_isar1, id_pfr0, id_pfr1, id_dfr0;
	uint64_t ich_vtr; /* 0 where the doorbell is memory */
	uint64_t l2_page; /* IPA of L2's code and spin records */
	uint64_t race_vmalle1is; /* number of the operation */
	uint64_t race_end;	 /* the VMM has seen enough */
	uint64_t turn;		 /* STEP_PASS */
	uint64_t frame_count, frame[FRAMES_MAX]; /* STEP_WHERE: physical addresses */
	struct { /* STEP_RACE: the two pages that take turns */
		uint64_t pa, descriptor;
	} race[2];
	struct context context[CONTEXTS_MAX];
	struct program program[CPUS_MAX];
};
_Static_assert(sizeof(struct shared) <= SHARED_SIZE, "shared memory");
#endif

#endif
