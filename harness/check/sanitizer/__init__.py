# SPDX-License-Identifier: GPL-2.0-only
"""What the TLB sanitizer (images/payloads/sanitizer, a plugin of the model) has seen; docs/sanitizer.md."""
