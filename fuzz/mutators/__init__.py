"""Mutations that know the structure of a file, where single bytes alone would only find its header.

A mutator is ``mutate(data, largest, rng, plain) -> bytes``: `largest` is the most bytes, `rng` a `random.Random`, and
``plain(data, largest)`` is the mutation of the fuzzer, which knows the coverage and the dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

__all__ = ["Mutator", "Plain", "by_beginning"]

Plain = Callable[[bytes, int], bytes]
Mutator = Callable[[bytes, int, Random, Plain], bytes]


def by_beginning(mutators: Mapping[bytes, Mutator], otherwise: Mutator) -> Mutator:
    """The mutator that belongs to the first bytes of an input."""

    def mutate(data: bytes, largest: int, rng: Random, plain: Plain) -> bytes:
        chosen = next((one for start, one in mutators.items() if data.startswith(start)), otherwise)
        return chosen(data, largest, rng, plain)

    return mutate
