"""
Away from the Galactic plane and sources
========================================

A study of diffuse gamma rays leaves out the sky around every known source and the
Galactic plane. Two lines make the two regions, and ``~`` keeps the sky outside them.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask

# %%
# The catalog is in the repository of hpmask. Its path counts from the folder of this
# example. Positions are found by the names of their columns.

catalog = "../../fermi_exclusion/gll_psc_v35_4FGL-DR4_slim.fits.gz"
sources = Mask.from_catalog(catalog, "0.5 deg", order=10)
plane = Mask.from_zone(lat=("-2 deg", "2 deg"), zone_frame="galactic", order=10)

mask = ~(sources | plane)
mask.plot(frame="galactic")

# %%
# A field is drawn by its center and width. The mask is the same: nothing was projected.

vela = SkyCoord(128.8, -45.2, unit="deg")
mask.plot(center=vela, width="24 deg", frame="galactic")
plt.show()
