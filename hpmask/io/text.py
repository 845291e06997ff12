"""The beginning of files, which both text formats share.

A file may begin with a byte order mark and with comments, which are lines that begin with ``#``. Old tools of the CDS
give the order of the MOC in a comment, as ``#MOCORDER 8``.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import IO

from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.errors import MaskFormatError

__all__ = ["begins_with", "opened"]

# Bytes that are read and parsed at a time.
_PIECE = 1 << 20

# The comments must end within this number of bytes.
_HEAD = 1 << 16

_COMMENTS = re.compile(rb"(?:\xef\xbb\xbf)?+(?:\s*+#[^\n]*+(?:\n|\Z))*+\s*+")
_ORDER = re.compile(rb"^[ \t]*+#[ \t]*+MOCORDER[ \t:=]*+(\S*+)", re.IGNORECASE | re.MULTILINE)


def begins_with(start: bytes, pattern: re.Pattern[bytes]) -> bool:
    """Whether the first bytes of a file match a pattern after the comments."""
    comments = _COMMENTS.match(start)
    return comments is not None and pattern.match(start, comments.end()) is not None


def opened(file: IO[bytes]) -> tuple[int | None, Iterator[bytes]]:
    """The order in the comments of a file, or None, and the text after them, in pieces of up to 1 MiB.

    Raises
    ------
    MaskFormatError
        If the order is not valid, or the comments are too long.
    """
    start = file.read(_HEAD)
    comments = _COMMENTS.match(start)
    head = start[: comments.end()] if comments else b""
    if len(head) == _HEAD:
        raise MaskFormatError(f"the file begins with more than {_HEAD} bytes of comments and blanks")
    orders = {_order(text) for text in _ORDER.findall(head.removeprefix(BOM_UTF8))}
    if len(orders) > 1:
        raise MaskFormatError(f"the comments give different orders: MOCORDER {sorted(orders)}")
    return next(iter(orders), None), _pieces(start[len(head) :], file)


def _order(text: bytes) -> int:
    if not (text.isdigit() and len(text) < 9 and int(text) <= MAX_ORDER):
        raise MaskFormatError(f"MOCORDER must be from 0 to {MAX_ORDER}, but is {text.decode('latin-1')[:20]!r}")
    return int(text)


def _pieces(first: bytes, file: IO[bytes]) -> Iterator[bytes]:
    while first:
        yield first
        first = file.read(_PIECE)
        # gzip compresses blanks a thousand times, and no writer produces this many of them.
        if len(first) == _PIECE >= _HEAD and not first.strip(b" \t\r\n\f\v,"):
            raise MaskFormatError(f"there are more than {_PIECE} blanks in a row")
