"""Fixtures of the tests that run a bundled script."""

from __future__ import annotations

from processes import deadline as deadline
