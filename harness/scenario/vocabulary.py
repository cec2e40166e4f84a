# SPDX-License-Identifier: GPL-2.0-only
"""The names a scenario may use: handed in, so that the language knows no trace source and no image.

The claims are the language's own: ``claims.yaml`` lists what the v8 patch promises.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import resources

import yaml

from harness.level import Level

_RAW = re.compile(r"(l[0-2])\.[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything known by name outside the scenario.

    ``events``        field names of each registered event, which is named with its level: ``l0.tlbi``
    ``values``        of an event's field: the only names it can have (``l0.tlbi`` → ``op`` → operations)
    ``raw_levels``    levels whose tracefs events are allowed too, as ``l0.<system>.<event>`` with any field
    ``oracles``       architectural checks, each with the names of its options
    ``sanitized``     oracles that need the TLB sanitizer: naming one turns it on
    ``models``        names; a scenario may also give a path, which contains a ``/``
    ``kernels``       the same
    ``rootfs``        the same
    ``mutants``       names of injected faults of L0's kernel, for the command line only
    ``guest_mutants`` the same of L1's kernel as a guest hypervisor
    ``wide``          (model, the one that the scenario names or nothing): what to run instead of a model on
                      which a whole shadow context takes very long (harness/scenario/walks.py), or nothing if
                      there is none; None for a model that is not so
    """

    events: Mapping[str, Collection[str]]
    kernels: Collection[str]
    models: Collection[str]
    rootfs: Collection[str]
    values: Mapping[str, Mapping[str, Collection[str]]] = field(default_factory=dict)
    oracles: Mapping[str, Collection[str]] = field(default_factory=dict)
    sanitized: Collection[str] = ()
    raw_levels: tuple[Level, ...] = (Level.L0, Level.L1)
    timings: tuple[str, ...] = ("icount", "mttcg")
    mutants: Collection[str] = ()
    guest_mutants: Collection[str] = ()
    wide: Callable[[str, str], str | None] = field(default=lambda _, __: None, compare=False)

    def is_raw(self, event: str) -> bool:
        """Whether ``event`` names a kernel event that no registry lists."""
        match = _RAW.fullmatch(event)
        return event not in self.events and match is not None and Level.parse(match[1]) in self.raw_levels


@functools.cache
def claims() -> Mapping[str, str]:
    """The claims a scenario can be tied to: id → one line in our words."""
    text = resources.files(__package__).joinpath("claims.yaml").read_text(encoding="utf-8")
    return {str(key): str(value) for key, value in yaml.safe_load(text).items()}
