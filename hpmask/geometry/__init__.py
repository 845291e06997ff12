"""HEALPix cells, coordinate frames, and positions given by users.

`parse_position` reads a position from text, and `order_of` finds the order of the cells for a resolution.
"""

from hpmask.geometry.healpix import order_of
from hpmask.geometry.positions import parse_position

__all__ = ["order_of", "parse_position"]
