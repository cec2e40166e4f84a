# SPDX-License-Identifier: GPL-2.0-only
"""The lines of a unified diff that say where it is."""

from __future__ import annotations

import re

HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.M)
"""Groups: first line before, number of lines before (None: 1), and the same after."""
OLD_FILE = re.compile(r"^--- (?:a/)?([^\t\n]+)")
NEW_FILE = re.compile(r"^\+\+\+ (?:b/)?([^\t\n]+)")
