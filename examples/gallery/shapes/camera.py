"""
The chips of a camera, and the gaps between them
================================================

A camera has many chips with gaps between them. Here are chips on a round focal plane,
turned by 20°. Four exposures, each moved by some arcminutes, fill the gaps.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask, MaskSet

x, y = np.meshgrid(np.arange(-3, 4) * 0.28, np.arange(-6, 7) * 0.15)
on_plane = np.hypot(x, y) < 1.05
x, y = x[on_plane], y[on_plane]
turn = 20 * u.deg
east = (x * np.cos(turn) + y * np.sin(turn)) * u.deg
north = (-x * np.sin(turn) + y * np.cos(turn)) * u.deg


def exposure(ra, dec):
    """The sky that the chips see when the telescope points there."""
    chips = SkyCoord(ra, dec, unit="deg").spherical_offsets_by(east, north)
    return Mask.from_boxes(chips, "0.26 deg", "0.13 deg", turn, order=13)


pointings = [(52.9, -27.8), (52.96, -27.86), (52.87, -27.73), (52.99, -27.77)]
exposures = [exposure(ra, dec) for ra, dec in pointings]
masks = MaskSet(
    {
        "one exposure": exposures[0],
        "four exposures": Mask.union(*exposures),
    }
)
center = SkyCoord(52.9, -27.8, unit="deg")
masks.plot_grid(center=center, width="2.6 deg", legend=False, figsize=(8, 4.2))
plt.show()
