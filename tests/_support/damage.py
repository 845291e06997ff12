"""Damaged copies of files, the same ones in every run, for tests that readers fail as they should."""

import gzip
import io
import re
import time
from contextlib import suppress

import numpy as np
from astropy.io import fits

from hpmask._files.hdu import write_hdu

# Values that a card should not have: other types, numbers out of bounds, words, nothing.
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


def damaged(content, n, seed, more=()):
    """Yield `n` damaged copies of some bytes, each with a description of the damage; `more` are further kinds of it."""
    rng = np.random.default_rng(seed)
    ways = (_bits, _zeros, _noise, _cut, _moved, *more)
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


# ---------------------------------------------------------------------- masks

# Runs that no reader should spend time or memory on, and words of the formats where they should not be.
RUNS = (
    b"9" * 19,
    b"9" * 5000,
    b"[" * 3000,
    b'{"s":' * 3000,
    b" " * 5000,
    b"/",
    b"-",
    b",",
    b"#",
    b'"',
    b"]",
    b"}",
    b"\x00",
    b"\xff\xfe",
    b"1e400",
    b"NaN",
    b"29/",
    b"30/",
    b"3/",
    b"0-11 ",
    b"#MOCORDER 30\n",
)


def damaged_masks(content, n, seed):
    """As `damaged`, for files of masks: also with sums that are right again, and below the compression of a file."""
    kinds = (_doubled, _swapped, _run, _card_with_sums, _card_with_sums)
    if content[:2] != b"\x1f\x8b":
        yield from damaged(content, n, seed, kinds)
        return
    inside = damaged(gzip.decompress(content), n // 2, seed, kinds)
    yield from ((f"{what}, inside", gzip.compress(copy, 1, mtime=0)) for what, copy in inside)
    yield from damaged(content, n - n // 2, seed, kinds)


def _doubled(content, rng):
    at = _place(content, rng)
    length = int(rng.choice([1, 4, 8, 24, 80, 2880]))
    content[at:at] = content[at : at + length] * int(rng.choice([1, 1, 100]))
    return content


def _swapped(content, rng):
    """Two words of 32 bits change places, which the sums of FITS do not notice."""
    at, other = (_place(content, rng) // 4 * 4 for _ in range(2))
    content[at : at + 4], content[other : other + 4] = content[other : other + 4], content[at : at + 4]
    return content


def _run(content, rng):
    at = _place(content, rng)
    content[at : at + int(rng.integers(3))] = RUNS[int(rng.integers(len(RUNS)))]
    return content


def _card_with_sums(content, rng):
    """A card of FITS with another value, and right sums again as far as the file can be taken apart."""
    if not _cards(content):
        return _run(content, rng)
    content = bytes(_card(content, rng))
    with suppress(Exception):
        return with_new_sums(content)
    return content


def with_new_sums(whole):
    """A FITS file with the sums of its HDUs computed again."""
    out, file = io.BytesIO(), io.BytesIO(whole)
    while header := file.read(2880):
        while b"END".ljust(80) not in header and (more := file.read(2880)):
            header += more
        cards = fits.Header.fromstring(header.decode("latin-1"))
        size = min(abs(int(cards.get("NAXIS1", 0)) * int(cards.get("NAXIS2", 0))), len(whole))
        write_hdu(out, cards, np.frombuffer(file.read(size + -size % 2880), np.uint8))
    return out.getvalue()


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
    tokens = damaged_tokens(content.decode(), n, seed)
    for k, (what, copy) in enumerate(damaged(content, n, seed)):
        if k % 2:
            yield what, copy
        else:
            yield f"tokens {k} of seed {seed}", next(tokens).encode()


def damaged_tokens(text, n, seed, odd=ODD_TOKENS):
    """Yield `n` copies of a text with tokens deleted, doubled, exchanged or replaced by odd ones."""
    rng = np.random.default_rng(seed)
    tokens = TOKEN.findall(text)
    return (_tokens(list(tokens), rng, odd) for _ in range(n))


def _tokens(tokens, rng, odd):
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
                tokens.insert(i, odd[int(rng.integers(len(odd)))])
            case 5:
                tokens[i] = odd[int(rng.integers(len(odd)))]
    return "".join(tokens)
