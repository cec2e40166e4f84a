# SPDX-License-Identifier: GPL-2.0-only
# At L1, detached: the agent at L0 loses its connection to L1 with each migration, and with it the runs it waits for.
# pattern.sh [MS that L2 rests between two checks [vCPUs [of which only read]]]
exec nvh-kvm --case pattern --vcpus ${2:-1} --readers ${3:-0} --region-mib 1 --iterations 1000000 --rest-ms ${1:-200} \
	--timeout 1000 --until /tmp/stop \
	>/tmp/load.out 2>/tmp/load.err </dev/null
