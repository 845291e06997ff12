"""
Outlines and region files
=========================

The outline of a mask follows the sides of its cells. Simplified to an angle, it has few
vertices, and ds9 and other programs read it as a file of polygons.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from matplotlib.patches import Polygon

from hpmask import Mask

center = SkyCoord(10, 41, unit="deg")
mask = Mask.from_ellipses(center, "1.6 deg", "0.6 deg", "35 deg", order=11)
mask = mask - Mask.from_cones(center, "0.2 deg", order=11)

ax = mask.plot(
    style="footprint", center=center, width="3.6 deg", label="mask", alpha=0.4
)
ax.set_title("Outlines, simplified to 3 arcmin (red) and 10 arcmin (black)")
for simplify, colour in (("3 arcmin", "C3"), ("10 arcmin", "black")):
    for outer, holes in mask.outline(simplify=simplify):
        for ring in (outer, *holes):
            corners = np.stack([ring.ra.deg, ring.dec.deg], axis=-1)
            path = Polygon(
                corners,
                fill=False,
                edgecolor=colour,
                transform=ax.get_transform("icrs"),
            )
            ax.add_patch(path)

# %%
# The suffix of the file says its format.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "m31.reg"
    mask.write(path, simplify="3 arcmin")
    print(path.read_text()[:200])
plt.show()
