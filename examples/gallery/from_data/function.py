"""
Away from both planes
=====================

A condition on coordinates can be a function. Here it keeps the sky more than 15° from
the Galactic plane and more than 15° from the ecliptic. With ``refine_from``, small
cells are evaluated only along the edges.
"""

import matplotlib.pyplot as plt
from astropy import units as u

from hpmask import Mask


def far_from_both(coord):
    """Whether positions are far from the Galactic plane and from the ecliptic."""
    galactic = abs(coord.galactic.b) > 15 * u.deg
    return galactic & (abs(coord.barycentrictrueecliptic.lat) > 15 * u.deg)


mask = Mask.from_function(far_from_both, order=8, refine_from=5)
mask.plot(style="exclusion", frame="ecliptic")
plt.show()
