# SPDX-License-Identifier: GPL-2.0-only
"""One patch: a mail or a bare diff, and the files that it touches."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_PATH = re.compile(r"^(?:diff --git (\S+) (\S+)|(?:---|\+\+\+) ([^\t\n]+)|rename (?:from|to) (.+))", re.M)


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch. ``mail`` says that it has a mail header (git am), else it is a bare diff (git apply)."""

    name: str
    data: bytes
    mail: bool
    strip: int = 1

    def text(self) -> str:
        """Return the diff with the mail's transfer encoding undone."""
        body = self.data
        if self.mail:
            message = email.message_from_bytes(self.data, policy=email.policy.compat32)
            parts = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
            body = b"\n".join(part for part in parts if isinstance(part, bytes))
        return body.decode("utf-8", "replace")

    def paths(self) -> set[str]:
        """Return the files of the tree that the diff names."""
        found = set()
        for old, new, header, renamed in _PATH.findall(self.text()):
            for word in (old, new, header.strip()):
                parts = PurePosixPath(word).parts
                if word and word != "/dev/null" and len(parts) > self.strip:
                    found.add("/".join(parts[self.strip :]))
            if renamed:
                found.add(renamed)
        return {path for path in found if not path.startswith("/") and ".." not in path.split("/")}
