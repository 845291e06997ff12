"""Masks that are MOCs: their files, and mocpy as another reader of them."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.checks import as_file, check_mask, check_round_trip, outcome, same_sky
from hpmask import Mask, RangeSet

__all__ = ["cells", "compare_with_mocpy", "one_text", "written"]


def cells() -> RangeSet:
    """Cells of several orders, for seeds."""
    return RangeSet.from_cells(np.arange(0, 300, 7), 6) | RangeSet.from_cells([5, 9], 1)


def one_text(data: bytes, format: str, *, otherwise: tuple[bytes, ...] = ()) -> None:
    """Put a text of a MOC through its reader and all checks, and compare it with mocpy.

    Texts with the words `otherwise` are read in another way by mocpy.
    """
    path = as_file(data, f"m.{format}")
    mask = outcome(lambda: Mask.read(path, format=format), path)
    if mask is None:
        return
    check_mask(mask)
    check_round_trip(mask, (format,))
    compare_with_mocpy(mask, path, format, otherwise=otherwise)


def written(mask: Any, format: str, *, packed: bool = False) -> bytes:
    """The file of a mask or of a set of masks."""
    file = io.BytesIO()
    mask.write(file, format=format)
    return gzip.compress(file.getvalue(), mtime=0) if packed else file.getvalue()


def compare_with_mocpy(mask: Mask, path: Path, format: str, *, otherwise: tuple[bytes, ...] = ()) -> None:
    """Raise a `Fault` if mocpy reads a file without the words `otherwise`, and finds another sky than hpmask."""
    from mocpy import MOC

    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
        path = path.with_name("unpacked")
        path.write_bytes(content)
    if any(word in content for word in otherwise):
        return
    try:
        moc = MOC.load(str(path), format=format)
        ranges = np.asarray(moc.to_depth29_ranges).reshape(-1, 2)
    except BaseException as error:
        # mocpy panics for some files, which Python sees as an exception that is not an `Exception`.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return
    same_sky(mask, ranges, "mocpy")
