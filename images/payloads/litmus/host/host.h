/* SPDX-License-Identifier: GPL-2.0-only */
/* nvh-litmus's VMM: one VM, the cases, and what is said about them. */
#ifndef NVH_LITMUS_HOST_H
#define NVH_LITMUS_HOST_H

#include <pthread.h>
#include <stddef.h>
#include <time.h>

#include "arch.h"
#include "shared/geometry.h"
#include "shared/shared.h"
#include "vmm.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3 };

/* What a case needs of its VM. Cases that agree share one. */
struct config {
	uint8_t cpus;
	bool e2h0;	    /* KVM_ARM_VCPU_HAS_EL2_E2H0: an nVHE hypervisor */
	bool hide_range;    /* ID_AA64ISAR0_EL1.TLB: OS only */
	bool hide_os;	    /* ID_AA64ISAR0_EL1.TLB: neither OS nor RANGE */
	bool hide_xs;	    /* ID_AA64ISAR1_EL1.XS */
	bool huge;	    /* MADV_HUGEPAGE for the data */
	bool qemu;	    /* QEMU is the VMM */
	bool bare;	    /* the machine is QEMU's own: true EL2, where HCR_EL2.E2H begins as 0 */
	uint8_t first_pe;   /* CPU of L0 that the first vCPU runs on */
	uint8_t spare;	    /* vCPUs that never run: each brings two shadow stage-2 contexts */
	uint8_t vel2_shift; /* granule of vEL2's own tables; 0: 4K */
	uint8_t pa_bits;    /* of L1, and so of its stage 2; 0: PHYSICAL_BITS */
};

struct litmus;

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
};

struct vm {
	int fd;
	struct config config;
	uint64_t features; /* ID_AA64ISAR0_EL1.TLB and so on, see vm_lacks() */
	struct vcpu vcpu[CPUS_MAX];
	uint8_t *low, *data;
	uint8_t *event[2]; /* memory for EVENT_PA; the first is there to begin with */
	bool event_present;
	uint64_t mmio_value; /* what L2 reads where EVENT_PA has no memory */
	struct shared *shared;
	bool stop;
	pthread_t leader; /* the thread of the first vCPU */
	timer_t timer;	  /* ends its KVM_RUN */
	bool timed;
	struct disturbance *disturbance;
	int qemu, ram, image; /* host/qemu.c: the process, and files in memory */
	uint64_t rings;	      /* of its doorbell */
	unsigned refused; /* accesses of L2 to protected memory */
	int child, child_go; /* of HUGE_FORK */
	char broken[160];
};

enum ran { RAN, RAN_FATAL, RAN_HANG, RAN_BROKEN };

/* What a step may ask of the VMM, with an offset into the event memory; families/events.c. */
enum event_action {
	EVENT_SET_UP,	 /* the first memory, with the old value; the second has the new one */
	EVENT_DONTNEED,	 /* drop all of it, and write the new value */
	EVENT_MOVE,	 /* the second memory in its place */
	EVENT_DELETE,	 /* no memory: accesses are MMIO and read the new value */
	EVENT_READ_ONLY,
	EVENT_DIRTY_ON,	 /* log dirty pages from now on */
	EVENT_DIRTY_READ, /* 1: the page is not in the log, 2: it is; the log begins anew */
	EVENT_CHANGED,	  /* 1: the memory is what it was when this was asked last, 2: it is not */
};
uint64_t event_old(uint64_t offset);
uint64_t event_new(uint64_t offset);
void add_event(struct litmus *l, enum event_action action, uint64_t offset);
void expect_event(struct litmus *l, enum event_action action, uint64_t offset, uint64_t answer);

/* L2's access to where EVENT_PA has no memory, or none to write; false when `run` is about something else. */
bool event_mmio(const struct vm *vm, struct kvm_run *run);

/* A step's request to the VMM; false breaks the VM. families/events.c */
bool host_action(struct vm *vm, uint64_t action, uint64_t argument, uint64_t *answer);

/* The same for the actions of families/race.c. */
enum window_action { WINDOW_OPEN = 100, WINDOW_WAIT, WINDOW_CLOSE };
bool window_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer);

#define NO_OPERATION 0xffff /* struct litmus.op of cases that are about L0's own events */

/* host/break.c: gives the VM up, the first reason stays; vm_fails() adds errno and is always false. */
void vm_break(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool vm_fails(struct vm *vm, const char *what);
/* host/vm.c. A false leaves its reason in vm->broken. */
bool vm_create(struct vm *vm, const struct config *config);
void vm_destroy(struct vm *vm);
/* It runs no more; the end of this process ends it. */
void vm_leave(struct vm *vm);
#define QEMU_WORDS_MAX 64
extern char *const *qemu_words;
/* host/qemu.c: the same three for a VM whose VMM is QEMU, and why a case cannot have that */
bool qemu_create(struct vm *vm);
enum ran qemu_run(struct vm *vm, unsigned timeout_s);
void qemu_destroy(struct vm *vm);
const char *qemu_lacks(const struct litmus *l);
/* host/run.c */
bool vm_start_followers(struct vm *vm);
/* Let the payload carry out what is in shared->program. */
enum ran vm_run(struct vm *vm, unsigned timeout_s);
/* Let vCPU `index` run on this CPU of L0 alone; it has moved there when this returns. */
bool vm_pin(struct vm *vm, unsigned index, unsigned pe);
unsigned vm_pes(void);
/* host/disturb.c: what goes on beside a program until disturb_stop(), which says how often it happened. */
enum disturb {
	DISTURB_NONE,
	DISTURB_KICK,  /* signals put and load the other vCPUs all the time */
	DISTURB_MOVE,  /* the other vCPUs move between L0's CPUs */
	DISTURB_CLOSE, /* another VM is created, runs an L2 and is closed, in this process */
	DISTURB_KILL,  /* another process with a VM is killed while its L1 executes operations */
};
const char *disturb_word(enum disturb kind);
bool disturb_start(struct vm *vm, enum disturb kind);
uint64_t disturb_stop(struct vm *vm);
/* host/teardown.c: one VM's life and end; false leaves its reason in vm->broken. */
bool teardown_close(struct vm *vm, unsigned turn);
bool teardown_kill(struct vm *vm, unsigned turn);
/* families/huge.c, of the huge page at the beginning of the event memory */
enum huge_action {
	HUGE_SET_UP = 300, /* 1: there is one, with the old values */
	HUGE_DONTNEED,	   /* one page of it, with the new value afterwards */
	HUGE_PROTECT,	   /* one page of it read-only */
	HUGE_REFUSED,	   /* accesses that KVM_RUN has refused since */
	HUGE_COLLAPSE,	   /* 1: it is one again */
	HUGE_FORK,
	HUGE_CHILD, /* what the child still sees */
	HUGE_READ,
};
bool huge_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer);
/* KVM_RUN ended with EFAULT: permit what was forbidden and go on. */
bool huge_refused(struct vm *vm);
/* families/migrate.c */
enum migrate_action { MIGRATE = 200 /* of the vCPU: the argument is 256 * vCPU + the CPU of L0 */ };
bool migrate_action(struct vm *vm, uint64_t argument, uint64_t *answer);
/* host/vcpu.c. A false leaves its reason in vm->broken. */
bool vcpu_create(struct vm *vm, unsigned index);
bool vcpu_start_at_image(struct vm *vm, unsigned index);
bool vm_create_gic(struct vm *vm);
/* What config hides from L1. */
bool vm_shape(struct vm *vm);
/* Where a vCPU was when it last left KVM_RUN. */
uint64_t vm_pc(const struct vm *vm, unsigned index);
/* PSTATE.EL is 1 or 0 in L2, and 2 at vEL2 (the kernel's own view, KVM_REG_ARM_CORE). */
bool vcpu_in_l2(const struct vm *vm, unsigned index);
/* The file descriptor of /dev/kvm, or -1 with errno. */
int kvm_open(void);
/* why="…": which level each vCPU was at, and where, after a hang. Only vm_destroy() may follow. */
void vm_where(struct vm *vm, char *out, size_t size);
bool vm_slot(struct vm *vm, unsigned slot, uint64_t pa, uint64_t size, void *memory, uint32_t flags);
/* Why L1 on this model cannot execute `op`, or NULL. */
const char *vm_lacks(const struct vm *vm, const struct operation *op);
/* Whether L1 has this granule at stage 2 (FEAT_GTG; KVM offers none below L0's own page size), and one that it has. */
bool vm_has_stage2(const struct vm *vm, unsigned shift);
unsigned vm_stage2(const struct vm *vm);
bool kvm_has_el2(void);
bool kvm_has_e2h0(void);

/* What a probe of L2 (or of vEL2's own mapping) is for. */
enum role {
	ROLE_BEFORE, /* must read `old`: the translation is in use */
	ROLE_STALE,  /* the control: with the descriptor changed and no TLBI, `old` shows a cached translation */
	ROLE_GONE,   /* after the operation: must not be `old`; the fault must be the right one */
	ROLE_FREE,   /* not obliged: `old` or a fault, which is counted as over-invalidation */
	ROLE_AFTER,  /* must read `now`: the new descriptor is in use */
	ROLE_UNDEF,  /* the operation must be UNDEFINED */
	ROLE_TRAP,   /* the operation must arrive at vEL2: esr */
	ROLE_DONE,   /* the operation must raise nothing */
	ROLE_PAR,    /* PAR_EL1 must be `now` where `old` has bits */
	ROLE_RACE,   /* no spoilt page was read, and the victim did read good ones */
};

enum fault { FAULT_TRANSLATION, FAULT_PERMISSION, FAULT_EXTERNAL, FAULT_ACCESS_FLAG };

struct probe {
	uint8_t cpu, step, role, observable;
	uint8_t fault;	    /* enum fault: the one to expect */
	uint8_t part;	    /* 0: the outcome; 1, 2: outcome.more[part - 1] */
	uint64_t at; /* IPA or VA */
	uint64_t old, now;
	uint64_t esr, far; /* of the fault, less IL; 0: not looked at */
};

#define PROBES_MAX 96

struct litmus {
	char name[96];
	unsigned number; /* in the list */
	unsigned op;
	struct config config;
	void (*build)(struct litmus *l);
	const char *regime; /* the word in the report */
	unsigned shift, level;
	int position, hint;
	unsigned scale, num;
	int variant;
	/* While it is built and run: */
	struct vm *vm;
	unsigned steps[CPUS_MAX];
	struct probe *probes; /* PROBES_MAX of them, the same for all: a list of 25000 cases has to be small */
	unsigned probe_count;
	bool any_stage2; /* it is not about stage 2, which may have any granule that L1 has there */
	bool own;  /* the PE that executes the operation is the one that looks */
	bool both; /* it looks, and another does */
	bool vel2, tge, el0;
	int place; /* enum place */
	bool nv; /* L2 is a hypervisor itself */
	bool direct; /* its control is a step of its own */
	enum disturb disturb;
	bool provoked; /* a hang on purpose: only when --case names it */
	unsigned timeout_s; /* 0: the usual */
	bool host;    /* a step asks the VMM for something */
	unsigned pes; /* that L0 has to have at least */
	bool small_pages; /* L0 has to have 4K pages */
	bool slow; /* the operation walks the whole shadow stage 2 */
};

struct finding {
	const char *verdict, *control;
	bool obliged; /* the architecture obliges the operation to something that the case looks at */
	unsigned refaults;
	uint64_t rounds, reads, disturbed; /* of a race */
	char why[240];
};

/* host/program.c: each appends one step; the ones with a role also what its outcome has to be. */
struct step *add(struct litmus *l, unsigned cpu, enum step_kind kind);
void add_context(struct litmus *l, unsigned ctx, unsigned vmid, unsigned asid, bool s1_on, bool s2_on);
/* sl0 < 0: the one that fits */
void context_sizes(struct context *c, unsigned s2_bits, unsigned s1_bits, int sl0);
/* A context, added last, with a stage 2 of up to 48 bits; the VM has to have as many. */
void context_wide(struct litmus *l, unsigned ctx, unsigned bits);
/* The same context has TTBR1_EL1, too. */
void context_high(struct litmus *l, unsigned ctx);
void add_write(struct litmus *l, enum step_kind kind, unsigned ctx, uint64_t ia, uint64_t descriptor, unsigned level);
void add_poke(struct litmus *l, uint64_t pa, uint64_t value);
/* The same for code, CODE or MORE_CODE, which returns CODE_RESULT or MORE_CODE_RESULT. */
void add_code(struct litmus *l, uint64_t pa, uint64_t code);
void add_tlbi(struct litmus *l, unsigned ctx, unsigned op, uint64_t operand, uint32_t flags);
void add_access(struct litmus *l, unsigned ctx, enum access access, uint64_t va, bool el0, enum role role,
		uint64_t old, uint64_t now);
/* CPU `cpu` reads `va` under `ctx` until add_stop(); add_sample() is what it sees. */
void add_spin(struct litmus *l, unsigned cpu, unsigned ctx, uint64_t va, enum spin_where where);
void add_sample(struct litmus *l, unsigned cpu, uint64_t va, enum role role, uint64_t old, uint64_t now);
void add_stop(struct litmus *l, unsigned cpu);
/* The last `count` accesses, READS_MAX reads at EL1 at most, in one entry into L2. */
void add_together(struct litmus *l, unsigned count);
void add_read(struct litmus *l, uint64_t va, enum role role, uint64_t old, uint64_t now);
/* Of the case's leaf, in bytes. */
uint64_t leaf_size(const struct litmus *l);
/* An operand for the leaf of l->level at `at`: an address in it, or the smallest range that holds it. */
uint64_t operand_whole(const struct litmus *l, uint64_t at, unsigned asid, unsigned ttl_level);
/* Whether the operation, executed on the PE that looks and under VMID, obliges the stage-2 leaf at `ipa`. */
bool stage2_obliged(const struct litmus *l, uint64_t operand, uint64_t ipa, unsigned level);
/* AT under context `ctx`: PAR_EL1, less its attributes, is `par`. */
void add_at(struct litmus *l, unsigned ctx, enum at_operation op, uint64_t va, uint64_t par);
struct probe *add_probe(struct litmus *l, unsigned cpu, unsigned step, enum role role);
uint64_t value_at(uint64_t pa);
uint64_t leaf_s2(uint64_t pa, unsigned level, uint64_t permissions);
uint64_t leaf_s1(uint64_t pa, unsigned level, uint64_t more);
/*
 * IPA of the first of `leaves` leaves at `level`, aligned to a leaf, that no recent case used. VMIDs are not
 * fresh: another one makes KVM recycle a shadow context, which on 7.3 takes a minute (docs/litmus.md).
 */
uint64_t fresh_ipa(unsigned shift, unsigned level, unsigned leaves);
/* Unmap `count` leaves from `ipa` on and have them forgotten, for the next case's sake. */
void add_cleanup(struct litmus *l, unsigned ctx, uint64_t ipa, unsigned level, unsigned count);
/* struct litmus.place: by TTBR0, by TTBR1, and the last leaf of the address space. */
enum place { PLACE_LOW, PLACE_HIGH, PLACE_LAST, PLACES };
extern const char *const place_words[PLACES];
/* `low`, or the same in the high half of an input size of `bits`, or the last leaf. */
uint64_t place_va(const struct litmus *l, uint64_t low, unsigned bits);
unsigned op_named(const char *name);
const char *granule_word(unsigned shift);
const char *size_word(uint64_t bytes);
/* host/mark.c: after mark_open() each end ("begin", "end") of a case is a mark in L0's trace. */
bool mark_open(void);
void mark_case(const struct litmus *l, const char *end);
/* host/loose.c: STEP_LOOSE for the looks that are L1's own affair; whether all of the case is. */
bool loosen(const struct litmus *l);
/* host/judge.c; foresee(): what judge() says of a case that passes at once, without running it */
void judge(const struct litmus *l, struct finding *f);
void foresee(const struct litmus *l, struct finding *f);

enum { VMID = 1, VMID_OTHER = 2 };

/* mov x0, #result; ret */
#define CODE 0xd65f03c0d2824680
#define CODE_RESULT 0x1234
#define MORE_CODE 0xd65f03c0d2886420
#define MORE_CODE_RESULT 0x4321

/* host/describe.c: --describe, one line of key=value words */
void describe(const struct litmus *l);
/* host/choose.c: the cases whose names FILE has, a name a line, in the file's order; -1 with a message on stderr. */
long choose(const char *path, struct litmus *cases, size_t count);

/* The case list: each function adds one family. */
struct list {
	struct litmus *cases;
	size_t count, room;
};
struct litmus *list_add(struct list *list, const struct litmus *l, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void cases_stage2(struct list *list);
void cases_remote(struct list *list);
void cases_vel2(struct list *list);
void cases_el0(struct list *list);
void cases_operand(struct list *list);
void cases_vmids(struct list *list);
void cases_trap(struct list *list);
void cases_change(struct list *list);
void cases_own(struct list *list);
void cases_events(struct list *list);
void cases_race(struct list *list);
void cases_vncr(struct list *list);
void cases_vncr_more(struct list *list);
void cases_migrate(struct list *list);
void cases_huge(struct list *list);
void cases_fine(struct list *list);
void cases_hang(struct list *list);
void cases_vncr_asid(struct list *list);
void cases_life(struct list *list);
void cases_wide(struct list *list);
void cases_walk(struct list *list);
void cases_at(struct list *list);
/* families/trap.c: ESR_EL2 of L2's execution of `op`, trapped to vEL2, less IL */
uint64_t trap_syndrome(unsigned op);

#endif
