"""Tests of harness/accept."""
