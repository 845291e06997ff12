"""Fuzzing without instrumented code: for any Python, where atheris has no wheels, and to begin with.

The feedback is what a door says: an input that is refused for another reason than all before, or accepted in a new way,
is kept and changed further. That is less than the branches of the code, but an execution costs a tenth.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable
from random import Random

from fuzz import checks
from fuzz.mutators import Plain
from fuzz.target import Target

__all__ = ["answer_of", "fuzz_blindly", "plain_mutation"]

_MOST_KEPT = 2000
# What differs between messages that say the same: numbers, and what is quoted from the input.
_DETAILS = re.compile(r"'[^']*'|\"[^\"]*\"|[-+]?\d[\d.e+-]*|/\S+")


def fuzz_blindly(
    target: Target,
    seed: int,
    collect: Callable[[bytes], str | None],
    *,
    seconds: float = math.inf,
    most: float = math.inf,
) -> tuple[int, list[bytes]]:
    """Put changed inputs through a target for some time, or a number of them, which are the same in each run.

    Returns
    -------
    n : int
        The number of executions.
    new : list of bytes
        The inputs that a door answered in a new way.
    """
    rng = Random(seed)
    plain = plain_mutation(rng, target.words)
    mutate = target.mutate or (lambda data, largest, rng, plain: plain(data, largest))
    known: set[tuple[str, ...]] = set()
    pool: list[bytes] = []
    new: list[bytes] = []
    end = time.monotonic() + seconds
    n = 0

    def run(data: bytes) -> bool:
        nonlocal n
        n += 1
        checks.answers.clear()
        failed = collect(data) is not None
        answer = answer_of(checks.answers)
        is_new = answer not in known and not failed
        known.add(answer)
        return is_new

    for _, data in target.inputs(real=True):
        run(data)
        pool.append(data)
    most += n
    while n < most and time.monotonic() < end:
        # Half of the inputs are changes of those that were new lately.
        data = pool[-1 - min(int(rng.expovariate(0.05)), len(pool) - 1)] if rng.random() < 0.5 else rng.choice(pool)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            data = mutate(data, target.largest, rng, plain)[: target.largest]
        if data and run(data) and len(pool) < _MOST_KEPT:
            pool.append(data)
            new.append(data)
    return n, new


def answer_of(messages: Iterable[str]) -> tuple[str, ...]:
    """What a door says, without the details of an input."""
    return tuple(_DETAILS.sub("_", one)[:200] for one in messages)


def plain_mutation(rng: Random, words: tuple[bytes, ...] = ()) -> Plain:
    """Random changes of bytes: what the fuzzer of atheris has of its own."""

    def changed(data: bytes, largest: int) -> bytes:
        if not data:
            return rng.randbytes(rng.randrange(1, 9))
        out = bytearray(data)
        at = rng.randrange(len(out))
        # Half of the changes are at the beginning, where most is decided.
        if rng.random() < 0.5:
            at %= 512
        length = min(2 ** rng.randrange(8), len(out) - at)
        match rng.randrange(8):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at] = rng.choice((0, 1, 32, 48, 57, 127, 128, 255))
            case 2:
                del out[at : at + length]
            case 3:
                out[at:at] = out[at : at + length]
            case 4:
                out[at : at + length] = rng.randbytes(length)
            case 5:
                other = rng.randrange(len(out))
                out[at : at + length] = out[other : other + length]
            case 6 if words:
                out[at : at + rng.choice((0, 0, length))] = rng.choice(words)
            case _:
                del out[at:]
        return bytes(out[:largest])

    return changed
