// SPDX-License-Identifier: GPL-2.0-only
/*
 * --leave: what this program says is known before its VMs have ended, and their end takes L0 longer than many cases do
 * (KVM walks each context up to the end of the PA space). A child does the work and says how it went; this process ends
 * with that, while the child's end goes on at L0 beside whatever comes next.
 */
#include "host/leave.h"
#include "host/exits.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int report = -1;

static int ended(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		return EXIT_ENVIRONMENT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void leave_begin(void)
{
	unsigned char status;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return; /* then everything is waited for */
	fflush(NULL);
	child = fork();
	if (child <= 0) {
		close(ends[0]);
		report = child ? -1 : ends[1];
		return;
	}
	close(ends[1]);
	_exit(read(ends[0], &status, 1) == 1 ? status : ended(child));
}

int leave_end(int status)
{
	unsigned char word = (unsigned char)status;

	if (report >= 0) {
		fflush(NULL);
		close(STDOUT_FILENO); /* who reads them is not to wait for this process */
		close(STDERR_FILENO);
		if (write(report, &word, 1) != 1)
			return EXIT_ENVIRONMENT;
	}
	return status;
}
