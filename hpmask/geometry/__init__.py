"""Cells of HEALPix, and the frames and positions that users give.

`parse_position` reads a position from text.
"""

from hpmask.geometry.positions import parse_position

__all__ = ["parse_position"]
