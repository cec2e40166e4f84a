# SPDX-License-Identifier: GPL-2.0-only
"""What a leaf of stage 1 permits, once more, in Python, for tests alone: an oracle that shares nothing with
the reference.

Written access by access from the pseudocode of Arm ARM DDI 0487 issue M.a.a (J1.1.4.26 to J1.1.4.32:
AArch64.S1CheckPermissions(), S1DirectBasePermissions(), S1IndirectBasePermissions() and
S1OverlayPermissions()), where the reference follows the rules' text (D8.4.1). Permissions are words of
letters: r, w, x and g (GCS).
"""

from __future__ import annotations

from dataclasses import dataclass

BASE = {
    "0000": "",
    "0001": "r",
    "0010": "x",
    "0011": "rx",
    "0101": "rw",
    "0110": "rwx",
    "0111": "rwx",
    "1000": "r",
    "1001": "rg",
    "1010": "rx",
    "1100": "rw",
    "1110": "rwx",
}
"""What is not here is reserved: no access."""
OVERLAY = {
    "0001": "r",
    "0010": "x",
    "0011": "rx",
    "0100": "w",
    "0101": "rw",
    "0110": "wx",
    "0111": "rwx",
}


@dataclass(frozen=True)
class Registers:
    """The registers of a regime. ``one``: it has no EL0. PIR and POR as digits, entry 15 first."""

    one: bool = False
    nv1: bool = False
    wxn: bool = False
    epan: bool = False
    hd: bool = False
    pie: bool = False
    poe: bool = False
    e0poe: bool = False
    pir: str = "0" * 64
    pire0: str = "0" * 64
    por: str = "0" * 64
    por0: str = "0" * 64


def entry(register: str, index: int) -> str:
    """The four digits of entry ``index``."""
    end = 64 - 4 * index
    return register[end - 4 : end]


def direct(r: Registers, leaf: str, tables: str, el0: bool, pan: bool) -> tuple[str, bool]:
    """S1DirectBasePermissions(): the letters, and WXN. ``leaf`` and ``tables`` are 64 binary digits."""

    def bit(word: str, number: int) -> bool:
        return word[63 - number] == "1"

    read_only = bit(leaf, 7) and not (bit(leaf, 51) and r.hd)
    if r.one:
        word = "r" + ("" if read_only or bit(tables, 62) else "w")
        word += "" if bit(leaf, 54) or bit(tables, 60) else "x"
        return word, r.wxn and "w" in word and "x" in word
    ap1 = bit(leaf, 6) and not r.nv1
    above, below = {
        (False, False): ("rw", ""),
        (False, True): ("rw", "rw"),
        (True, False): ("r", ""),
        (True, True): ("r", "r"),
    }[read_only, ap1]
    if bit(tables, 61) and not r.nv1:
        below = ""
    if bit(tables, 62):
        above, below = above.replace("w", ""), below.replace("w", "")
    never_above = bit(leaf, 54 if r.nv1 else 53) or bit(tables, 60 if r.nv1 else 59)
    never_below = not r.nv1 and (bit(leaf, 54) or bit(tables, 60))
    above += "" if never_above or "w" in below else "x"
    below += "" if never_below else "x"
    if pan and not r.nv1 and ("r" in below or "w" in below or (r.epan and "x" in below)):
        above = above.replace("r", "").replace("w", "")
    word = below if el0 else above
    return word, r.wxn and "w" in word and "x" in word


def indirect(r: Registers, leaf: str, el0: bool, pan: bool) -> tuple[str, bool, bool]:
    """S1IndirectBasePermissions(): the letters, WXN, and whether an overlay is applied."""
    index = int(leaf[63 - 54] + leaf[63 - 53] + leaf[63 - 51] + leaf[63 - 6], 2)
    ours, theirs = entry(r.pir, index), entry(r.pire0, index)
    if r.nv1 or r.one:
        theirs = "0000"
    above, below = BASE.get(ours, ""), BASE.get(theirs, "")
    if ("x" in above or "g" in above) and ("w" in below or "g" in below):
        above = below = ""
    if pan and not (r.nv1 or r.one) and theirs != "0000":
        above = above.replace("r", "").replace("w", "")
    chosen = theirs if el0 else ours
    return (below if el0 else above), chosen == "0110", chosen[0] == "0"


def permitted(r: Registers, leaf: int, tables: int, access: str, el0: bool, pan: bool) -> bool:
    """Whether an access "r", "w" or "x" with such a leaf behind such tables raises no Permission fault."""
    digits, above = f"{leaf:064b}", f"{tables:064b}"
    pan = pan and access != "x"
    if el0 and r.one:
        return False
    if r.pie:
        word, wxn, overlay = indirect(r, digits, el0, pan)
    else:
        hierarchical = not (r.poe or (r.e0poe and not r.one))
        word, wxn = direct(r, digits, above if hierarchical else "0" * 64, el0, pan)
        overlay = True
    overlay = overlay and (r.e0poe and not r.nv1 if el0 else r.poe)
    if overlay:
        over = OVERLAY.get(entry(r.por0 if el0 else r.por, int(digits[1:4], 2)), "")
        if wxn and "x" in over:
            over = over.replace("w", "")
        if access not in over:
            return False
    elif wxn:
        word = word.replace("x", "")
    if access not in word:
        return False
    clean = r.pie and not r.hd and digits[63 - 7] == "1"
    return not (access == "w" and clean)


def reserved(value: str) -> bool:
    """A Base permission that stands for no access and is not 0b0000."""
    return value not in BASE
