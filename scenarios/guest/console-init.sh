#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# The first program of a Linux that nvh-linux starts: it says which level it is (nvh.level= on the kernel's command line), and does
# what its console says, a line at a time.
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
read -r words </proc/cmdline
for word in $words; do
	case $word in
	nvh.level=*) echo "console=${word#nvh.level=}" ;;
	esac
done
while read -r line; do
	eval "$line"
done
