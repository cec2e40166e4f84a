/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs on the host, inside QEMU: what every plugin of ours needs. See accept.c, registers.c and options.c. */
#ifndef NVH_PLUGIN_H
#define NVH_PLUGIN_H

#include "qemu_plugin.h"

/* Prints one line "nvh-plugin: NAME: ..." on QEMU's stderr. */
void nvh_say(const char *plugin, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Whether QEMU speaks the version for which the plugin was compiled and emulates a whole arm64 machine; says
 * why not otherwise. With the option "probe=on" it answers with "api=CUR min=MIN" and false.
 */
bool nvh_accept(const char *plugin, const struct qp_info *info, int argc, char **argv);

/* For a plugin that does what this version of the interface cannot: says so, where it may run at all; 1. */
int nvh_refuse(const char *plugin, const struct qp_info *info, int argc, char **argv, const char *cannot);

/* A vCPU's registers by name. Every function here is called on the vCPU's own thread. */
struct nvh_registers {
	struct g_array *all;
	struct g_byte_array *buffer;
};

void nvh_registers_init(struct nvh_registers *registers);
/* NULL when this QEMU has no register of that name; "A|B" tries both names. */
struct qp_register *nvh_register(const struct nvh_registers *registers, const char *names);
/* X0 to X30. Returns the number of the first that this QEMU does not show, NVH_XS when it shows all of them. */
#define NVH_XS 31u
unsigned int nvh_x_registers(const struct nvh_registers *registers, struct qp_register *x[NVH_XS]);
/* 0 for a NULL handle. */
uint64_t nvh_read(const struct nvh_registers *registers, struct qp_register *handle);
/* The Exception level in the register cpsr: CurrentEL is not among those that QEMU shows, and PSTATE.EL is CPSR[3:2]. */
unsigned int nvh_el(const struct nvh_registers *registers, struct qp_register *cpsr);
/* Memory of the executing vCPU, by virtual address; false when it cannot be read. */
bool nvh_read_memory(const struct nvh_registers *registers, uint64_t vaddr, void *to, size_t length);

#if NVH_API >= 7
/* Of a register of 64 bits; false when it cannot be written. */
bool nvh_write(const struct nvh_registers *registers, struct qp_register *handle, uint64_t value);
bool nvh_write_memory(const struct nvh_registers *registers, uint64_t vaddr, const void *from, size_t length);
#endif

/* The encoding of an instruction; false when QEMU does not have all of it. */
static inline bool nvh_word(const struct qp_insn *insn, uint32_t *word)
{
	return qemu_plugin_insn_data(insn, word, sizeof(*word)) == sizeof(*word);
}

/* The value in "key=value" when the option has that key, else NULL. */
const char *nvh_value(const char *option, const char *key);
/* Whether all of an option's value is a number: base 16 with 0x, else 10. */
bool nvh_number(const char *value, uint64_t *number);
/* Gives each option to `take`; says which one it refuses, and then returns false. */
bool nvh_options(const char *plugin, int argc, char **argv, bool (*take)(const char *option));

#endif
