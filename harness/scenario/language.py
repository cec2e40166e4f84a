# SPDX-License-Identifier: GPL-2.0-only
"""What a loaded scenario is: plain data, no behaviour, no QEMU.

The loader turns YAML into these objects; ``cell`` runs them; ``check`` judges them. Every object that
came from a file knows its ``Location`` so that a verdict can name the YAML line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import Location
from harness.level import Level

Scalar = str | int | bool
Pattern = Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class GuestRam:
    """Where a guest's memory comes from below: ``backing`` is ``anonymous``, ``memfd`` or ``hugetlb``.

    ``pluggable_mib``: what virtio-mem may add to it, in MiB; 0 for none.
    """

    backing: str = "anonymous"
    pluggable_mib: int = 0


ANONYMOUS = GuestRam()


@dataclass(frozen=True, slots=True)
class LevelSpec:
    """What runs at one level; memory in MiB.

    ``kernel`` and ``rootfs`` are names under images/, or absolute paths of such files. ``add`` is the
    absolute path of a directory whose files are laid over the root file system, empty for none.

    The rest is for a level above L0: ``devices`` are words of ``harness.stack.vmm.DEVICES``; ``migratable``:
    L1's VMM may be asked to migrate although QEMU does not offer it with nested virtualisation; ``el2``: L2
    has EL2, too, which KVM at L1 gives it with its own nested virtualisation.
    """

    kernel: str
    rootfs: str
    cpus: int
    memory_mib: int
    cmdline: str = ""
    add: str = ""
    ram: GuestRam = ANONYMOUS
    devices: tuple[str, ...] = ()
    migratable: bool = False
    el2: bool = False


SANITIZED = 2.0
"""At most so many times as long with the sanitizer (docs/sanitizer.md, "Measured")."""


@dataclass(frozen=True, slots=True)
class StackSpec:
    """Model (a name under images/models or an absolute path of a model file), its timing, the levels.

    ``sanitize``: what watches the model for mistakes that it hides (docs/sanitizer.md): ``tlb``, ``model``
    for its own mistakes, too, or nothing.
    """

    model: str
    timing: str
    levels: Mapping[Level, LevelSpec]
    sanitize: str = ""

    def slowdown(self, model: float) -> float:
        """What every deadline is multiplied by, on a model that has the factor ``model``."""
        return model * SANITIZED if self.sanitize else model


@dataclass(frozen=True, slots=True)
class Step:
    """Common part of all steps. ``timeout`` in seconds before scaling by the slowdown factor."""

    where: Location
    timeout: float
    mark: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Boot(Step):
    """Bring up every level up to and including ``level``."""

    level: Level


@dataclass(frozen=True, slots=True)
class Run(Step):
    """Run a shell command at a level. In the background it goes on until waited for or cell end.

    ``name`` is how ``wait-for`` and ``result`` refer to it (default ``step-N``, N from 1). ``fed``: some
    ``send`` writes to its standard input, which is empty otherwise.
    """

    level: Level
    command: str
    name: str
    background: bool = False
    fed: bool = False


@dataclass(frozen=True, slots=True)
class Send(Step):
    """Write ``text`` to the standard input of the background run ``to``: a guest's console, say."""

    text: str
    to: str


@dataclass(frozen=True, slots=True)
class HostAct(Run):
    """Something that L0 does to L1's machine; its output is judged as that of a run is.

    ``act`` is the verb. ``size_kib``: of balloon, plug and unplug. ``of``: the run that says which pages are
    meant, ``pages`` how many of them, ``how`` of hwpoison. ``via``: where migrate goes, ``times`` how often.
    """

    act: str = ""
    size_kib: int = 0
    of: str = ""
    pages: int = 0
    how: str = ""
    via: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class Copy(Step):
    """Copy one file, or a directory with all that is in it, between the harness and a level.

    ``to_level`` true: ``source`` is an absolute path on this machine;
    false: ``source`` is a path at the level and ``target`` a name in the cell's directory.
    """

    level: Level
    source: str
    target: str
    to_level: bool


@dataclass(frozen=True, slots=True)
class Mark(Step):
    """Write a point marker named ``name`` into the trace of every traced level."""

    name: str


@dataclass(frozen=True, slots=True)
class Snapshot(Step):
    """The steps before are setup: their outcome is saved as ``name`` and shared by cells with equal setup."""

    name: str


@dataclass(frozen=True, slots=True)
class WaitFor(Step):
    """Wait until exactly one thing happens.

    ``process``: the background run of that name ends; ``console``: a regular expression appears on
    the level's console; ``output``: a regular expression appears in the output of the background run
    named ``of``; ``command``: a shell command at the level exits with status 0 (polled).
    """

    level: Level | None
    process: str | None = None
    console: str | None = None
    output: str | None = None
    of: str | None = None
    command: str | None = None


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """A place in L0's kernel: ``kind`` is empty for the entry of ``function``, or one of ``PLACE_KINDS``.

    ``callee`` with ``call`` (before the branch) and ``after`` (where the call has returned to); with ``test``
    it is the number of the conditional branch in the function, from 1, which is about to be executed.
    """

    function: str
    kind: str = ""
    callee: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.function, self.kind, self.callee) if word)


PLACE_KINDS = ("return", "call", "after", "test")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A vCPU of L0 comes to a place for the ``nth`` time; ``cpu`` None for whichever."""

    place: Place
    cpu: int | None = None
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Hold(Step):
    """From now on hold a vCPU of L0 where ``at`` says, until one other thing has happened.

    ``arrival``: another vCPU came somewhere; ``held``: the hold of that name holds its vCPU; ``ended``: the
    run, or the step with the mark, of that name has; ``events``: so many arrivals at any place by others.
    ``after``: it is armed anew by each such arrival. ``times``: how often it holds; None for no end.
    ``deadline_us`` of guest time. ``shadow_bits``: those of KVM's shadows from now on.
    """

    name: str
    at: Arrival
    times: int | None
    after: Arrival | None
    arrival: Arrival | None
    held: str | None
    ended: str | None
    events: int | None
    deadline_us: int
    shadow_bits: int | None = None


@dataclass(frozen=True, slots=True)
class Mutate(Step):
    """Switch the fault ``mutant`` on in a level's kernel. No scenario says this: an override does."""

    mutant: str
    level: Level = Level.L0


@dataclass(frozen=True, slots=True)
class EventPattern:
    """Matches trace events: the event's registered name and conditions on its fields.

    A condition is a value (equality), ``$x`` (bind or agree), ``"!= v"``, ``"< v"``, ``"<= v"``,
    ``"> v"``, ``">= v"`` with a value or a bound ``$x``, or ``one-of`` written as ``"a|b"``. ``covers: $a``
    holds when the event's [start, start + size) contains the value; ``span: same`` when the event belongs to
    the same span as the one that it is related to.
    """

    where: Location
    event: str
    fields: Mapping[str, Scalar]


Edge = str | EventPattern
"""One end of a scope: the name of a mark, or an event."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the timeline counts: all of it, ``after`` something, ``before`` something, or both.

    With both ends, each event that matches ``after`` opens a scope of its own. One that never ends counts
    only with ``until``, and then to the end of the trace.
    """

    after: Edge | None = None
    before: Edge | None = None
    until: bool = False

    @property
    def is_single(self) -> bool:
        """Whether there is exactly one occurrence, without an event that has to happen for it."""
        return not isinstance(self.after, EventPattern) and not isinstance(self.before, EventPattern)


@dataclass(frozen=True, slots=True)
class Limit:
    """How far apart two events may be; None: does not matter.

    ``us``      microseconds of virtual time
    ``events``  how many events of the names that the expectation mentions, the second one included, come
                after the first in the second one's source
    """

    us: int | None = None
    events: int | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """Common part: the assertion's ``name`` becomes the pytest id, JUnit case and report row."""

    where: Location
    name: str


@dataclass(frozen=True, slots=True)
class Existence(Expectation):
    """``of`` matches as often as ``count`` says (``">= 1"`` by default) within ``scope``."""

    of: EventPattern
    scope: Scope
    count: str = ">= 1"


@dataclass(frozen=True, slots=True)
class Absence(Expectation):
    """``of`` never matches within ``scope``.

    ``given``: when present, the absence is exercised only if this pattern matched in scope.
    """

    of: EventPattern
    scope: Scope
    given: EventPattern | None = None


@dataclass(frozen=True, slots=True)
class Response(Expectation):
    """Every ``when`` is followed by a ``then`` with agreeing bindings, ``within`` the limit.

    ``partners``: with ``distinct`` each ``when`` has a ``then`` of its own; with ``shared``, which is what
    nothing means, one may answer many.
    """

    when: EventPattern
    then: EventPattern
    scope: Scope
    within: Limit = Limit()
    partners: str = ""


@dataclass(frozen=True, slots=True)
class Precedence(Expectation):
    """Every ``event`` is preceded by a ``first`` with agreeing bindings, ``within`` the limit.

    ``partners``: as of ``Response``.
    """

    event: EventPattern
    first: EventPattern
    scope: Scope
    within: Limit = Limit()
    partners: str = ""


@dataclass(frozen=True, slots=True)
class Universality(Expectation):
    """Every event that matches ``of`` matches ``holds`` too, with what ``of`` binds."""

    of: EventPattern
    holds: EventPattern
    scope: Scope


@dataclass(frozen=True, slots=True)
class Sequence(Expectation):
    """Every match of the first pattern is followed by one of the second, that by one of the third, and so on.

    ``within`` limits the way from each to the next.
    """

    of: tuple[EventPattern, ...]
    scope: Scope
    within: Limit = Limit()


@dataclass(frozen=True, slots=True)
class ConsoleCheck(Expectation):
    """``level``'s console contains (or, negated, does not contain) a regular expression."""

    level: Level
    matches: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ResultCheck(Expectation):
    """A named run ended with ``exit`` (default 0), and its output matches the given expressions.

    ``lacks`` must match neither stream. A run that ended with the status ``skip`` tested nothing: vacuous.
    ``splats``: what looks like one in its output is wanted, or not of the stack.
    ``values`` compares ``key=value`` words of the output with conditions in the pattern language.
    """

    run: str
    exit: int | None = 0
    stdout: str | None = None
    stderr: str | None = None
    values: Mapping[str, Scalar] = field(default_factory=dict)
    lacks: str | None = None
    skip: int | None = None
    splats: bool = False


@dataclass(frozen=True, slots=True)
class OracleCheck(Expectation):
    """The architecture decides: the check registered as ``oracle`` in harness/check/oracle.

    ``options`` are the oracle's own.
    """

    oracle: str
    scope: Scope
    options: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PythonCheck(Expectation):
    """``function`` of a Python file beside the scenario decides (docs/language.md, Python).

    ``file``    the file's name; ``source`` its text when the scenario was loaded
    ``events``  names of the events that it is given and that are traced for it
    """

    file: str
    source: str
    function: str
    events: tuple[str, ...]
    scope: Scope
    options: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """One scenario at one point of its matrix: the unit of running.

    ``id`` is ``scenario[key=value,...]`` with the keys in matrix order, or just the scenario's name.
    ``mutant`` is the injected fault that its L0 kernel runs with, ``l1_mutant`` that of its L1 kernel; empty
    for a kernel as it is.
    """

    id: str
    scenario: str
    summary: str
    claims: tuple[str, ...]
    path: str
    params: Mapping[str, Scalar]
    stack: StackSpec
    steps: tuple[Step, ...]
    expectations: tuple[Expectation, ...]
    allow_vacuous: bool
    timeout: float
    mutant: str = ""
    l1_mutant: str = ""

    @property
    def setup(self) -> int:
        """How many of the steps come up to and including the ``Snapshot``; 0 without one."""
        places = [number for number, step in enumerate(self.steps, 1) if isinstance(step, Snapshot)]
        return places[0] if places else 0
