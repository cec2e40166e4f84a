# SPDX-License-Identifier: GPL-2.0-only
# At L1, detached: the agent at L0 loses its connection to L1 with each migration, and with it the runs it waits for.
exec nvh-kvm --case pattern --vcpus 1 --region-mib 1 --iterations 1000000 --rest-ms 200 --timeout 1000 --until /tmp/stop \
	>/tmp/load.out 2>/tmp/load.err </dev/null
