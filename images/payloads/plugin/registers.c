// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: registers by the names of its gdbstub. */
#include <stdio.h>
#include <string.h>

#include "plugin.h"

void nvh_registers_init(struct nvh_registers *registers)
{
	registers->all = qemu_plugin_get_registers();
	registers->buffer = g_byte_array_new();
}

static struct qp_register *find(const struct nvh_registers *registers, const char *name, size_t length)
{
	const struct qp_register_descriptor *each = (const void *)registers->all->data;

	for (unsigned int i = 0; i < registers->all->len; i++, each++)
		if (!strncmp(each->name, name, length) && !each->name[length])
			return each->handle;
	return NULL;
}

struct qp_register *nvh_register(const struct nvh_registers *registers, const char *names)
{
	for (;;) {
		size_t length = strcspn(names, "|");
		struct qp_register *found = find(registers, names, length);

		if (found || !names[length])
			return found;
		names += length + 1;
	}
}

unsigned int nvh_x_registers(const struct nvh_registers *registers, struct qp_register *x[NVH_XS])
{
	unsigned int missing = NVH_XS;
	char name[12];

	for (unsigned int i = NVH_XS; i-- > 0;) {
		snprintf(name, sizeof(name), "x%u", i);
		x[i] = nvh_register(registers, name);
		if (!x[i])
			missing = i;
	}
	return missing;
}

bool nvh_read_memory(const struct nvh_registers *registers, uint64_t vaddr, void *to, size_t length)
{
	if (!qemu_plugin_read_memory_vaddr(vaddr, registers->buffer, length) || registers->buffer->len < length)
		return false;
	memcpy(to, registers->buffer->data, length);
	return true;
}

#if NVH_API >= 7
bool nvh_write(const struct nvh_registers *registers, struct qp_register *handle, uint64_t value)
{
	g_byte_array_set_size(registers->buffer, sizeof(value));
	memcpy(registers->buffer->data, &value, sizeof(value));
	return qemu_plugin_write_register(handle, registers->buffer) > 0;
}

bool nvh_write_memory(const struct nvh_registers *registers, uint64_t vaddr, const void *from, size_t length)
{
	g_byte_array_set_size(registers->buffer, (unsigned int)length);
	memcpy(registers->buffer->data, from, length);
	return qemu_plugin_write_memory_vaddr(vaddr, registers->buffer);
}
#endif

unsigned int nvh_el(const struct nvh_registers *registers, struct qp_register *cpsr)
{
	return nvh_read(registers, cpsr) >> 2 & 3;
}

uint64_t nvh_read(const struct nvh_registers *registers, struct qp_register *handle)
{
	uint64_t value = 0;

	if (!handle)
		return 0;
	g_byte_array_set_size(registers->buffer, 0);
	if (qemu_plugin_read_register(handle, registers->buffer) <= 0)
		return 0;
	memcpy(&value, registers->buffer->data,
	       registers->buffer->len < sizeof(value) ? registers->buffer->len : sizeof(value));
	return value;
}
