# SPDX-License-Identifier: GPL-2.0-only
"""A run's tests use the cells and images of an attempt's."""

from tests.attempt.conftest import cells, images, program, scenario

__all__ = ["cells", "images", "program", "scenario"]
