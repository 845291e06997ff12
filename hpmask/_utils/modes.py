"""Which cells or pixels count as in a shape: by their centre, if they overlap it, or if they are inside it."""

from __future__ import annotations

from typing import Literal, cast

__all__ = ["MODES", "PIXEL_MODES", "Mode", "PixelMode", "check_mode", "check_pixel_mode"]

Mode = Literal["center", "overlap", "inside"]
PixelMode = Literal["center", "overlap", "inside", "fraction"]
MODES = ("center", "overlap", "inside")
PIXEL_MODES = (*MODES, "fraction")


def check_mode(mode: str) -> Mode:
    """`mode`, if it is one of those for cells.

    Raises
    ------
    ValueError
        If it is another word.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be 'center', 'overlap' or 'inside', got {mode!r}")
    return cast(Mode, mode)


def check_pixel_mode(mode: str) -> PixelMode:
    """`mode`, if it is one of those for pixels.

    Raises
    ------
    ValueError
        If it is another word.
    """
    if mode not in PIXEL_MODES:
        raise ValueError(f"mode must be 'center', 'overlap', 'inside' or 'fraction', got {mode!r}")
    return cast(PixelMode, mode)
