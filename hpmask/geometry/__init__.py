"""HEALPix cells, coordinate frames, and positions given by users.

`parse_position` reads a position from text.
"""

from hpmask.geometry.positions import parse_position

__all__ = ["parse_position"]
