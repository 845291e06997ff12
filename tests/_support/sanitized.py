"""Tests that say nothing when the process runs on a sanitizer's memory (`tools/sanitize.sh address` and `thread`).

    @not_sanitized
    def test_with_little_memory(): ...

The sanitizers reserve terabytes of addresses, keep what is freed, and have an allocator of their own. Limits of the
address space, peaks of memory, and libraries that replace the allocator mean nothing there.
"""

from __future__ import annotations

import os
import re

import pytest

__all__ = ["REASON", "SANITIZED", "not_sanitized"]

REASON = "AddressSanitizer and ThreadSanitizer have a memory of their own"

SANITIZED = bool(re.search(r"(lib|\.)[at]san\b", os.environ.get("LD_PRELOAD", "")))
"""Whether AddressSanitizer or ThreadSanitizer is loaded into this process."""

not_sanitized = pytest.mark.skipif(SANITIZED, reason=REASON)
"""The marker of tests that are left out then."""
