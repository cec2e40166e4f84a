// SPDX-License-Identifier: GPL-2.0-only
/* What PID 1 of a bundle's initrd does besides: file systems, the console, the end of the machine. */
#include "bundle.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define CONSOLE_LEVEL 8 /* of syslog(2): which messages go to the console */
#define DRAIN_MS 2000

void init_mount(void)
{
	static const char *const mounts[][2] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" }, { "tmpfs", "/tmp" }, { "tmpfs", "/dev/shm" },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i][1], 0755);
		mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL); /* some are there already, or not needed */
	}
}

void init_console(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name ? name : "console");
	fd = open(path, O_RDWR | O_NOCTTY);
	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
	}
	klogctl(CONSOLE_LEVEL, NULL, 1); /* a panic is still printed, and an oops makes it loud again */
}

void init_off(const char *how)
{
	tcdrain(STDOUT_FILENO);
	poll(NULL, 0, DRAIN_MS); /* a FIFO behind the UART, a console server */
	sync();
	if (how && !strcmp(how, "halt"))
		reboot(RB_HALT_SYSTEM);
	else if (how && !strcmp(how, "reboot"))
		reboot(RB_AUTOBOOT);
	else
		reboot(RB_POWER_OFF);
	for (;;) /* a machine without a way to go off */
		pause();
}
