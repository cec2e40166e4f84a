// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: may this plugin run in this QEMU? */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plugin.h"

/* QEMU itself refuses a plugin whose number is outside what it accepts. */
NVH_EXPORT int qemu_plugin_version = NVH_API;

void nvh_say(const char *plugin, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "nvh-plugin: %s: ", plugin);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

bool nvh_accept(const char *plugin, const struct qp_info *info, int argc, char **argv)
{
	if (info->version.cur != NVH_API) {
		/* It would load, and read structures that have another shape. */
		nvh_say(plugin, "compiled for version %d of QEMU's plugin interface, but this QEMU has version %d",
			NVH_API, info->version.cur);
		return false;
	}
	if (!info->system_emulation || strcmp(info->target_name, "aarch64")) {
		nvh_say(plugin, "needs a whole aarch64 machine, not %s", info->target_name);
		return false;
	}
	for (int i = 0; i < argc; i++) {
		const char *value = nvh_value(argv[i], "probe");

		if (value && !strcmp(value, "on")) {
			nvh_say(plugin, "api=%d min=%d", info->version.cur, info->version.min);
			return false;
		}
	}
	return true;
}

int nvh_refuse(const char *plugin, const struct qp_info *info, int argc, char **argv, const char *cannot)
{
	if (nvh_accept(plugin, info, argc, argv))
		nvh_say(plugin, "this QEMU's plugins cannot %s; QEMU 11.1 or newer can", cannot);
	return 1;
}
