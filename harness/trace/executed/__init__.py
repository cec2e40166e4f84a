# SPDX-License-Identifier: GPL-2.0-only
"""What the model executed of L0's kernel (plugin nvh-coverage): addresses, and functions by System.map."""
