"""
Dilation and erosion
====================

Dilation adds all sky within an angle of a mask, and erosion removes all sky within an
angle of its complement. The angle is measured on the sphere, so both work at the pole.
"""

import matplotlib.pyplot as plt
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.plotting import plot

stars = SkyCoord([0, 100, 215, 235, 300], [86.2, 87.5, 84.5, 85.5, 88], unit="deg")
mask = Mask.from_cones(stars, [1.9, 0.7, 1.2, 1.1, 1.0] * u.deg, order=10)

masks = {
    "dilated by 0.5°": mask.dilate("0.5 deg"),
    "the mask": mask,
    "eroded by 0.5°": mask.erode("0.5 deg"),
}
plot(masks, center=SkyCoord(0, 90, unit="deg"), width="15 deg", alpha=1)
plt.show()
