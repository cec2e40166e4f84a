# SPDX-License-Identifier: GPL-2.0-only
"""The shell text that works tracefs at a level, for busybox ash and dash.

tracefs: kernel documentation trace/ftrace.rst, trace/kprobetrace.rst, trace/fprobetrace.rst. Output is read
by ``facts``. Events go to the instance ``nvh``; a kernel without instances gets the top buffer.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from harness.errors import UserError
from harness.level import Level
from harness.trace import registry
from harness.trace.registry import PROBE_GROUP, EventSpec, Realisation

MARK_PREFIX = "nvh: mark "
SECTION = "nvh-section"
FACT = "nvh-fact"
_MARK_NAME = re.compile(r"[A-Za-z0-9_.:\-]+")

_FIND = """\
T=/sys/kernel/tracing
[ -e $T/trace_marker ] || mount -t tracefs nodev $T 2>/dev/null
[ -e $T/trace_marker ] || T=/sys/kernel/debug/tracing
I=$T/instances/nvh
[ -d $I ] || I=$T
"""

_SETUP = r"""
nvh_fact() { echo "nvh-fact $*"; }
if [ ! -e $T/trace_marker ]; then
  nvh_fact fatal "no tracefs at /sys/kernel/tracing"
  exit 0
fi
if mkdir -p $T/instances/nvh 2>/dev/null; then I=$T/instances/nvh; else I=$T; fi
nvh_fact buffer $I
D=$T/dynamic_events
[ -e $D ] || D=$T/kprobe_events
nvh_write() { # VALUE FILE
  { echo "$1" > $2; } 2>/dev/null || nvh_fact doubt "cannot write $1 to $2"
}
nvh_write 0 $I/tracing_on
nvh_write 0 $I/events/enable
nvh_write mono $I/trace_clock
nvh_write @BUFFER@ $I/buffer_size_kb
nvh_write 1 $I/options/overwrite
nvh_write 1 $I/options/irq-info
: > $I/trace
grep -q '\[mono\]' $I/trace_clock || nvh_fact doubt "trace clock is not mono"
nvh_enable() { # SYSTEM EVENT
  if { echo 1 > $I/events/$1/$2/enable; } 2>/dev/null; then nvh_fact enabled $1:$2; return 0; fi
  nvh_fact failed "$1:$2 cannot be enabled"
  return 1
}
nvh_have() { # SYSTEM EVENT MODULE
  [ -d $T/events/$1/$2 ] && return 0
  [ -n "$3" ] && modprobe $3 2>/dev/null && [ -d $T/events/$1/$2 ] && return 0
  why="$why no trace event $1:$2;"
  return 1
}
nvh_probe() { # NAME SYMBOL DEFINITION...
  name=$1 symbol=$2
  shift 2
  [ -d $T/events/@GROUP@/$name ] && return 0
  case "$refused " in
  *" $name "*)
    why="$why probe on $symbol refused before;"
    return 1
    ;;
  esac
  [ -e $D ] || { why="$why kernel has no dynamic events;"; return 1; }
  { echo > $T/error_log; } 2>/dev/null
  for line in "$@"; do
    if { echo "$line" >> $D; } 2>/dev/null && [ -d $T/events/@GROUP@/$name ]; then
      nvh_fact probe $name "$line"
      return 0
    fi
  done
  refused="$refused $name"
  log=$(grep error: $T/error_log 2>/dev/null | tail -n 1)
  nvh_fact failed "$name: ${log:-no line in error_log}"
  near=$(grep -o " $symbol\(\..*\)*\$" /proc/kallsyms | head -n 1)
  case "$near" in
  "") why="$why no function $symbol;" ;;
  " $symbol") why="$why probe on $symbol refused: ${log:-no reason given};" ;;
  *) why="$why only$near, a clone of $symbol with other arguments;" ;;
  esac
  return 1
}
"""

# KVM's fast path keeps kvm_nv_tlbi until the vCPU's next exit. To switch any event interrupts all CPUs and
# waits for them (arch_jump_label_transform_apply()), so that nothing of before is kept any more. The event
# that says what was lost comes later if it is off just then.
_FLUSH = (
    "E=$I/events/kvm/kvm_nv_tlbi; L=${E}_lost/enable; "
    'case "$(cat $E/enable 2>/dev/null)" in 1*) '
    "S=$(cat $L); S=${S%\\*}; echo $((1 - S)) > $L; echo $S > $L;; esac"
)

STOP = _FIND + f"{_FLUSH}\necho 0 > $I/tracing_on\n"

COLLECT = (
    _FIND
    + """\
echo "nvh-section begin"
echo "nvh-fact tracing-on $(cat $I/tracing_on)"
for c in $I/per_cpu/cpu*; do
  echo "nvh-section stats ${c##*/cpu}"
  cat $c/stats
done
echo "nvh-section profile"
cat $T/kprobe_profile 2>/dev/null
echo "nvh-section trace"
cat $I/trace
echo "nvh-section end"
"""
)


def mark(name: str) -> str:
    """One command that writes a mark; ``UserError`` for a name that would not survive the trace."""
    if not _MARK_NAME.fullmatch(name):
        raise UserError(f"{name!r} cannot name a mark; use letters, digits and _ . : -")
    find = "; ".join(line for line in _FIND.splitlines())
    return f"{find}; {_FLUSH}; echo '{MARK_PREFIX}{name}' > $I/trace_marker"


def setup(level: Level, events: Sequence[EventSpec], raw: Sequence[tuple[str, str]], buffer_kib: int) -> str:
    """Script that defines probes, enables events and starts recording."""
    text = _FIND + _SETUP.replace("@BUFFER@", str(buffer_kib)).replace("@GROUP@", PROBE_GROUP)
    parts = [text]
    for index, spec in enumerate(events):
        parts.append(_event(index, spec))
    for system, event in raw:
        full = f"{level}.{system}.{event}"
        parts.append(
            f'why=\nif nvh_have {system} {event} "" && nvh_enable {system} {event}; then '
            f"nvh_fact realisation {full} raw\n"
            f'else nvh_fact missing {full} "${{why:-cannot be enabled}}"; fi\n'
        )
    parts.append("nvh_write 1 $I/tracing_on\nnvh_fact ready\nexit 0\n")
    return "".join(parts)


def _event(index: int, spec: EventSpec) -> str:
    lines = [f"realise_{index}() {{ # {spec.name}"]
    for each in spec.realisations:
        if each.model:
            continue
        conditions, actions = _realisation(each)
        lines += [f"  if {' && '.join(conditions)}; then", *actions]
        lines += [f"    nvh_fact realisation {spec.name} {each.name}", "    return", "  fi"]
    lines += [f'  nvh_fact missing {spec.name} "$why"', "}", "why=", f"realise_{index}", ""]
    return "\n".join(lines)


def _realisation(realisation: Realisation) -> tuple[list[str], list[str]]:
    probes = registry.load().probes
    conditions, enables, actions = [], [], []
    for name in realisation.events:
        system, event = name.split(":")
        conditions.append(f'nvh_have {system} {event} "{realisation.module}"')
        enables.append(f"nvh_enable {system} {event}")
    for name in realisation.probes:
        conditions.append(_define(probes[name]))
        enables.append(f"nvh_enable {PROBE_GROUP} {name}")
    for name in realisation.optional:
        define = f"{_define(probes[name])} && nvh_enable {PROBE_GROUP} {name}"
        actions.append(f"    if {define}; then :; else nvh_fact absent {name}; fi")
    return conditions + enables, actions


def _define(probe: registry.Probe) -> str:
    lines = " ".join(shlex.quote(line) for line in probe.definitions())
    return f"nvh_probe {probe.name} {probe.symbol} {lines}"
