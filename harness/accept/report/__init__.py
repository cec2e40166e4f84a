# SPDX-License-Identifier: GPL-2.0-only
"""What an acceptance found: as data, as a page, as a reply for a mailing list, as JUnit and JSON."""
