"""
Fill holes, remove specks
=========================

Masks from noisy data have holes and specks. Both are connected components, of the
complement or of the mask, and are chosen by their area.
"""

import matplotlib.pyplot as plt
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask, MaskSet

center = SkyCoord(120, 40, unit="deg")
region = Mask.from_ellipses(center, "4 deg", "2.6 deg", "60 deg", order=11)
around = Mask.from_boxes(center, "11 deg", "9 deg", order=11)
radius = [0.1] * 60 * u.deg
radius[:3] = 0.5 * u.deg
noise = Mask.from_cones(around.random(60, seed=11), radius, order=11)
noisy = region ^ noise

masks = MaskSet(
    {
        "from data": noisy,
        'fill_holes("0.1 deg2")': noisy.fill_holes("0.1 deg2"),
        'remove_small("0.1 deg2")': noisy.remove_small("0.1 deg2"),
        "fill_holes().keep_largest()": noisy.fill_holes().keep_largest(),
    }
)
masks.plot_grid(
    center=center, width="13 deg", height="10 deg", legend=False, figsize=(7.5, 6.2)
)
plt.show()
