"""
Margins as wide as the point spread function
============================================

The point spread function of Fermi-LAT is narrower at higher energies, and so are the
margins around sources. The width of a dilation may be a function of the energy axis.
"""

import matplotlib.pyplot as plt
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask

axis = EnergyAxis([0.1, 0.3, 1, 3, 10] * u.GeV)


def r68(axis):
    """The radius that holds 68 % of the events, approximately."""
    return 0.8 * u.deg * (axis.center / u.GeV).to_value("") ** -0.8 + 0.1 * u.deg


sources = Mask.from_regions(
    """galactic
    circle(184.56, -5.78, 0.2)
    ellipse(189.1, 3.0, 0.7, 0.4, 40)
    circle(195.1, 4.3, 0.3)
    """,
    format="ds9",
    order=11,
)
mask = ~sources.resample_energy(axis).dilate(r68)
print((~mask).area.round(1))

mask.plot_grid(
    style="exclusion",
    center=SkyCoord(189, 0, unit="deg", frame="galactic"),
    width="24 deg",
    frame="galactic",
    ncols=2,
    figsize=(7.5, 7.4),
)
plt.show()
