#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs litmus cases on this machine's KVM and prints KTAP (docs/anywhere.md): ./run.sh [--cases=GLOB,...] [--list=NAME] ...
# Exit status as kselftest's: 0 passed, 1 failed, 4 skipped; 2 wrong use.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2

skip() {
	printf 'KTAP version 1\n1..0 # SKIP %s\n' "$1"
	exit 4
}

machine=$(uname -m)
[ "$machine" = aarch64 ] || skip "this machine is $machine, the programs are for aarch64"
[ -e /dev/kvm ] || skip "there is no /dev/kvm: the kernel has no KVM, or does not run at EL2"
[ -r /dev/kvm ] && [ -w /dev/kvm ] || skip "/dev/kvm is not yours to use: run as root, or as a member of the group kvm"
exec "$here/nvh-bundle" "$@"
