"""Region files of all formats."""

from __future__ import annotations

import re
import warnings
from typing import Any

from fuzz.checks import Fault, as_file, check_mask, check_round_trip, equal, outcome
from hpmask import Mask

__all__ = ["compare_with_regions", "one_file", "one_text"]

_ORDER = 4


def one_file(data: bytes, suffix: str, **options: Any) -> Mask | None:
    """The mask of a region file, after all checks; None if it is refused, or if only a part of it can be read.

    `options` are those of `hpmask.Mask.from_regions`.
    """
    path = as_file(data, f"r{suffix}")

    def read(mode: str, invalid: str) -> Mask | None:
        return outcome(
            lambda: Mask.from_regions(path, order=_ORDER, mode=mode, invalid=invalid, n_threads=1, **options),
            path,
            (ValueError,),
            path.name,
        )

    mask = read("center", "raise")
    some = read("center", "skip")
    if some is None:
        if mask is not None:
            raise Fault("refused-with-skip", "a file that can be read is refused with invalid='skip'")
        return None
    check_mask(some)
    check_round_trip(some)
    wide = read("overlap", "skip")
    if wide is None:
        raise Fault("refused-in-mode", "a file that can be read in mode 'center' is refused in mode 'overlap'")
    check_mask(wide)
    if not some <= wide:
        raise Fault("center-not-in-overlap", f"{some!r} has cells that {wide!r} has not")
    if mask is not None:
        equal(mask, some, "invalid='skip'")
    return mask


def one_text(data: bytes, suffix: str, format: str, *, other: re.Pattern[str], ends: str, most: int) -> None:
    """Put a region text through all checks, and compare it with the regions package.

    It is not compared where a word of `other` occurs, or more than `most` characters that are `ends` of lines.
    """
    mask = one_file(data, suffix)
    if mask is None or data.startswith(b"\x1f\x8b"):
        return
    text = data.decode("utf-8", errors="replace")
    if not other.search(text.lower()) and sum(text.count(end) for end in ends) <= most:
        compare_with_regions(mask, text, format)


def compare_with_regions(mask: Mask, text: str, format: str) -> None:
    """Raise a `Fault` if the regions package reads a text without a word, and finds another sky than hpmask.

    It skips what it does not understand and warns of most of it. A text with fewer regions than lines is therefore not
    compared, nor one with a word that both read in different ways.
    """
    from regions import Regions

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found: Any = Regions.parse(text, format=format)
            if not len(found):
                return
            again = Mask.from_regions(found, order=_ORDER, n_threads=1)
        except Exception:
            return
    equal(mask, again, "read by the regions package")
