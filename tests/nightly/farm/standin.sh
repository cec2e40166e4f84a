#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Stands in for the process of a cell. The last argument is its directory; the first word of the directory's name says
# what it does. `machine` holds the id of a process that dies with it, as QEMU does.
cd "$1" || exit 9
name=$(basename "$1")
publish() { # a result as the cell's own process writes it: whole, or not at all
	if [ -f planned.json ]; then
		sed "s/\"verdict\": \"infra\"/\"verdict\": \"$1\"/; s/\"reason\": \"not run\"/\"reason\": \"$2\"/" planned.json >.result
	else
		echo "{\"verdict\": \"$1\"}" >.result
	fi
	mv .result result.json
}
machine() { # $1: seconds. Its id is told when it is sure to die with this process.
	setpriv --pdeathsig KILL sh -c 'echo $$ >.machine; mv .machine machine; exec sleep "$1"' sh "$1" &
	echo "stage machine"
}
echo "stage begin"
echo $$ >cell
case $name in
fail*) publish fail "made to fail" ;;
crash*) echo "made to crash" >&2; kill -9 $$ ;;
hang*) machine 86461; wait ;;
stubborn*) trap '' TERM; machine 86461; while :; do wait; done ;;
slow*) machine 1.5; wait; publish pass "" ;;
gate*) machine 86461; while [ ! -e ../../open ]; do sleep 0.05; done; publish pass "" ;;
*) publish pass "" ;;
esac
