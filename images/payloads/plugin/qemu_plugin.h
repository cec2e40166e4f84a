/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs on the host, inside QEMU: our own declarations of the functions of its TCG plugin interface that we
 * use. Debian ships no header for it. NVH_API is the interface's version for which the plugin is compiled:
 *
 *   4  QEMU 10.0 (accepts 2..4): callbacks are given the plugin's id first; register descriptors have 24 bytes
 *   7  QEMU 11.1 (accepts 7..7): callbacks are given the user data last; register descriptors have 32 bytes
 *
 * accept.c compares it with what QEMU reports when it loads the plugin, and refuses any other.
 */
#ifndef NVH_QEMU_PLUGIN_H
#define NVH_QEMU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if NVH_API != 4 && NVH_API != 7
#error "declare what this version of the plugin interface looks like, then add it here"
#endif

#define NVH_EXPORT __attribute__((visibility("default")))

typedef uint64_t qp_id;

struct qp_info {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus, max_vcpus;
	} system;
};

/* GLib's GArray and GByteArray; their public part. */
struct g_array {
	char *data;
	unsigned int len;
};

struct g_byte_array {
	uint8_t *data;
	unsigned int len;
};

struct qp_register; /* opaque, as are the others without a definition */
struct qp_tb;
struct qp_insn;
struct qp_hwaddr;

struct qp_register_descriptor {
	struct qp_register *handle;
	const char *name;
	const char *feature;
#if NVH_API >= 7
	bool is_readonly;
#endif
};

enum qp_cb_flags { QP_CB_NO_REGS, QP_CB_R_REGS, QP_CB_RW_REGS, QP_CB_RW_REGS_PC /* since 7 */ };
enum qp_mem_rw { QP_MEM_R = 1, QP_MEM_W, QP_MEM_RW };

typedef void (*qp_exec_cb)(unsigned int vcpu, void *data);
typedef void (*qp_mem_cb)(unsigned int vcpu, uint32_t info, uint64_t vaddr, void *data);

/* Heads of the callbacks whose arguments depend on the version. QEMU 10.0 passes user data to none of them. */
#if NVH_API >= 7
typedef void (*qp_vcpu_cb)(unsigned int vcpu, void *data);
typedef void (*qp_tb_cb)(struct qp_tb *tb, void *data);
#define QP_VCPU_CB(function, vcpu) static void function(unsigned int vcpu, void *data_)
#define QP_TB_CB(function, tb) static void function(struct qp_tb *tb, void *data_)
#define QP_UNUSED_ARGUMENT (void)data_
void qemu_plugin_register_vcpu_init_cb(qp_id id, qp_vcpu_cb cb, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qp_id id, qp_tb_cb cb, void *data);
void qemu_plugin_register_vcpu_idle_cb(qp_id id, qp_vcpu_cb cb, void *data);
void qemu_plugin_register_vcpu_resume_cb(qp_id id, qp_vcpu_cb cb, void *data);
#define QP_ON_VCPU_INIT(id, cb) qemu_plugin_register_vcpu_init_cb(id, cb, NULL)
#define QP_ON_VCPU_IDLE(id, cb) qemu_plugin_register_vcpu_idle_cb(id, cb, NULL)
#define QP_ON_VCPU_RESUME(id, cb) qemu_plugin_register_vcpu_resume_cb(id, cb, NULL)
#define QP_ON_TRANSLATION(id, cb) qemu_plugin_register_vcpu_tb_trans_cb(id, cb, NULL)
#else
typedef void (*qp_vcpu_cb)(qp_id id, unsigned int vcpu);
typedef void (*qp_tb_cb)(qp_id id, struct qp_tb *tb);
#define QP_VCPU_CB(function, vcpu) static void function(qp_id id_, unsigned int vcpu)
#define QP_TB_CB(function, tb) static void function(qp_id id_, struct qp_tb *tb)
#define QP_UNUSED_ARGUMENT (void)id_
void qemu_plugin_register_vcpu_init_cb(qp_id id, qp_vcpu_cb cb);
void qemu_plugin_register_vcpu_tb_trans_cb(qp_id id, qp_tb_cb cb);
void qemu_plugin_register_vcpu_idle_cb(qp_id id, qp_vcpu_cb cb);
void qemu_plugin_register_vcpu_resume_cb(qp_id id, qp_vcpu_cb cb);
#define QP_ON_VCPU_INIT(id, cb) qemu_plugin_register_vcpu_init_cb(id, cb)
#define QP_ON_VCPU_IDLE(id, cb) qemu_plugin_register_vcpu_idle_cb(id, cb)
#define QP_ON_VCPU_RESUME(id, cb) qemu_plugin_register_vcpu_resume_cb(id, cb)
#define QP_ON_TRANSLATION(id, cb) qemu_plugin_register_vcpu_tb_trans_cb(id, cb)
#endif

void qemu_plugin_register_vcpu_insn_exec_cb(struct qp_insn *insn, qp_exec_cb cb, enum qp_cb_flags flags,
					    void *data);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qp_tb *tb, qp_exec_cb cb, enum qp_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qp_insn *insn, qp_mem_cb cb, enum qp_cb_flags flags,
				      enum qp_mem_rw rw, void *data);

size_t qemu_plugin_tb_n_insns(const struct qp_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qp_tb *tb);
struct qp_insn *qemu_plugin_tb_get_insn(const struct qp_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qp_insn *insn, void *to, size_t size);
uint64_t qemu_plugin_insn_vaddr(const struct qp_insn *insn);
void *qemu_plugin_insn_haddr(const struct qp_insn *insn);

struct qp_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qp_hwaddr *address);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qp_hwaddr *address);
bool qemu_plugin_mem_is_store(uint32_t info);

/* Only in callbacks registered with QP_CB_R_REGS, and in the one for a new vCPU. */
struct g_array *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct qp_register *handle, struct g_byte_array *to);
/* Translated as the executing vCPU would translate it now; false when it cannot be read. */
bool qemu_plugin_read_memory_vaddr(uint64_t vaddr, struct g_byte_array *to, size_t length);

#if NVH_API >= 7
/* Only in callbacks registered with QP_CB_RW_REGS_PC; returns only when it cannot. */
void qemu_plugin_set_pc(uint64_t vaddr);

/* Only in callbacks registered with QP_CB_RW_REGS or more; bytes written, or less than 1. */
int qemu_plugin_write_register(struct qp_register *handle, struct g_byte_array *from);

/* Only in callbacks registered with QP_CB_RW_REGS or more; translated as the executing vCPU would, permissions apart. */
bool qemu_plugin_write_memory_vaddr(uint64_t vaddr, struct g_byte_array *from);

/* A counter for each vCPU. */
struct qp_score;
struct qp_u64 {
	struct qp_score *score;
	size_t offset;
};
enum qp_op { QP_ADD_U64, QP_STORE_U64 };
struct qp_score *qemu_plugin_scoreboard_new(size_t size);
uint64_t qemu_plugin_u64_sum(struct qp_u64 entry);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qp_tb *tb, enum qp_op op, struct qp_u64 entry,
						       uint64_t value);
#endif

struct g_byte_array *g_byte_array_new(void);
struct g_byte_array *g_byte_array_set_size(struct g_byte_array *array, unsigned int length);
char *g_array_free(struct g_array *array, int free_segment);

#endif
