# SPDX-License-Identifier: GPL-2.0-only
"""The reference in images/payloads/arch for Python: built into the cache, called through ctypes."""

from __future__ import annotations

import ctypes
import enum
import functools
from pathlib import Path

from harness.arch.reference import LIBRARY, build_reference
from harness.arch.table import Operand, Operation, Regime, Shareability
from harness.arch.ttl_and_traps import hfgitr_bit
from harness.errors import InfraError
from harness.host.cache import Store

FAMILIES = ("vmalle1", "vae1", "aside1", "vaae1", "alle1", "vmalls12e1", "ipas2e1", "alle2", "vae2")
REGIMES = tuple(Regime)
OPERANDS = tuple(Operand)
SCOPES = tuple(Shareability)
_SYS_FIELDS = 0x7FFE0
NO_LEVEL = -1
_U8, _U16, _U32, _U64 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64
_INT = ctypes.c_int


class Answer(enum.IntEnum):
    """Whether a translation is obliged to go; ``enum answer`` of cover.h."""

    MAY = 0
    MUST = 1
    UNPREDICTABLE = 2


class Miss(enum.IntEnum):
    """Why an operation does not oblige a translation; ``enum miss`` of cover.h."""

    COVERS = 0
    OTHER_PE = 1
    OTHER_REGIME = 2
    OTHER_STAGE = 3
    OTHER_VMID = 4
    OTHER_ASID = 5
    ONLY_NON_GLOBAL = 6
    OTHER_ADDRESS = 7
    OTHER_LEVEL = 8
    OTHER_GRANULE = 9
    NO_GRANULE_THERE = 10
    MISALIGNED = 11
    LEAF_ONLY = 12
    XS_STAYS = 13


class Fate(enum.IntEnum):
    """What becomes of an operation; ``enum fate`` of trap.h."""

    EXECUTES = 0
    HIDDEN = 1
    NOT_AT_EL1 = 2
    BY_TTLB = 3
    BY_TTLBIS = 4
    BY_TTLBOS = 5
    BY_HFGITR = 6
    BY_NV = 7

    @property
    def undefined(self) -> bool:
        """The instruction is UNDEFINED."""
        return self in (Fate.HIDDEN, Fate.NOT_AT_EL1)

    @property
    def trapped(self) -> bool:
        """It traps to EL2."""
        return self >= Fate.BY_TTLB


class Stage(enum.IntEnum):
    """Whose information an entry holds; ``enum stage`` of cover.h."""

    COMBINED = 0
    STAGE_2 = 1
    STAGE_1 = 2


class Features(enum.IntFlag):
    """What the PE implements, as the code that executes sees it; operation.h."""

    OS = 1
    RANGE = 2
    XS = 4
    LPA2 = 8


ALL_FEATURES = Features.OS | Features.RANGE | Features.XS | Features.LPA2


class COperation(ctypes.Structure):
    """``struct operation``."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("sys", _U32),
        *((name, _INT) for name in ("family", "regime", "operand", "scope")),
        *((name, _U8) for name in ("last_level", "nxs", "needs_os", "needs_range", "has_operand")),
        ("hfgitr_bit", ctypes.c_int8),
    ]


class CState(ctypes.Structure):
    """``struct state``."""

    _fields_ = [
        *((name, _U64) for name in ("hcr", "hcrx", "hfgitr")),
        ("vmid", _U16),
        *((name, _U8) for name in ("el", "features", "ds1", "ds2", "own_pe")),
    ]


class CTranslation(ctypes.Structure):
    """``struct translation``."""

    _fields_ = [
        ("start", _U64),
        ("size", _U64),
        ("stage", _INT),
        ("regime", _INT),
        ("shift", _U32),
        ("level", ctypes.c_int32),
        ("vmid", _U16),
        ("asid", _U16),
        *((name, _U8) for name in ("is_global", "table", "xs", "flat")),
    ]


class CFields(ctypes.Structure):
    """``struct fields``."""

    _fields_ = [
        *((name, _U64) for name in ("address", "first", "last")),
        ("asid", _U16),
        *((name, _U8) for name in ("ns", "ttl", "tg", "scale", "num", "shift")),
        ("level", ctypes.c_int8),
    ]


class CPermissionControls(ctypes.Structure):
    """``struct permission_controls``."""

    _fields_ = [
        *((name, _U64) for name in ("pir", "pire0", "por", "por0")),
        *((name, _U8) for name in ("two", "nv1", "wxn", "epan", "hd", "pie", "poe", "e0poe", "pan")),
    ]


class CPermissions(ctypes.Structure):
    """``struct permissions``: bits 1, 2 and 4 are read, write and execute."""

    _fields_ = [(name, _U8) for name in ("privileged", "unprivileged", "pan_open", "gcs_alone")]


STRUCTURES = (COperation, CState, CTranslation, CFields, CPermissionControls, CPermissions)
"""In the order of ``nvh_sizes()``."""


def load_library(path: Path) -> ctypes.CDLL:
    """Load a compiled reference; ``InfraError`` when its structures are not those above."""
    found = ctypes.CDLL(str(path))
    for which, structure in enumerate(STRUCTURES):
        if found.nvh_sizes(which) != ctypes.sizeof(structure):
            raise InfraError(
                f"{path}: {structure.__doc__} is not {structure.__name__} of harness/arch/library.py"
            )
    operation, state = ctypes.POINTER(COperation), ctypes.POINTER(CState)
    found.nvh_cover.argtypes = [operation, _U64, state, ctypes.POINTER(CTranslation)]
    found.nvh_decode.argtypes = [operation, _U64, state, ctypes.POINTER(CFields)]
    found.nvh_decode.restype = None
    found.nvh_fate.argtypes = found.nvh_regime.argtypes = found.nvh_scope.argtypes = [operation, state]
    found.nvh_syndrome.argtypes = [operation, ctypes.c_uint]
    found.nvh_syndrome.restype = _U64
    found.nvh_dsb_completes.argtypes = [ctypes.c_uint, _INT, _INT, _U64, _U64, _INT, _INT]
    found.nvh_answers.argtypes = [
        operation,
        _U64,
        state,
        ctypes.c_uint,
        ctypes.POINTER(CTranslation),
        ctypes.c_uint,
        ctypes.POINTER(_U8),
    ]
    found.nvh_answers.restype = None
    words = ctypes.POINTER(_U64)
    found.nvh_permissions.argtypes = [
        ctypes.POINTER(CPermissionControls),
        words,
        words,
        ctypes.c_uint,
        ctypes.POINTER(CPermissions),
    ]
    found.nvh_permissions.restype = None
    return found


@functools.cache
def library() -> ctypes.CDLL:
    """The reference, built if the cache has none of these sources; ``UserError`` without a compiler."""
    return load_library(build_reference(Store()).path / LIBRARY)


_made: dict[int, tuple[Operation, COperation]] = {}


def c_operation(operation: Operation) -> COperation:
    """``operation`` for the library; made once for each object, which is kept."""
    found = _made.get(id(operation))
    if found is None:
        found = _made[id(operation)] = (operation, _c_operation(operation))
    return found[1]


def _c_operation(operation: Operation) -> COperation:
    bit = hfgitr_bit(operation)
    return COperation(
        operation.name.encode(),
        operation.sys_insn & _SYS_FIELDS,
        FAMILIES.index(operation.family),
        REGIMES.index(operation.regime),
        OPERANDS.index(operation.operand),
        SCOPES.index(operation.scope),
        operation.last_level,
        operation.nxs,
        "TLBIOS" in operation.features,
        "TLBIRANGE" in operation.features,
        operation.has_operand,
        NO_LEVEL if bit is None else bit,
    )


def answer_of(miss: Miss) -> Answer:
    """What ``miss`` means for the translation."""
    return Answer(library().nvh_answer(miss))
