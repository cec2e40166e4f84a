# SPDX-License-Identifier: GPL-2.0-only
# migrate.sh SOCKET FILE: has the QEMU of this monitor write its guest to the file, and ends it. Says how it went, how often it read
# the dirty log, and how many pages it wrote again because they were written after their first pass.
ask() {
	printf '{"execute": "qmp_capabilities"}\n%s\n' "$1" | socat -t 0.3 - "unix-connect:$socket"
}
number() {
	echo "$said" | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p"
}
socket=$1
ask '{"execute": "migrate-set-parameters", "arguments": {"max-bandwidth": 8589934592}}' >/dev/null
ask "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"file:$2\"}}" >&2
for turn in $(seq 400); do
	said=$(ask '{"execute": "query-migrate"}')
	case $said in
	*'"status": "completed"'*) status=completed && break ;;
	*'"status": "failed"'*) status=failed && break ;;
	esac
	sleep 0.02
done
total=$(number total)
echo "status=${status:-late} passes=$(number dirty-sync-count)" \
	"resent=$(($(number normal) + $(number duplicate) - total / 4096))"
[ "$status" = completed ] || { echo "$said" >&2 && exit 1; }
ask '{"execute": "quit"}' >/dev/null
