"""
Zones, and the Galactic bulge
=============================

The Galaxy in the way of an extragalactic survey: a zone of latitude, an ellipse around
the Galactic center for the bulge, and the sky that never rises at the site. Each is
given in the frame in which it is simple.
"""

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask

center = SkyCoord(0, 0, unit="deg", frame="galactic")
disc = Mask.from_zone(lat=("-5 deg", "5 deg"), zone_frame="galactic", order=9)
# A position angle is counted in the frame of the center: along the plane.
bulge = Mask.from_ellipses(center, "25 deg", "12 deg", "90 deg", order=9)
never_up = Mask.from_zone(lat=("-90 deg", "-60 deg"), order=9)

survey = ~(disc | bulge | never_up)
survey.plot(style="exclusion", frame="galactic")

# %%
# The same mask in ICRS. Masks have a frame of their own, and every picture another one.

survey.plot(style="exclusion", frame="icrs")
plt.show()
