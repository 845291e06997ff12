"""
The energy threshold across a field
===================================

The energy threshold of a Cherenkov telescope rises with the distance from the pointing.
A mask with energy bins keeps each energy where it can be trusted, and
``energy_range_wcs`` returns the lowest energy that is kept in each pixel.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask
from hpmask.plotting import field_axes
from hpmask.wcs import field_wcs

axis = EnergyAxis.from_bounds("0.1 TeV", "10 TeV", 8, per_decade=True)
pointings = SkyCoord([83.1, 84.3], [22.0, 22.0], unit="deg")


def reach(axis):
    """How far from a pointing the energy of a bin can be trusted."""
    return 1.2 * u.deg + 1 * u.deg * np.log10(axis.energy_min / (0.1 * u.TeV))


mask = Mask.from_cones(pointings, reach, order=11, energy=axis)

wcs, shape = field_wcs(SkyCoord(83.7, 22, unit="deg"), "8 deg", binsz="0.02 deg")
lowest, _ = mask.energy_range_wcs(wcs, shape)

figure = plt.figure(figsize=(7, 6), layout="constrained")
ax = field_axes(figure, wcs, shape)
image = ax.imshow(lowest.to_value("TeV"), norm="log", cmap="viridis_r")
figure.colorbar(image, label="lowest energy [TeV]", shrink=0.8)
ax.plot(pointings.ra, pointings.dec, "k+", transform=ax.get_transform("icrs"))
plt.show()
