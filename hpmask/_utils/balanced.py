"""Sums of many things that come one after another, in the order of a merge sort."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["BalancedSum"]

T = TypeVar("T")


class BalancedSum(Generic[T]):
    """The sum of terms that come one after another.

    Of two that are added, both are sums of about equally many terms, as in a merge sort: the cost of an addition grows
    with the size of what is added.

    Parameters
    ----------
    plus : callable
        ``plus(a, b)``: the sum of two.
    """

    def __init__(self, plus: Callable[[T, T], T]) -> None:
        self._plus = plus
        self._sums: list[tuple[int, T]] = []

    def add(self, term: T) -> None:
        """Add a term."""
        self._sums.append((1, term))
        while len(self._sums) > 1 and self._sums[-1][0] >= self._sums[-2][0]:
            self._add_last()

    def _add_last(self) -> None:
        (m, b), (n, a) = self._sums.pop(), self._sums.pop()
        self._sums.append((n + m, self._plus(a, b)))

    def total(self) -> T | None:
        """The sum of all terms so far; None if there was no term."""
        while len(self._sums) > 1:
            self._add_last()
        return self._sums[0][1] if self._sums else None
