"""
Center, overlap or inside
=========================

The edge of a shape cuts cells. The mode says which of them are in the mask: those with
their center in the shape (the default, which has the right area on average), all that
the shape touches, or only those that are fully inside it. The cells are large here, to
show it.
"""

import matplotlib.pyplot as plt
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.plotting import field_axes
from hpmask.wcs import field_wcs

center, radius = SkyCoord(45, 20, unit="deg"), 2 * u.deg
disc = Mask.from_cones(center, radius, order=12)
wcs, shape = field_wcs(center, "7 deg")

figure = plt.figure(figsize=(10, 3.9), layout="constrained")
for i, mode in enumerate(["inside", "center", "overlap"]):
    mask = Mask.from_cones(center, radius, order=6, mode=mode)
    ax = field_axes(figure, wcs, shape, position=(1, 3, i + 1))
    mask.plot(ax, style="footprint", legend=False)
    disc.plot(ax, style="outline", edge="black", legend=False)
    ax.set_title(f"{mode}: {mask.area:.1f}")
figure.suptitle(f"A disc of {disc.area:.1f}")
plt.show()
