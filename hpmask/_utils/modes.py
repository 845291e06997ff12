"""Modes: a cell or pixel is in a shape if its centre is, if it overlaps the shape, or if it is fully inside."""

from __future__ import annotations

from typing import Literal, cast

__all__ = ["MODES", "PIXEL_MODES", "Mode", "PixelMode", "check_mode", "check_pixel_mode"]

Mode = Literal["center", "overlap", "inside"]
PixelMode = Literal["center", "overlap", "inside", "fraction"]
MODES = ("center", "overlap", "inside")
PIXEL_MODES = (*MODES, "fraction")


def check_mode(mode: str) -> Mode:
    """`mode`, checked: a mode for cells.

    Raises
    ------
    ValueError
        If it is not one of them.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be 'center', 'overlap' or 'inside', got {mode!r}")
    return cast(Mode, mode)


def check_pixel_mode(mode: str) -> PixelMode:
    """`mode`, checked: a mode for pixels.

    Raises
    ------
    ValueError
        If it is not one of them.
    """
    if mode not in PIXEL_MODES:
        raise ValueError(f"mode must be 'center', 'overlap', 'inside' or 'fraction', got {mode!r}")
    return cast(PixelMode, mode)
