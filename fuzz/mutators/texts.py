"""Mutations of texts by their words: numbers, names and signs are deleted, doubled, exchanged and replaced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from fuzz.mutators import Mutator, Plain

__all__ = ["NUMBERS", "text_mutator"]

_WORD = re.compile(rb"[A-Za-z_][\w]*|[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\s+|.", re.DOTALL)
_NUMBER = re.compile(rb"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")

NUMBERS = (
    b"0",
    b"-0",
    b"1",
    b"-1",
    b"90",
    b"-90",
    b"180",
    b"360",
    b"359.99999999999999",
    b"89.999999999999",
    b"1e-300",
    b"5e-324",
    b"1e300",
    b"1e400",
    b"-1e400",
    b"nan",
    b"inf",
    b"2147483648",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"3458764513820540928",
    b"29",
    b"30",
    b"1_0",
    b"0x1p3",
    b"1" * 40,
    b"0." + b"1" * 400,
)
"""Numbers at which something changes."""

_SIGNS = (b"(", b")", b"[", b"]", b"{", b"}", b",", b";", b":", b'"', b"'", b"#", b"=", b"-", b"/", b"\n", b"\r", b"\t")
_ODD = (b"\x00", b"\xff", "\u00e9".encode(), "\u0663".encode(), "\u2028".encode(), b"\xef\xbb\xbf", b"\x1b[31m", b"\\")


def text_mutator(words: Sequence[bytes] = ()) -> Mutator:
    """A mutator of texts, with the words of a language."""

    def mutate(data: bytes, largest: int, rng: Random, plain: Plain) -> bytes:
        if rng.random() < 0.35 or not data:
            return plain(data, largest)
        tokens = _WORD.findall(data)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            _change(tokens, rng, words)
        return b"".join(tokens)[:largest]

    return mutate


def _change(tokens: list[bytes], rng: Random, words: Sequence[bytes]) -> None:
    if not tokens:
        tokens.append(rng.choice(NUMBERS))
        return
    i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    match rng.randrange(10):
        case 0:
            del tokens[i]
        case 1:
            # A part of the text, of a few words to many.
            del tokens[i : i + 2 ** rng.randrange(8)]
        case 2:
            part = tokens[i : i + 2 ** rng.randrange(6)]
            tokens[j:j] = part * rng.choice((1, 1, 2, 30))
        case 3:
            tokens[i], tokens[j] = tokens[j], tokens[i]
        case 4:
            tokens[i] = tokens[j]
        case 5:
            tokens.insert(i, rng.choice(_ODD if rng.random() < 0.2 else _SIGNS))
        case 6 if words:
            tokens.insert(i, rng.choice(words))
        case 7 if words:
            tokens[i] = rng.choice(words)
        case _:
            numbers = [k for k, token in enumerate(tokens) if _NUMBER.fullmatch(token)]
            if numbers:
                k = rng.choice(numbers)
                tokens[k] = _other_number(tokens[k], rng)
            else:
                tokens[i] = rng.choice(NUMBERS)


def _other_number(number: bytes, rng: Random) -> bytes:
    try:
        value = int(number)
    except ValueError:
        return rng.choice(NUMBERS)
    near = (value + 1, value - 1, -value, 2 * value, value // 2, value * 10, value << 16)
    return rng.choice((*NUMBERS, *(b"%d" % one for one in near)))
