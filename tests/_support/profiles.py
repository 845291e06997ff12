"""Profiles of hypothesis: how many examples a property test tries.

`HYPOTHESIS_PROFILE` chooses one: "fast" (the default), "ci" (the default where `CI` is set) or "deep" (at night).

Tests with random cases of their own take the number of them from `cases` and the seed from `seed`. Both come from the
environment: `HPMASK_CASES` multiplies all numbers, and `HPMASK_SEED` changes all cases. `tools/campaign.py` sets them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import Any, TypeVar

from hypothesis import settings

T = TypeVar("T")

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


def cases(n: int) -> int:
    """The number of cases of a test that tries `n` by default: `HPMASK_CASES` times as many."""
    return max(1, round(n * float(os.environ.get("HPMASK_CASES") or 1)))


def seed() -> int:
    """The seed of tests with random cases: `HPMASK_SEED`, or 0."""
    return int(os.environ.get("HPMASK_SEED") or 0)


def sampled(some: Iterable[T], n: int) -> list[T]:
    """`n` of some, by the seed; all of them where `HPMASK_CASES` asks for more cases than usual."""
    some = list(some)
    if cases(1) > 1 or n >= len(some):
        return some
    return [some[k] for k in sorted(random.Random(seed()).sample(range(len(some)), n))]
