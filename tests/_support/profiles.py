"""Profiles of hypothesis: how many examples a property test tries.

`HYPOTHESIS_PROFILE` chooses one: "fast" (the default), "ci" (the default where `CI` is set) or "deep" (at night).
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

# A busy machine is not a failure: no profile has a deadline.
settings.register_profile("fast", deadline=None, max_examples=20)
# The same examples in each run, so that a new one does not fail an unrelated change: the nightly job looks for those.
settings.register_profile("ci", deadline=None, max_examples=25, derandomize=True)
settings.register_profile("deep", deadline=None, max_examples=500, print_blob=True)


def load_profile() -> None:
    """Load the profile that the environment asks for."""
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "fast"))


def examples(n: int, **options: Any) -> settings:
    """Settings of a test that tries `n` examples where other tests try 100: the profile scales both."""
    return settings(max_examples=max(5, n * settings.default.max_examples // 100), **options)
