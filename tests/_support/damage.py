"""Damaged copies of files, the same ones in every run, for tests that readers fail as they should."""

import re
import time

import numpy as np

# What stands in a card where it should not: other types, numbers beyond all bounds, words, nothing.
NASTY = (
    "0",
    "-1",
    "1",
    "3",
    "1e300",
    "1e-300",
    "-1E400",
    "999999999999",
    "9" * 40,
    "NaN",
    "nan",
    "T",
    "F",
    "''",
    "'x'",
    "'RA---TAN'",
    "'DEC--SIN'",
    "'GLON-AIT'",
    "'FREQ'",
    "'XXXX-TPV'",
    "'deg'",
    "'keV'",
    "'/'",
    "",
    "(1,2)",
    "'it''s",
    "-32",
    "64",
    "8",
    "1000000",
    "0.5",
    "1.0",
    "'-TAB'",
    "'1024D'",
    "'QD(9999999999)'",
    "\xe9",
)


def damaged(content, n, seed):
    """Yield `n` times what was done to the bytes, in words, and a copy of them with it."""
    rng = np.random.default_rng(seed)
    ways = (_bits, _zeros, _noise, _cut, _moved)
    if _cards(content):
        ways += (_card, _card, _card, _lost_card)
    for k in range(n):
        way = ways[k % len(ways)]
        copy = bytearray(content)
        yield f"{way.__name__[1:]} {k} of seed {seed}", bytes(way(copy, rng))


def outcomes(copies, path, outcome):
    """The number of copies with each outcome of ``outcome(path)``, the slowest copy, and the failures in words.

    `copies` are those of `damaged`, and are written to `path` one after the other.
    """
    counts, slowest, failed = {}, (0.0, ""), []
    for what, content in copies:
        path.write_bytes(content)
        start = time.process_time()
        try:
            end = outcome(path)
            counts[end] = counts.get(end, 0) + 1
        except Exception as error:
            failed.append(f"{what}: {type(error).__name__}: {error}")
        slowest = max(slowest, (time.process_time() - start, what))
    return counts, slowest, failed


def _place(content, rng):
    # Half of the damage goes to the first blocks, since most of a file is pixels.
    return int(rng.integers(len(content) if rng.random() < 0.5 else min(len(content), 5760)))


def _bits(content, rng):
    for _ in range(int(rng.integers(1, 4))):
        content[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return content


def _zeros(content, rng):
    at, length = _place(content, rng), int(rng.integers(1, 200))
    content[at : at + length] = bytes(len(content[at : at + length]))
    return content


def _noise(content, rng):
    at, length = _place(content, rng), int(rng.integers(1, 200))
    content[at : at + length] = rng.bytes(len(content[at : at + length]))
    return content


def _cards(content):
    """Where cards with a value begin."""
    return [i for i in range(0, len(content) - 80, 80) if content[i + 8 : i + 10] == b"= "]


def _card(content, rng):
    cards = _cards(content)
    at = cards[int(rng.integers(len(cards)))]
    value = NASTY[int(rng.integers(len(NASTY)))]
    content[at + 10 : at + 80] = value.rjust(20).ljust(70).encode("latin-1")
    return content


def _lost_card(content, rng):
    """A card is gone, or stands there twice."""
    cards = _cards(content)
    at, other = (cards[int(i)] for i in rng.integers(len(cards), size=2))
    content[at : at + 80] = b" " * 80 if rng.random() < 0.5 else content[other : other + 80]
    return content


def _cut(content, rng):
    return content[: _place(content, rng)]


def _moved(content, rng):
    """Bytes are lost or added, so that all behind them is out of its place."""
    at = _place(content, rng)
    if rng.random() < 0.5:
        del content[at : at + int(rng.choice([1, 80, 2880, 77]))]
    else:
        content[at:at] = rng.bytes(int(rng.choice([1, 80, 2880])))
    return content


# ---------------------------------------------------------------------- texts

TOKEN = re.compile(r"[\w.+-]+|\s+|.", re.DOTALL)
ODD_TOKENS = (
    "\0",
    "é",
    "nan",
    "1e400",
    "-1",
    "9" * 40,
    "{",
    '"',
    "'",
    "(",
    "]]",
    ";",
    "#",
    ",",
    "\t",
    "\n",
    "<",
    "/>",
    "--",
    "\x85",
    "-",
    "&lt;",
    "float16",
    "string",
    "deg",
    "[2,null]",
    "999999999",
    "!!python/name:os.system",
    "*a",
    "&a",
)


def damaged_text(content, n, seed):
    """As `damaged`, for texts: half of the copies have tokens deleted, doubled, exchanged or put in."""
    rng = np.random.default_rng(seed)
    tokens = TOKEN.findall(content.decode())
    for k, (what, copy) in enumerate(damaged(content, n, seed)):
        if k % 2:
            yield what, copy
        else:
            yield f"tokens {k} of seed {seed}", _tokens(list(tokens), rng).encode()


def _tokens(tokens, rng):
    for _ in range(int(rng.integers(1, 5))):
        # Half of the damage goes to the beginning, since most of a table is rows.
        span = len(tokens) if rng.random() < 0.5 else min(len(tokens), 200)
        i, j = (int(k) for k in rng.integers(span, size=2))
        match int(rng.integers(6)):
            case 0:
                del tokens[i]
            case 1:
                tokens.insert(i, tokens[i])
            case 2:
                tokens.insert(i, tokens[j])
            case 3:
                tokens[i], tokens[j] = tokens[j], tokens[i]
            case 4:
                tokens.insert(i, ODD_TOKENS[int(rng.integers(len(ODD_TOKENS)))])
            case 5:
                tokens[i] = ODD_TOKENS[int(rng.integers(len(ODD_TOKENS)))]
    return "".join(tokens)
